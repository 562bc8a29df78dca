"""The prompt template of training and generation."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shelftalk.prompts import ENGLISH, request_for, request_of, split_request
from shelftalk.records import Product


@given(st.text(), st.text())
def test_a_request_always_holds_the_title_as_it_stands(uid: str, title: str) -> None:
    assert title in ENGLISH.training_request(Product(uid, title, ""))
    assert ENGLISH.training_request(Product(uid, title, "")) == ENGLISH.training_request(Product(uid, title, "other"))


def test_every_form_is_used_and_half_are_bare_titles() -> None:
    forms = Counter(ENGLISH.training_request(Product(f"{number:010d}", "X", "")) for number in range(3000))
    assert set(forms) == {"X", "What is X?", "Describe X.", "Tell me about X."}
    assert 0.45 < forms["X"] / 3000 < 0.55


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
