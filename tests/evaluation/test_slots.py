"""The exact check counts missing values and values of other products, and nothing else."""

from __future__ import annotations

import pytest

from shelftalk.evaluation.slots import Slots
from shelftalk.records import Product

PEG = Product("1", "Coat Peg, Oiled", "", (("material", "solid oak"), ("length", "9 cm"), ("use", "hats")))
RAIL = Product("2", "Rail", "", (("material", "cast iron"), ("length", "40 cm"), ("pegs", "5")))
DARK = "bags & coats in a dark hall"
HOOK = Product("3", "Hook", "", (("material", "cast iron"), ("finish", "oiled"), ("use", DARK)))
BOARD = Product("4", "Board", "", (("finish", "oiled"), ("use", DARK)))
SLOTS = Slots([PEG, RAIL, HOOK, BOARD])


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("A peg of solid oak, 9 cm long, for hats.", 0),
        ("A peg of Solid Oak for HATS: 9 cm.", 0),
        ("A peg of oak, 9 cm long, for hats.", 1),  # "solid oak" is missing
        ("A peg of solid oak, 40 cm long, for hats.", 2),  # one missing, one of another product
        ("A peg of solid oak, 9 cm long, for hats, with 5 hooks in cast iron.", 2),
        ("A peg of solid oak, 9 cm long, for hats, oiled.", 0),  # the title says so
        ("A peg of solid oak, 19 cm long, for hats.", 1),  # 19 is no known value, and 9 cm is missing
        ("A peg for hats, bags & coats in a dark hall, solid oak, 9 cm.", 0),  # a sentence, not searched
        ("", 3),
    ],
)
def test_each_missing_or_foreign_value_is_one_error(text: str, errors: int) -> None:
    assert SLOTS.count_errors(text, PEG) == errors


def test_a_value_of_one_product_counts_elsewhere_only_with_a_digit() -> None:
    """A word that one product alone has as a value, such as hats, is an ordinary word in other texts."""
    assert SLOTS.count_errors("Cast iron, 40 cm, 5 pegs for hats.", RAIL) == 0
    assert SLOTS.count_errors("Cast iron, 40 cm, 5 pegs, 9 cm apart.", RAIL) == 1


def test_products_without_attributes_can_only_have_too_much() -> None:
    bare = Product("5", "Peg", "")
    assert SLOTS.count_errors("A peg.", bare) == 0
    assert SLOTS.count_errors("A peg in cast iron.", bare) == 1
    assert Slots([]).count_errors("A peg in cast iron.", bare) == 0
