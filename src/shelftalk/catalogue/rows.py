"""A row of a catalogue file: its unprocessed values, or why it cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from shelftalk.catalogue.attributes import MOST_PAIRS, read_attributes
from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.formats import FILLED, REPEATED, Variants
from shelftalk.catalogue.localized import in_language

MOST_BYTES = 16 << 20  # of a row
MOST_VARIANTS = 5_000  # rows of one product that are held in memory


class Row(NamedTuple):
    """The unprocessed values of one row; None for a missing value.

    `description` has one value for each of `Columns.description`; `attributes` has names and values. `carried` has all
    values of the row as the file has them, by the names of its columns, where `Columns.carry` wants them.
    """

    title: Any
    description: tuple[Any, ...]
    uid: Any
    attributes: tuple[tuple[str, str], ...] = ()
    carried: dict[str, Any] | None = None


class Unusable(Exception):
    """Why a row cannot be used: a short fixed reason, and a detail from the row.

    `carried` has the values of a row that could be read, as in `Row`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail
        self.carried: dict[str, Any] | None = None


class Values(dict[str, Any]):
    """The values of a row by the names that are read; `carried` has those of all columns, whose names are distinct."""

    carried: dict[str, Any]


def row_of(value: dict[str, Any], columns: Columns) -> Row:
    """Return the row of an object that has its values by name.

    Raises:
        Unusable: variant, where the row is a variant of a product in another row; store_view, where it is a product of
            another row in another language or for another shop; other_language, where it has no title in the language
            that is read.
    """
    if not columns.carry:
        return _row_of(value, columns)
    carried = value.carried if isinstance(value, Values) else value
    try:
        return _row_of(value, columns)._replace(carried=carried)
    except Unusable as fault:
        fault.carried = carried
        raise


def _row_of(value: dict[str, Any], columns: Columns) -> Row:
    if columns.language:
        value = in_language(value, columns.language)
        if value.get(columns.title) is None:
            raise Unusable("other_language", str(value.get(columns.uid or "") or ""))
    if columns.store_view and str(value.get(columns.store_view) or "").strip():
        raise Unusable("store_view", str(value.get(columns.uid or "") or ""))
    if columns.variants and _is_variant(value, columns.variants):
        name = value.get(columns.title) or value.get(columns.uid or "")
        raise Unusable("variant", name if isinstance(name, str) else "")
    title, description = value.get(columns.title), [value.get(name) for name in columns.description]
    if columns.escaped:
        title, *description = map(_unescaped, (title, *description))
    if columns.language and isinstance(title, list):
        title = title[0]  # of American and British English, for instance
    uid = None if columns.uid is None else value.get(columns.uid)
    attributes = tuple(read_attributes(value, columns.attributes)) if columns.attributes else ()
    if columns.escaped:
        attributes = tuple((name, _unescaped(text).replace("\\,", ",")) for name, text in attributes)
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
    if variants.mark in (FILLED, REPEATED):
        return variants.mark == FILLED and bool(held)  # repeated values are found by `rows_of`
    return variants.mark in held if variants.mark else not held


def row_or_fault(value: dict[str, Any], columns: Columns) -> Row | Unusable:
    """Return the result of `row_of`, or the `Unusable` that it raises."""
    try:
        return row_of(value, columns)
    except Unusable as fault:
        return fault


def rows_of(
    values: Iterable[tuple[int, dict[str, Any] | Unusable]], columns: Columns
) -> Iterator[tuple[int, Row | Unusable]]:
    """Yield (line, row or fault) for each object, where variants follow their product.

    A product gets the options of its variants, which name them only in the product's row. Its next `MOST_VARIANTS` rows
    are held in memory; options of further ones are left out.
    """
    shared = columns.variants.product if columns.variants else None
    repeated = columns.variants is not None and columns.variants.mark == REPEATED
    options = {one: one.named_by for one in columns.attributes if one.named_by is not None}
    if shared is None or not (options or repeated):
        for line, value in values:
            yield line, value if isinstance(value, Unusable) else row_or_fault(value, columns)
        return
    product: dict[str, Any] = {}
    held: list[tuple[int, Row | Unusable]] = []
    found: dict[tuple[str, str], None] = {}
    for line, value in values:
        row = value if isinstance(value, Unusable) else row_or_fault(value, columns)
        if repeated and isinstance(row, Row) and isinstance(value, dict) and _repeats(value, product, shared):
            row = Unusable("variant", row.title if isinstance(row.title, str) else "")
        if isinstance(row, Row) or len(held) > MOST_VARIANTS:
            yield from _with_options(held, found)
            held, found = [], {}
            product = value if isinstance(row, Row) and isinstance(value, dict) else {}
        elif isinstance(value, dict) and _belongs(value.get(shared), product.get(shared)) and len(found) < MOST_PAIRS:
            names = {name: value.get(name) or product.get(name) for name in options.values()}
            found |= dict.fromkeys(read_attributes({**value, **names}, options))
        held.append((line, row))
    yield from _with_options(held, found)


def _repeats(value: dict[str, Any], product: dict[str, Any], shared: str) -> bool:
    return bool(value.get(shared)) and value.get(shared) == product.get(shared)


def _belongs(shared: Any, products: Any) -> bool:
    """Return whether a variant that shares this value, or leaves it blank, is one of the product with that value."""
    return shared == products or (shared in (None, "") and products is not None)


def _with_options(
    held: list[tuple[int, Row | Unusable]], options: Iterable[tuple[str, str]]
) -> Iterator[tuple[int, Row | Unusable]]:
    """Yield rows, the first of them with further attributes."""
    for line, row in held:
        yield line, row._replace(attributes=(*row.attributes, *options)) if isinstance(row, Row) else row


def too_long() -> Unusable:
    """Return the fault of a row of more than `MOST_BYTES`."""
    return Unusable("line_too_long", f"more than {MOST_BYTES} bytes")
