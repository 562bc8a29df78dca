"""Exports of known shops and data sets, recognised by their columns: small files in exactly their formats."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.columns import Columns, Variants
from shelftalk.catalogue.prepare import _described
from shelftalk.catalogue.rows import Row, Unusable, row_of


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("<p>Oak.</p>",), "Oak."),
        ((["Oak.", "Ash."],), "Oak. Ash."),
        ((["Oak."], ["Holds 3 kg", "Made in Wales"]), "Oak. Holds 3 kg Made in Wales"),
        (([], ["Holds 3 kg"]), "Holds 3 kg"),
        (("Oak.", None), "Oak."),
        ((float("nan"), "Oak."), "Oak."),
        (("Oak.", "Oak."), "Oak."),
        (("<b>Oak</b>.", "Oak. It holds 3 kg."), "Oak. It holds 3 kg."),
        (("<b", "x=1>Oak."), "Oak."),
        (([], None), ""),
    ],
)
def test_a_description_is_joined_from_its_columns_and_repeats_nothing(values: tuple[Any, ...], expected: str) -> None:
    assert _described(values) == expected


def test_a_column_that_is_no_text_is_a_fault() -> None:
    with pytest.raises(Unusable, match="description_not_text"):
        _described((["Oak."], {"a": 1}))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["title", "body", "id", "type"]), JSON_VALUES))
def test_whatever_an_object_holds_it_is_a_row_or_a_variant(value: dict[str, Any]) -> None:
    for mark in ("", "variation"):
        columns = Columns("title", ("body",), "id", Variants(("title", "type"), mark))
        try:
            row = row_of(value, columns)
        except Unusable as fault:
            assert fault.reason == "variant"
            assert not value.get("title") if not mark else mark in f"{value.get('title')} {value.get('type')}".lower()
        else:
            assert row == Row(value.get("title"), (value.get("body"),), value.get("id"))
