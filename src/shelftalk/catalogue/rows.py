"""A row of a catalogue file: its unprocessed values, or why it cannot be used."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from shelftalk.catalogue.attributes import read_attributes
from shelftalk.catalogue.columns import Columns, Variants

MOST_BYTES = 16 << 20  # of a row


class Row(NamedTuple):
    """The unprocessed values of one row; None for a missing value.

    `description` has one value for each of `Columns.description`; `attributes` has names and values.
    """

    title: Any
    description: tuple[Any, ...]
    uid: Any
    attributes: tuple[tuple[str, str], ...] = ()


class Unusable(Exception):
    """Why a row cannot be used: a short fixed reason, and a detail from the row."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def row_of(value: dict[str, Any], columns: Columns) -> Row:
    """Return the row of an object that has its values by name.

    Raises:
        Unusable: variant, where the row is a variant of a product in another row.
    """
    if columns.variants and _is_variant(value, columns.variants):
        name = value.get(columns.title) or value.get(columns.uid or "")
        raise Unusable("variant", name if isinstance(name, str) else "")
    title, description = value.get(columns.title), [value.get(name) for name in columns.description]
    if columns.escaped:
        title, *description = map(_unescaped, (title, *description))
    uid = None if columns.uid is None else value.get(columns.uid)
    attributes = tuple(read_attributes(value, columns.attributes)) if columns.attributes else ()
    return Row(title, tuple(description), uid, attributes)


def _unescaped(cell: Any) -> Any:
    r"""Undo the escaping of WooCommerce.

    A line break is written as \n, and a text that a spreadsheet would read as a formula begins with an apostrophe.
    """
    if not isinstance(cell, str):
        return cell
    return re.sub(r"(\\?)\\n", lambda found: "\\n" if found[1] else "\n", re.sub(r"^'(?=[=+@-])", "", cell))


def _is_variant(value: dict[str, Any], variants: Variants) -> bool:
    held = " ".join(str(value.get(name) or "") for name in variants.columns).strip().lower()
    return variants.mark in held if variants.mark else not held


def row_or_fault(value: dict[str, Any], columns: Columns) -> Row | Unusable:
    """Return the result of `row_of`, or the `Unusable` that it raises."""
    try:
        return row_of(value, columns)
    except Unusable as fault:
        return fault


def too_long() -> Unusable:
    """Return the fault of a row of more than `MOST_BYTES`."""
    return Unusable("line_too_long", f"more than {MOST_BYTES} bytes")
