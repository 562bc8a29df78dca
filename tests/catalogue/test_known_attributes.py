"""Test the order in which a run's attributes stand in prompts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.known_attributes import NOTHING_KNOWN, KnownAttributes, usual_order

NAMES = st.lists(st.sampled_from("abcdefghij"), unique=True)


@given(st.lists(NAMES, max_size=20))
def test_the_order_has_each_name_once_and_is_the_same_again(orders: list[list[str]]) -> None:
    found = usual_order(orders)
    assert sorted(found) == sorted({name for names in orders for name in names})
    assert usual_order(orders) == found


@given(st.lists(NAMES, max_size=20))
def test_the_order_of_columns_is_found_again_where_products_have_all_but_a_few(rows: list[list[str]]) -> None:
    """Each product has its attributes in one order, that of the columns; one has them all."""
    columns = "gbdjaichef"
    orders = [[name for name in columns if name in row] for row in rows]
    assert usual_order([*orders, list(columns)]) == list(columns)


def test_names_that_few_products_have_stand_among_those_that_come_with_them() -> None:
    """By its mean place in its products, 0 and 0.33, "voltage" would stand before "material"."""
    orders = [["type", "colour", "size", "material", "note"]] * 20 + [["material", "voltage", "note"]] * 2
    assert usual_order(orders) == ["type", "colour", "size", "material", "voltage", "note"]


def test_most_products_decide() -> None:
    assert usual_order([["size", "type"]] + [["type", "size"]] * 2) == ["type", "size"]
    assert usual_order([["Type", "size"], ["TYPE", "size"], ["size", "type"]]) == ["type", "size"]
    assert usual_order([]) == usual_order([[]]) == []


@pytest.mark.parametrize(
    ("given_names", "expected"),
    [
        (["Note", "SIZE", "type"], ["type", "Size", "note"]),
        (["lid", "type", "Size", "base", "note"], ["lid", "type", "Size", "base", "note"]),  # two that it does not know
        (["base", "lid", "note", "type"], ["type", "base", "lid", "note"]),
        (["type", "note", "Size", "lid"], ["type", "lid", "Size", "note"]),  # two of three pairs are as in training
        (["lid"], ["lid"]),
        ([], []),
    ],
)
def test_attributes_are_spelt_and_ordered_as_in_training(given_names: Sequence[str], expected: Sequence[str]) -> None:
    known = KnownAttributes(["note", "type", "Size", "size"], order=["type", "size", "note"])
    arranged = known.arrange(tuple((name, name.upper()) for name in given_names))
    assert arranged == tuple((name, name.upper()) for name in expected)


def test_a_run_of_an_earlier_version_has_no_order() -> None:
    given_attributes = (("Note", "old"), ("type", "peg"))
    assert KnownAttributes(["type", "note"]).arrange(given_attributes) == (("note", "old"), ("type", "peg"))
    assert NOTHING_KNOWN.arrange(given_attributes) == given_attributes


def test_the_commonest_names_come_in_the_order_of_the_products() -> None:
    known = KnownAttributes(["note", "Size", "type"], order=["type", "size", "note"])
    assert known.commonest(2) == ["Size", "note"]
    assert "NOTE" in known
    assert "lid" not in known
    assert known
    assert not NOTHING_KNOWN
