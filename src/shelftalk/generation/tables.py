"""Write described rows as CSV, TSV, JSON Lines or Parquet, row by row, in bounded memory.

All formats have the same columns. JSON Lines and Parquet hold unchanged texts and references as a list. CSV and TSV
have three columns for each reference, by which a spreadsheet can filter and sort, and an apostrophe before texts that a
spreadsheet would run as formulas.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa

from shelftalk.catalogue.table import TableWriter


class NamedReference(NamedTuple):
    """One reference of a row, without its description."""

    uid: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class DescribedRow:
    """One row of the output; `flag` and `detail` describe a fault of its description, or why it has none.

    `unsupported` and `contradicted` count the description's claims, None where there are no words; `untold` has the
    names of the attributes that it does not tell. See `records.Faults`.
    """

    line: int
    uid: str
    title: str
    description: str
    flag: str
    detail: str
    unsupported: int | None
    contradicted: int | None
    untold: str
    references: list[NamedReference]


COLUMNS = {
    "line": pa.int64(),
    "uid": pa.string(),
    "title": pa.string(),
    "description": pa.string(),
    "flag": pa.string(),
    "detail": pa.string(),
    "unsupported": pa.int64(),
    "contradicted": pa.int64(),
    "untold": pa.string(),
}
SCHEMA = pa.schema(
    [
        *COLUMNS.items(),
        (
            "references",
            pa.list_(pa.struct([("uid", pa.string()), ("title", pa.string()), ("similarity", pa.float64())])),
        ),
    ]
)

# What spreadsheets interpret as the start of a formula, also with full-width and other forms of the same signs, and
# after white space or invisible characters; see OWASP, CSV Injection.
FORMULA = re.compile(r"[\s\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u2060\ufeff]*[=+\-@⁺⁻⁼₊₋₌−﹢﹣﹦﹫＋－＝＠\t\r\n]")

Append = Callable[[DescribedRow], None]


def table(path: Path, suffix: str, references: int) -> AbstractContextManager[Append]:
    """Open a new table at `path` in the format of `suffix`, one of `SUFFIXES`; yield a function that appends a row.

    A table in CSV or TSV has columns for `references` references.
    """
    return SUFFIXES[suffix](path, references)


def escape_formula(text: str) -> str:
    """Return a cell that no spreadsheet runs: with an apostrophe before a possible formula, and without NUL."""
    text = text.replace("\0", "")
    return f"'{text}" if FORMULA.match(text) else text


def _cell(value: object) -> object:
    return escape_formula(value) if isinstance(value, str) else value


@contextmanager
def _delimited(path: Path, references: int, delimiter: str) -> Iterator[Append]:
    numbered = range(1, references + 1)
    names = [f"reference_{number}_{part}" for number in numbered for part in NamedReference._fields]
    with path.open("w", encoding="utf-8", newline="") as file:
        cells = csv.writer(file, delimiter=delimiter)
        cells.writerow([*COLUMNS, *names])

        def append(row: DescribedRow) -> None:
            found = [_cell(part) for one in row.references for part in one]
            own = [_cell(getattr(row, name)) for name in COLUMNS]
            cells.writerow([*own, *found, *[""] * (len(names) - len(found))])

        yield append


@contextmanager
def _json_lines(path: Path, references: int) -> Iterator[Append]:
    with path.open("wb") as file:

        def append(row: DescribedRow) -> None:
            values = {name: getattr(row, name) for name in COLUMNS}
            values["references"] = [one._asdict() for one in row.references]
            file.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))

        yield append


@contextmanager
def _parquet(path: Path, references: int) -> Iterator[Append]:
    with TableWriter(path, SCHEMA) as rows:

        def append(row: DescribedRow) -> None:
            rows.append((*(getattr(row, name) for name in COLUMNS), [one._asdict() for one in row.references]))

        yield append


SUFFIXES: dict[str, Callable[[Path, int], AbstractContextManager[Append]]] = {
    ".csv": partial(_delimited, delimiter=","),
    ".tsv": partial(_delimited, delimiter="\t"),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
