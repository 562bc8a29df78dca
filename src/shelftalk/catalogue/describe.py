"""Describe a prepared catalogue in numbers: products kept, rows left out by reason, lengths of texts, attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shelftalk.catalogue.catalogue import REMEDY, Catalogue
from shelftalk.errors import Damaged

QUANTILES = (5, 25, 50, 75, 95)
EXAMPLES = 3
MOST_NAMES = 30  # of attributes
MOST_VALUES = 5_000  # of a name that are counted at a time
VALUES = 3  # of a name that are shown


def describe(catalogue: Catalogue) -> dict[str, Any]:
    """Return a catalogue's summary, with examples of rejects and the lengths of its texts, serialisable to JSON.

    Returns:
        The content of catalogue.json; `examples`: for each reason up to 3 rejects as written in rejects.jsonl
        (file, line, reason, detail); `characters`: for title and description the quantiles "5" to "95" and "max" in
        characters, observed values without interpolation; and `attributes`, instead of those in catalogue.json: of the
        30 commonest `name`, `products` (how many have it) and `values` (its three commonest, approximately where it has
        thousands).

    Raises:
        Damaged: products.parquet or rejects.jsonl cannot be read.
    """
    with _translated(catalogue):
        return {
            **catalogue.summary,
            "examples": examples(catalogue),
            "characters": _characters(catalogue),
            "attributes": commonest_attributes(catalogue),
        }


def examples(catalogue: Catalogue) -> dict[str, list[dict[str, Any]]]:
    """Return up to 3 rejected rows for each reason, as written in rejects.jsonl.

    Raises:
        Damaged: rejects.jsonl cannot be read.
    """
    found: dict[str, list[dict[str, Any]]] = {reason: [] for reason in catalogue.summary["rejected"]}
    due = {reason: min(count, EXAMPLES) for reason, count in catalogue.summary["rejected"].items()}
    with _translated(catalogue), (catalogue.folder / "rejects.jsonl").open("rb") as file:
        for line in file:
            if not any(due.values()):
                break
            reject = orjson.loads(line)
            if due[reject["reason"]]:
                found[reject["reason"]].append(reject)
                due[reject["reason"]] -= 1
    return found


def commonest_attributes(catalogue: Catalogue, first: int | None = None) -> list[dict[str, Any]]:
    """Return the attributes as `describe` does; their values are counted in the `first` products, or in all.

    A catalogue that was prepared without attributes has none.

    Raises:
        Damaged: products.parquet cannot be read.
    """
    names = list(islice(catalogue.summary.get("attributes", ()), MOST_NAMES))
    with _translated(catalogue):
        values = _values(catalogue, names, catalogue.count() if first is None else first) if names else {}
    return [{"name": name, "products": catalogue.summary["attributes"][name], "values": values[name]} for name in names]


@contextmanager
def _translated(catalogue: Catalogue) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise Damaged(f"{catalogue.folder} cannot be read ({reason}); {REMEDY}.") from error


def _characters(catalogue: Catalogue) -> dict[str, dict[str, int]]:
    lengths: dict[str, list[Any]] = {"title": [], "description": []}
    with pq.ParquetFile(catalogue.folder / "products.parquet") as table:
        for batch in table.iter_batches(batch_size=10_000, columns=list(lengths)):
            for name, found in lengths.items():
                found.append(pc.utf8_length(batch.column(batch.schema.names.index(name))).to_numpy())
    return {name: _quantiles(np.concatenate(found)) for name, found in lengths.items()}


def _values(catalogue: Catalogue, names: list[str], first: int) -> dict[str, list[str]]:
    """Return the commonest values of each name in the first products."""
    values: dict[str, Counter[str]] = {name: Counter() for name in names}
    with pq.ParquetFile(catalogue.folder / "products.parquet") as table:
        for batch in table.iter_batches(batch_size=10_000, columns=["attributes"]):
            held = batch.column(0)[: max(first, 0)].to_pylist()
            first -= len(held)
            for pairs in held:
                for name, value in pairs:
                    if name in values:
                        values[name][value] += 1
            for name, found in values.items():
                if len(found) > MOST_VALUES:
                    values[name] = Counter(dict(found.most_common(MOST_VALUES // 2)))
            if first <= 0:
                break
    return {name: [value for value, _ in found.most_common(VALUES)] for name, found in values.items()}


def _quantiles(lengths: Any) -> dict[str, int]:
    values = np.percentile(lengths, QUANTILES, method="nearest")
    return {**{str(q): int(value) for q, value in zip(QUANTILES, values, strict=True)}, "max": int(lengths.max())}
