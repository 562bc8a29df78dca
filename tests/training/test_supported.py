"""What a description claims without support is replaced by plain sentences of the attributes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.marketplace import make_rows
from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.claims.find import count_unsupported
from shelftalk.claims.told import attributes_told
from shelftalk.errors import InvalidSettings
from shelftalk.models import tiny
from shelftalk.models.registry import find_model
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product
from shelftalk.runs.run import Run
from shelftalk.sentences import split_sentences
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import encode_products
from shelftalk.training.supported import supported_example
from shelftalk.workspace import Workspace

MUG = Product(
    "1",
    "Zola Ceramic Mug (Blue)",
    "Buy it for Rs. 499 online. A mug for every day. It holds 300 ml! Made in Jaipur of teak wood?",
    (("Capacity", "300 ml"), ("Microwave Safe", "Yes"), ("Color", "Blue")),
)


def test_sentences_with_other_claims_go_and_what_is_then_untold_is_said_plainly() -> None:
    found = supported_example(MUG).description
    assert found == "A mug for every day. It holds 300 ml! It is microwave safe. The color is Blue."
    assert supported_example(replace(MUG, description=found)).description == found  # nothing is left to replace


def test_a_text_whose_claims_are_all_supported_stays_as_it_is() -> None:
    sound = replace(MUG, description="A blue mug for every day.")  # also where it leaves attributes out
    assert supported_example(sound) == sound


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ((("Capacity", "300 ml"), ("Color", "Blue")), "This is the Zola Ceramic Mug (Blue). The capacity is 300 ml."),
        ((), "Zola Ceramic Mug (Blue)."),
    ],
)
def test_the_title_comes_first_where_no_sentence_is_left(attributes: tuple[tuple[str, str], ...], text: str) -> None:
    assert supported_example(replace(MUG, description="Rs. 499 only!", attributes=attributes)).description == text


def test_sentences_are_cut_where_they_begin() -> None:
    text = "Is it? Yes!  It is.  "
    assert split_sentences(text) == [(0, "Is it?"), (7, "Yes!"), (13, "It is.")]
    assert split_sentences("") == []
    assert split_sentences("Now for Rs.  499 only! Buy.") == [(0, "Now for Rs.  499 only!"), (23, "Buy.")]


def test_what_is_learned_of_a_messy_catalogue_claims_nothing_without_support_and_tells_its_attributes(
    workspace: Workspace, tmp_path: Path
) -> None:
    rows = make_rows(80)
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline.prepare_catalogue(workspace, source, "rows", PrepareSettings())
    products = Catalogue.open(workspace.existing_catalogue("rows")).sample("train", 80, 0)
    assert sum(
        count_unsupported(one.description, one.title, (), one.attributes, language="en") or 0 for one in products
    ) > len(products)
    learned = [supported_example(one) for one in products]
    assert not sum(
        count_unsupported(one.description, one.title, (), one.attributes, language="en") or 0 for one in learned
    )
    told = [
        len(attributes_told(one.description, one.attributes, language="en")) / len(one.attributes) for one in learned
    ]
    assert sum(told) / len(told) > 0.85
    _, tokenizer = tiny.make()
    settings = TrainingSettings(base_model="tiny", unsupported="replace", max_tokens=2048)
    examples = encode_products(tokenizer, ENGLISH, products, settings)
    texts = [tokenizer.decode(examples[row].ids[examples[row].prompt_length :]) for row in range(len(products))]
    assert sum(one.description in text for one, text in zip(learned, texts, strict=True)) > 0.7 * len(products)


def test_descriptions_in_a_language_without_rules_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "canecas.jsonl"
    rows = [
        {"title": f"Caneca {n}", "description": f"Esta caneca de porcelana tem {n} ml e é feita para o café da manhã."}
        for n in range(40)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline.prepare_catalogue(workspace, source, "canecas", PrepareSettings())
    settings = TrainingSettings(base_model="tiny", unsupported="replace")
    with pytest.raises(InvalidSettings, match=r"unsupported='replace' needs descriptions in English.* 'canecas'"):
        Run.create(workspace, "one", "canecas", settings, find_model("tiny", workspace, None))
    Run.create(
        workspace, "one", "canecas", settings.replace({"unsupported": "learn"}), find_model("tiny", workspace, None)
    )
