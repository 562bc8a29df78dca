"""Write described rows as CSV, TSV, JSON Lines or Parquet, row by row, in bounded memory.

All formats have the input's columns in their order, then `OWN`; one of these that has the name of a column of the input
is called new_NAME. JSON Lines hold unchanged values, and references as a list; a row has the names that its own input
has. The others hold the input's values as texts, lists and objects among them as JSON. CSV and TSV have three columns
for each reference, by which a spreadsheet can filter and sort, and an apostrophe before texts that a spreadsheet would
run as formulas.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from shelftalk.catalogue.read import SURROGATE
from shelftalk.catalogue.table import TableWriter
from shelftalk.generation.titles import TitleRow


class NamedReference(NamedTuple):
    """One reference of a row, without its description."""

    uid: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class DescribedRow:
    """One row of the input, read with `Columns.carry`, and what was written for it.

    `flag` and `detail` describe a fault of its description, or why it has none. `unsupported` and `contradicted` count
    the description's claims, None where there are no words, as is `words`, and in a language whose claims are not
    checked; `untold` are the names of the attributes that it does not tell, `broken_rules` says which house rules it
    breaks. See `records.Faults`. `nearest` says whether the first
    reference is near: one of `NEAREST`.
    """

    row: TitleRow
    description: str = ""
    flag: str = ""
    detail: str = ""
    words: int | None = None
    unsupported: int | None = None
    contradicted: int | None = None
    untold: Sequence[str] = ()
    broken_rules: Sequence[str] = ()
    references: Sequence[NamedReference] = ()
    nearest: str = ""


NEAREST = {True: "near", False: "nothing near", None: ""}  # by `Reference.near`, which may be unknown
REFERENCES = pa.list_(pa.struct([("uid", pa.string()), ("title", pa.string()), ("similarity", pa.float64())]))
OWN = {
    "description": pa.string(),
    "words": pa.int64(),
    "unsupported": pa.int64(),
    "contradicted": pa.int64(),
    "untold": pa.string(),
    "broken_rules": pa.string(),
    "nearest": pa.string(),
    "references": REFERENCES,
    "flag": pa.string(),
    "detail": pa.string(),
    "line": pa.int64(),
    "raw": pa.string(),  # the text of a row that could not be read
}

# What spreadsheets interpret as the start of a formula, also with full-width and other forms of the same signs, and
# after white space or invisible characters; see OWASP, CSV Injection.
BEFORE_FORMULA = r"[\s\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u2060\ufeff]*"
FORMULA_SIGNS = r"=+\-@⁺⁻⁼₊₋₌−﹢﹣﹦﹫＋－＝＠"
NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")
FORMULA = re.compile(rf"{BEFORE_FORMULA}[{FORMULA_SIGNS}\t\r\n]")

Append = Callable[[DescribedRow], None]


def table(path: Path, suffix: str, references: int, names: Sequence[str]) -> AbstractContextManager[Append]:
    """Open a new table at `path` in the format of `suffix`, one of `SUFFIXES`; yield a function that appends a row.

    `names` are those of the input's columns, which are distinct. A table in CSV or TSV has columns for `references`
    references.
    """
    return SUFFIXES[suffix](path, references, names)


def own_names(names: Sequence[str]) -> dict[str, str]:
    """Return the names of `OWN` as they stand behind columns of these names."""
    return dict(zip(OWN, _free(OWN, names), strict=True))


def _free(wanted: Iterable[str], names: Sequence[str]) -> list[str]:
    """Return the wanted names, each with new_ before it until it is none of `names`, in any case."""
    taken = {name.strip().casefold() for name in names}
    found = []
    for name in wanted:
        while name in taken:
            name = f"new_{name}"
        found.append(name)
    return found


def escape_formula(text: str) -> str:
    """Return a cell that no spreadsheet runs: with an apostrophe before a possible formula, and without NUL.

    A number with a sign is none.
    """
    text = text.replace("\0", "")
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def _cell(value: object) -> object:
    return escape_formula(value) if isinstance(value, str) else value


def _own_values(row: DescribedRow) -> dict[str, Any]:
    """Return the values of `OWN`."""
    return {
        "description": row.description,
        "words": row.words,
        "unsupported": row.unsupported,
        "contradicted": row.contradicted,
        "untold": "; ".join(row.untold),
        "broken_rules": "; ".join(row.broken_rules),
        "nearest": row.nearest,
        "references": [one._asdict() for one in row.references],
        "flag": row.flag,
        "detail": row.detail,
        "line": row.row.line,
        "raw": row.row.raw,
    }


def _text(value: Any) -> str:
    """Return a value of the input as a text; '' for a missing one."""
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if value is None or value != value:  # tables write NaN for a missing value
        return ""
    if not isinstance(value, (dict, list)):
        return str(value)
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:  # nested too deep, a number of more than 64 bits, or half a character
        return SURROGATE.sub("\ufffd", str(value))


def _held(value: Any) -> Any:
    """Return a value as it is, or as a text where JSON Lines cannot hold it."""
    try:
        orjson.dumps(value, default=str)
        return value
    except TypeError:
        return _text(value)


def _texts(row: DescribedRow, names: Sequence[str]) -> list[str]:
    carried = row.row.carried or {}
    return [_text(carried.get(name)) for name in names]


@contextmanager
def _delimited(path: Path, references: int, names: Sequence[str], delimiter: str) -> Iterator[Append]:
    numbered = range(1, references + 1)
    parts = _free([f"reference_{number}_{part}" for number in numbered for part in NamedReference._fields], names)
    own = own_names(names)
    header = [name for one in own for name in (parts if one == "references" else [own[one]])]
    with path.open("w", encoding="utf-8", newline="") as file:
        cells = csv.writer(file, delimiter=delimiter)
        cells.writerow([_cell(_text(name)) for name in (*names, *header)])

        def append(row: DescribedRow) -> None:
            found = [part for one in row.references for part in one]
            found += [""] * (len(parts) - len(found))
            values = [
                cell for one, value in _own_values(row).items() for cell in (found if one == "references" else [value])
            ]
            cells.writerow(map(_cell, (*_texts(row, names), *values)))

        yield append


@contextmanager
def _json_lines(path: Path, references: int, names: Sequence[str]) -> Iterator[Append]:
    own = own_names(names)
    with path.open("wb") as file:

        def append(row: DescribedRow) -> None:
            values = {own[name]: value for name, value in _own_values(row).items()}
            carried = row.row.carried or {}
            try:
                line = orjson.dumps({**carried, **values}, default=str, option=orjson.OPT_APPEND_NEWLINE)
            except TypeError:
                carried = {_text(name): _held(value) for name, value in carried.items()}
                line = orjson.dumps({**carried, **values}, default=str, option=orjson.OPT_APPEND_NEWLINE)
            file.write(line)

        yield append


@contextmanager
def _parquet(path: Path, references: int, names: Sequence[str]) -> Iterator[Append]:
    own = own_names(names)
    schema = pa.schema([*((_text(name), pa.string()) for name in names), *((own[name], OWN[name]) for name in OWN)])
    with TableWriter(path, schema, own["description"]) as rows:

        def append(row: DescribedRow) -> None:
            rows.append((*_texts(row, names), *_own_values(row).values()))

        yield append


SUFFIXES: dict[str, Callable[[Path, int, Sequence[str]], AbstractContextManager[Append]]] = {
    ".csv": partial(_delimited, delimiter=","),
    ".tsv": partial(_delimited, delimiter="\t"),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
