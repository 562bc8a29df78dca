"""The prompt template of training and generation."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.prompts import ENGLISH, TEMPLATES, request_for, request_of, split_request, template_for
from shelftalk.records import Product


@given(st.text(), st.text())
def test_a_request_always_holds_the_title_as_it_stands(uid: str, title: str) -> None:
    assert title in ENGLISH.training_request(Product(uid, title, ""))
    assert ENGLISH.training_request(Product(uid, title, "")) == ENGLISH.training_request(Product(uid, title, "other"))


def test_every_form_is_used_and_half_are_bare_titles() -> None:
    forms = Counter(ENGLISH.training_request(Product(f"{number:010d}", "X", "")) for number in range(3000))
    assert set(forms) == {"X", "What is X?", "Describe X.", "Tell me about X."}
    assert 0.45 < forms["X"] / 3000 < 0.55


@pytest.mark.parametrize("code", TEMPLATES)
def test_the_words_of_a_language_hold_the_title_and_are_its_own(code: str) -> None:
    words = template_for(code)
    assert all(one.count("{title}") == 1 and "X" in one.format_map({"title": "X"}) for one in words.questions)
    assert len(set(words.questions)) == len(words.questions)
    assert words.cue.endswith(":") and words.cue.strip() == words.cue and "\n" not in words.cue
    others = [one for other, one in TEMPLATES.items() if other != code]
    assert words.cue not in {one.cue for one in others}
    assert words.questions not in {one.questions for one in others}


def test_a_language_without_words_of_its_own_is_asked_in_english() -> None:
    assert template_for("eu") == template_for("") == ENGLISH


def test_only_what_needs_no_run_names_english() -> None:
    """Elsewhere the words are the run's or the catalogue's: a default would be English in a place that forgot them."""
    source = Path(__file__).resolve().parents[1] / "src" / "shelftalk"
    imports = re.compile(r"from shelftalk\.prompts import .*\bENGLISH\b|prompts\.ENGLISH")
    named = {path.name for path in source.rglob("*.py") if imports.search(path.read_text(encoding="utf-8"))}
    assert named == {"gguf_files.py", "llama_cpp_engine.py"}


def test_braces_in_a_title_are_only_braces() -> None:
    assert "{title} {0}" in ENGLISH.training_request(Product("1", "{title} {0}", ""))


def test_a_prompt_is_the_request_and_the_cue() -> None:
    assert ENGLISH.prompt_for("  What is this? \n") == "What is this?" + ENGLISH.end


def test_each_attribute_is_a_line_between_request_and_cue() -> None:
    attributes = (("material", "oiled beech"), ("length", "45 cm"))
    assert ENGLISH.prompt_for(request_for("Rolling Pin", attributes)) == (
        "Rolling Pin\nmaterial: oiled beech\nlength: 45 cm\n\nProduct description:\n"
    )
    assert ENGLISH.training_request(Product("1", "Rolling Pin", "", attributes)).endswith(
        "\nmaterial: oiled beech\nlength: 45 cm"
    )
    assert request_for("Rolling Pin") == "Rolling Pin"
    product = Product("1", "Rolling Pin", "", attributes)
    assert split_request(request_of(product)) == ("Rolling Pin", attributes)
    assert split_request("What is it?\nTell me more") == ("What is it?\nTell me more", ())
