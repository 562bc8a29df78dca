"""Attributes that are yes or no: told by their names, and contradicted by a denial, or by the lack of one."""

from __future__ import annotations

import pytest

from shelftalk.claims.english import find_english as find_claims
from shelftalk.claims.told import attributes_told


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
