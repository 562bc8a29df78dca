"""A plain text says every attribute in order, and its request says that it is plain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from demo_catalogue.build import SOURCES, read_products
from shelftalk.claims.told import attributes_told
from shelftalk.prompts import ENGLISH, split_request
from shelftalk.records import Product
from shelftalk.training.plain import STYLE, plain_examples

PEG = Product("1", "Oak Peg", "This peg is for hats.", (("material", "oak"), ("length", "9 cm")))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("material", "oak", "The material is oak."),
        ("ages", "4 to 6", "The ages are 4 to 6."),
        ("stop", "sliding leather.", "It has a sliding leather stop."),
        ("handle", "oak", "It has an oak handle."),
        ("plays", "6", "It has 6 plays."),
        ("engraved lines", "up to four", "It has up to four engraved lines."),
        ("ear pads", "velour", "It has velour ear pads."),
        ("cast", "four", "The cast is four."),
        ("playing time", "25 minutes", "The playing time is 25 minutes."),
        ("screen", "40 x 30 cm", "The screen is 40 x 30 cm."),
        ("glass", "clear", "It has a clear glass."),
        ("fits", "cakes up to 25 cm", "It fits cakes up to 25 cm."),
        ("works with", "most phones", "It works with most phones."),
        ("included", "a jug", "It includes a jug."),
        ("feature", "folds flat", "It folds flat."),
        ("Outer Material", "Canvas", "The outer material is Canvas."),
        ("Closure", "Eyelet", "The closure is Eyelet."),
        ("Neck", "Round Neck", "It has a Round Neck."),
        ("UK sizes", "3 to 8", "It has 3 to 8 UK sizes."),
        ("Number of Output Ports", "1", "It has 1 output port."),
        ("Number of Contents in Sales Package", "Pack of 2", "It comes as a pack of 2."),
        ("Flat Sheet Width", "90 inch", "The flat sheet width is 90 inch."),
        ("Ideal For", "Women", "It is ideal for Women."),
        ("Microwave Safe", "Yes", "It is microwave safe."),
        ("Water Resistant", "No", "It is not water resistant."),
        ("Mattress Included", "Yes", "The mattress is included."),
    ],
)
def test_a_sentence_follows_name_and_value(name: str, value: str, sentence: str) -> None:
    [plain] = plain_examples([replace(PEG, attributes=((name, value),))], 1.0, 42)
    assert plain.description == sentence


def test_a_plain_example_is_asked_for_in_its_last_line() -> None:
    [plain] = plain_examples([PEG], 1.0, 42)
    assert plain.description == "The material is oak. The length is 9 cm."
    assert split_request(ENGLISH.training_request(plain))[1] == (*PEG.attributes, STYLE)
    assert STYLE not in PEG.attributes


def test_what_makes_no_simple_sentence_is_neither_asked_for_nor_told() -> None:
    sentences = (
        *(("good to know", "screws are extra"), ("care", "wash at 30 degrees, then dry flat"), ("note", "...")),
        *(("Certification", "None"), ("Bluetooth", "Yes"), ("Other Dimensions", "N/A")),
    )
    [plain] = plain_examples([replace(PEG, attributes=(*PEG.attributes, *sentences))], 1.0, 42)
    assert plain == plain_examples([PEG], 1.0, 42)[0]
    [alone] = plain_examples([replace(PEG, attributes=sentences)], 1.0, 42)
    assert (alone.description, alone.attributes) == ("Oak Peg.", (STYLE,))


def test_a_seeded_share_has_plain_examples_in_order() -> None:
    products = [Product(str(number), PEG.title, PEG.description, PEG.attributes) for number in range(2000)]
    found = [one.uid for one in plain_examples(products, 0.3, 42)]
    assert abs(len(found) / 2000 - 0.3) < 0.03
    assert found == sorted(found, key=int) == [one.uid for one in plain_examples(products, 0.3, 42)]
    assert found != [one.uid for one in plain_examples(products, 0.3, 43)]
    assert plain_examples(products, 0.0, 42) == []


def test_a_catalogue_without_attributes_has_no_plain_texts() -> None:
    bare = Product("2", "Rail", "A rail.")
    assert plain_examples([bare], 1.0, 42) == []
    assert [one.description for one in plain_examples([PEG, bare], 1.0, 42)][1] == "Rail."


def test_the_plain_texts_of_the_bundled_catalogue_tell_every_attribute_that_they_have() -> None:
    products = [
        Product(one.uid, one.title, one.content, tuple(one.attributes.items())) for one in read_products(SOURCES)
    ]
    for plain in plain_examples(products, 1.0, 42):
        *told, style = plain.attributes
        assert style == STYLE
        assert attributes_told(plain.description, tuple(told), language="en") == [name for name, _ in told]


def test_a_catalogue_in_another_language_has_no_english_texts() -> None:
    assert plain_examples([replace(PEG, description="Dieser Haken ist aus Eiche, für Hüte.")] * 3, 1.0, 42) == []
