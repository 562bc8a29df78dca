"""Replace one cell of an unparsed record of a table, and leave every other byte of the record as it is."""

from __future__ import annotations

import csv
import re
from functools import lru_cache

from shelftalk.catalogue.dialect import Dialect


def with_cell(raw: str, dialect: Dialect, position: int, value: str) -> str | None:
    """Return a record with another value in one cell; missing cells before it are added empty.

    It is None where the dialect cannot hold the value, or the record would have other cells than before.
    """
    body = raw.rstrip("\r\n")
    before = _fields(body, dialect)
    spans = _spans(body, dialect, before)
    if spans is None:
        return None
    if position < len(spans):
        begin, end = spans[position]
        old = body[begin:end]
        missing = ""
    else:
        begin = end = len(body)
        old, missing = "", dialect.delimiter * (position - len(spans) + 1)
    cell = _quoted(value, dialect, old)
    if cell is None:
        return None
    changed = f"{body[:begin]}{missing}{cell}{body[end:]}"
    after = [*before, *[""] * (position + 1 - len(before))]
    after[position] = value
    return changed + raw[len(body) :] if _fields(changed, dialect) == after else None


def _fields(text: str, dialect: Dialect) -> list[str]:
    """Return the fields of one record; those of a record that is not valid are read with quotes as characters."""
    text = text.replace("\0", "")  # which Python 3.10 does not read
    try:
        records = list(dialect.fields([text]))
    except csv.Error:
        return dialect.literal(text)
    return records[0] if len(records) == 1 else []


@lru_cache(8)
def _cell_patterns(dialect: Dialect) -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a cell: as the dialect has it, and with quotes as characters like others."""
    delimiter = re.escape(dialect.delimiter)
    plain, escaped = f"[^{delimiter}\n]*", rf"(?:\\.|[^{delimiter}\\\n])*"
    own = {
        "doubled": rf'"[^"]*(?:""[^"]*)*"|{plain}',
        "single": rf"'[^']*(?:''[^']*)*'|{plain}",
        "backslash": rf'"[^"\\]*(?:\\.[^"\\]*)*"|{escaped}',
        "none": plain,
        "escaped": escaped,
    }[dialect.quoting]
    return tuple(re.compile(one, re.DOTALL) for one in (own, plain))


def _spans(body: str, dialect: Dialect, fields: list[str]) -> list[tuple[int, int]] | None:
    """Return (begin, end) of each cell; None where there are not as many as fields."""
    for pattern in _cell_patterns(dialect):
        spans, place = [], 0
        while found := pattern.match(body, place):
            spans.append(found.span())
            place = found.end() + 1
            if found.end() == len(body) or body[found.end()] != dialect.delimiter:
                break
        if place == len(body) + 1 and len(spans) == len(fields):
            return spans
    return None


def _quoted(value: str, dialect: Dialect, old: str) -> str | None:
    """Return a value as a cell of the dialect, in quotes where the old cell was; None where it cannot be one."""
    ends = "\n" in value or "\r" in value
    if dialect.quoting == "none":
        return None if ends or dialect.delimiter in value else value
    if dialect.quoting == "escaped":
        held = value.replace("\\", "\\\\").replace(dialect.delimiter, f"\\{dialect.delimiter}")
        return None if ends else held
    quote = "'" if dialect.quoting == "single" else '"'
    special = dialect.delimiter in value or quote in value or ends or value != value.strip()
    if dialect.quoting == "backslash":
        special = special or "\\" in value
        held = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    else:
        held = value.replace(quote, quote * 2)
    return f"{quote}{held}{quote}" if special or old.startswith(quote) else value
