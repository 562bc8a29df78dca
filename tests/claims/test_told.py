"""Told attributes: a text tells an attribute where it states its value, in any spelling of numbers and units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.claims.told import attributes_told


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("It holds 350 ml.", "capacity", "0.35 l"),
        ("It has four pockets.", "pockets", "4"),
        ("Pockets: 4", "pockets", "four"),
        ("It closes with a Leather Tie.", "closure", "leather tie"),
        ("with leather ties", "closure", "leather tie"),
        ("They come as a set of two.", "pack", "set of 2"),
        ("for ages 3 and up", "ages", "3 and up"),
        ("from 3 to 6 years", "ages", "3 to 6"),
        ("60 cm x 40 cm", "size", "60 x 40 cm"),
        ("Wipe it clean with a damp cloth.", "care", "wipe with a damp cloth"),
        ("red, yellow and blue", "colours", "red, yellow and blue"),
        ("with a 2 m fabric cable", "cable", "2 m fabric"),
    ],
)
def test_a_stated_value_is_told(text: str, name: str, value: str) -> None:
    assert attributes_told(text, ((name, value),), language="en") == [name]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("It holds 35 ml.", "capacity", "0.35 l"),
        ("It has four lids.", "pockets", "4"),
        ("It is 4 cm long.", "pockets", "4"),
        ("a tie of leather", "closure", "leather tie"),
        ("leather on the outside, and a silk tie", "closure", "leather tie"),
        ("", "closure", "leather tie"),
        ("leather", "closure", "leather tie"),
        ("anything", "closure", ""),
    ],
)
def test_another_value_is_not_told(text: str, name: str, value: str) -> None:
    assert attributes_told(text, ((name, value),), language="en") == []


def test_told_names_are_in_the_order_of_the_attributes() -> None:
    attributes = (("material", "oak"), ("width", "60 cm"), ("colour", "red"), ("base", "cork"))
    assert attributes_told("A red box of oak, 0.6 m wide.", attributes, language="en") == [
        "material",
        "width",
        "colour",
    ]
    assert attributes_told("A red box.", (), language="en") == []


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_can_be_searched(text: str, value: str) -> None:
    assert attributes_told(text, (("name", value),), language="en") in ([], ["name"])
