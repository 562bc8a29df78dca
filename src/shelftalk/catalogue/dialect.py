"""Find how a delimited file is written: its delimiter, its quotes, and the line with the names of its columns.

Each combination of a delimiter and a kind of quotes is tried on the beginning of the file. The one is taken under which
a column has a usual name, and the most records have as many fields as the names; of equal ones, that which leaves the
fewest single quotes in fields, then that with the most columns, then the commonest.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from shelftalk.catalogue.columns import usual_column

Quoting = Literal["doubled", "backslash", "none"]

DELIMITERS = (",", ";", "\t", "|")
# What `csv.reader` takes for each kind of quotes; in a quoted field a quote is doubled, or behind a backslash.
QUOTINGS: dict[Quoting, dict[str, Any]] = {
    "doubled": {"quotechar": '"', "strict": True},
    "backslash": {"quotechar": '"', "doublequote": False, "escapechar": "\\", "strict": True},
    "none": {"quoting": csv.QUOTE_NONE, "quotechar": None},
}
SEPARATOR_LINE = re.compile(r'^"?sep=(.)"?;*\s*$', re.IGNORECASE)  # with which Excel's files say their delimiter
HEADER_RECORDS = 20  # the names are among the first records
FOLLOWING = 50  # records that must agree with them
MOST_AGREE = 0.8
MOST_FAULTS = 20  # after each of which the rest is parsed again


class Dialect(NamedTuple):
    """How a delimited file is written; `header_line` is the physical line with the names, 0 where there is none."""

    delimiter: str = ","
    quoting: Quoting = "doubled"
    header_line: int = 1

    def fields(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield the fields of each record, for blank lines none.

        Raises:
            csv.Error: at a record that is not valid.
        """
        return csv.reader(lines, delimiter=self.delimiter, **QUOTINGS[self.quoting])

    def literal(self, line: str) -> list[str]:
        """Return the fields of one line in which quotes are characters like others; none where it is not valid."""
        try:
            return next(csv.reader([line], delimiter=self.delimiter, **QUOTINGS["none"]), [])
        except csv.Error:
            return []


class Record(NamedTuple):
    """The fields of a record, the physical line where it begins, and the number of its lines.

    It has no fields where it is not valid.
    """

    line: int
    fields: list[str]
    lines: int = 1

    @property
    def filled(self) -> int:
        """The number of fields that are not blank."""
        return sum(not (field.isspace() or field == "") for field in self.fields)


def find_dialect(
    lines: Sequence[tuple[int, str]], tabs: bool, delimiter: str | None = None, header_line: int | None = None
) -> Dialect:
    """Return how a file is written, from (number, text) of its first lines; `tabs` where its name says tabs.

    A `delimiter` or a `header_line` that is given stays as it is.
    """
    start = 0
    if lines and (found := SEPARATOR_LINE.match(lines[0][1])):
        start, delimiter = 1, delimiter or found[1]
    lines = lines[start:]
    if delimiter:
        delimiters: tuple[str, ...] = (delimiter,)
    else:
        delimiters = ("\t", *DELIMITERS) if tabs else DELIMITERS
    best, best_score = Dialect(delimiters[0], header_line=_first_line(lines)), (False, 0.0, -1.0, 1)
    for one in delimiters:
        for quoting in _possible(lines, one):
            dialect = Dialect(one, quoting)
            records = parse(lines, dialect)
            header = _header(records) if header_line is None else _at(records, header_line)
            if header is None or (len(records[header].fields) < 2 and not delimiter):
                continue
            if quoting == "none" and any(field.count('"') % 2 for field in records[header].fields):
                continue
            width = len(records[header].fields)
            agreeing = [record.fields for record in records[header:] if len(record.fields) == width]
            strays = sum(any(field.count('"') % 2 for field in fields) for fields in agreeing)
            named = usual_column("title", _names(records[header])) is not None
            score = (named, len(agreeing) / len(records), -strays / len(agreeing), width)
            if score > best_score:
                best_score = score
                best = dialect._replace(header_line=records[header].line)
    return best if header_line is None else best._replace(header_line=header_line)


def parse(lines: Sequence[tuple[int, str]], dialect: Dialect) -> list[Record]:
    """Return the records of a file's first lines that are not blank; a last one that is cut off is left out.

    After a record that is not valid, the next line begins another. `MOST_FAULTS` end the search.
    """
    found: list[Record] = []
    begin = faults = 0
    while begin < len(lines) and faults < MOST_FAULTS:
        numbered = _Numbered(lines[begin:])
        try:
            for fields in dialect.fields(numbered):
                taken = numbered.pop_taken()
                if any(field.strip() for field in fields):
                    found.append(Record(lines[begin][0], fields, taken))
                begin += taken
        except csv.Error:
            if begin + numbered.pop_taken() == len(lines) and 2 * begin > len(lines):
                break  # its end may follow
            found.append(Record(lines[begin][0], []))
            faults += 1
            begin += 1
    return found


class _Numbered:
    """The texts of lines, which counts those that were taken."""

    def __init__(self, lines: Sequence[tuple[int, str]]) -> None:
        self._texts = iter([text for _, text in lines])
        self._taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = next(self._texts)
        self._taken += 1
        return text

    def pop_taken(self) -> int:
        """Return the number of lines taken since the last call."""
        taken, self._taken = self._taken, 0
        return taken


def _possible(lines: Sequence[tuple[int, str]], delimiter: str) -> list[Quoting]:
    """Return the kinds of quotes that the first lines may have, the commonest first.

    A backslash must stand before a quote somewhere; and quotes are characters like others only where none does more.
    """
    possible: list[Quoting] = ["doubled"]
    if any('\\"' in text for _, text in lines):
        possible.append("backslash")
    if any('"' in text for _, text in lines) and not _quotes_matter(lines, Dialect(delimiter)):
        possible.append("none")
    return possible


def _quotes_matter(lines: Sequence[tuple[int, str]], dialect: Dialect) -> bool:
    """Return whether a record is another one if its quotes are characters like others.

    A record of several lines counts only if one of them is no whole record: others were not meant as one.
    """
    alone = {number: dialect.literal(text) for number, text in lines}
    [(usual, _)] = Counter(map(len, alone.values())).most_common(1)
    for record in parse(lines, dialect):
        parts = [alone[number] for number in range(record.line, record.line + record.lines)]
        if record.fields and (parts[0] != record.fields if record.lines == 1 else {usual} != set(map(len, parts[1:]))):
            return True
    return False


def _first_line(lines: Sequence[tuple[int, str]]) -> int:
    return next((number for number, text in lines if text.strip()), 1)


def _at(records: Sequence[Record], line: int) -> int | None:
    """Return the index of the record in this line; where there is no line with names, of the first record."""
    if not line:
        return 0 if records else None
    return next((index for index, record in enumerate(records) if record.line == line), None)


def _header(records: Sequence[Record]) -> int | None:
    """Return the index of the record with the names: the first that has a usual one, or from which the records agree.

    Files of spreadsheets and marketplaces begin with lines of titles and remarks.
    """
    first = records[:HEADER_RECORDS]
    named = [usual_column("title", _names(record)) is not None for record in first]
    for index, record in enumerate(first):
        if named[index] and (index == 0 or (record.filled > 1 and _agree(records, index))):
            return index
    for index, record in enumerate(first):
        if record.filled > 1 and 2 * record.filled > len(record.fields) and _agree(records, index):
            return index
    return 0 if records and records[0].fields else None


def _names(record: Record) -> list[str]:
    return [field.strip() for field in record.fields]


def _agree(records: Sequence[Record], header: int) -> bool:
    """Return whether most of the records after a header, and at least half of all, have as many fields."""
    following = records[header + 1 : header + 1 + FOLLOWING]
    width = len(records[header].fields)
    agreeing = sum(len(record.fields) == width for record in following)
    return agreeing >= MOST_AGREE * len(following) and 2 * len(following) >= min(len(records), FOLLOWING)
