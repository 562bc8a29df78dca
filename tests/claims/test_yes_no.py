"""Attributes that are yes or no: told by their names, and contradicted by a denial, or by the lack of one."""

from __future__ import annotations

import time

import pytest

from shelftalk.claims.english import find_english as find_claims
from shelftalk.claims.told import attributes_told
from shelftalk.claims.yes_no import places_said


@pytest.mark.parametrize(
    ("name", "value", "text", "told", "contradicted"),
    [
        ("Dishwasher Safe", "Yes", "It is dishwasher safe.", True, None),
        ("Dishwasher Safe", "No", "It is dishwasher safe.", False, "dishwasher safe"),
        ("Dishwasher Safe", "No", "It is not dishwasher safe.", True, None),
        ("Dishwasher Safe", "Yes", "It isn't dishwasher safe.", False, "dishwasher safe"),
        ("Mattress Included", "Yes", "The mattress is included.", True, None),
        ("Mattress Included", "Yes", "The mattress is not included.", False, "mattress is not included"),
        ("Mattress Included", "No", "The mattress is not included.", True, None),
        ("Machine Washable", "true", "Not for the shelf, but machine washable.", True, None),
        ("Machine Washable", "Yes", "A cotton sheet.", False, None),
        ("Dishwasher Safe", "No", "Zola Mug. Dishwasher Safe: No. Colour: blue.", True, None),
        ("Dishwasher Safe", "Yes", "General Dishwasher Safe No In the Box 1 Mug", False, "Dishwasher Safe"),
        ("Water Resistant", "3 ATM", "It is not water resistant.", False, None),  # no yes and no no
    ],
)
def test_the_name_tells_it_and_a_denial_turns_it_round(
    name: str, value: str, text: str, told: bool, contradicted: str | None
) -> None:
    attributes = ((name, value),)
    assert attributes_told(text, attributes, language="en") == ([name] if told else [])
    claims = find_claims(text, "Mug", (), attributes)
    found = [(one.text, one.kind, one.where) for one in claims if one.support == "contradicted"]
    assert found == ([(contradicted, "relation", name)] if contradicted else [])


@pytest.mark.parametrize(("language", "word", "name"), [("en", "is ", "is bright"), ("pt", "de ", "de couro")])
def test_time_grows_with_the_length_of_a_text_of_nothing_but_words_between(language: str, word: str, name: str) -> None:
    def seconds(length: int) -> float:
        begin = time.process_time()  # of the core, which other processes do not hold up
        assert places_said(word * length, name, language) == []
        return time.process_time() - begin

    short = min(seconds(1_000) for _ in range(2))
    assert any(seconds(8_000) < 0.1 + 20 * short for _ in range(3))  # a disturbed one is measured again
