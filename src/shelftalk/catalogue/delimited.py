"""Read the records of CSV and TSV one by one, in whatever dialect, and lose none to a stray quote.

A quote that is never closed, or that another stray quote closes many rows later, would make one record of all rows
between. Such a record is not believed: only the line with the first quote is judged alone, and the lines after it are
parsed again. A line that is a whole record if quotes are taken as characters like others is that record.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.dialect import SEPARATOR_LINE, Dialect, find_dialect, find_names, names_of, parse
from shelftalk.catalogue.files import Opened, physical_lines
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable, rows_of, too_long
from shelftalk.catalogue.settings import FileSettings
from shelftalk.errors import UnreadableInput

HEAD_LINES = 2_000  # from which the dialect is found
HEAD_BYTES = 1 << 18
INNER_RETURN = re.compile(r"\r(?!\n?\Z)")
FEW_SHAPES = 3  # of a column of ids; see `_shape`
MANY_LINES = 10
SWALLOWED = 0.8  # share of a record's lines that look like records


class Delimited:
    """CSV, TSV or a sheet: a row's line is the physical line where its record begins.

    `dialect` is how the file is written.
    """

    def __init__(self, file: Opened, settings: FileSettings) -> None:
        self.name = file.name
        self._file = file
        self._given = settings.column_names
        self._lines = _Lines(physical_lines(file.stream))
        csv.field_size_limit(2 * MOST_BYTES)  # higher than our own limit, which applies first
        head = self._lines.first_lines()
        line = settings.header_line
        sheet = file.kind == "sheet"
        self.dialect = find_names(head, settings) if sheet else find_dialect(head, file.kind == "tsv", settings)
        self._sample = [record.fields for record in parse(head, self.dialect) if record.line > self.dialect.header_line]
        if line and all(number != line for number, _ in head):
            raise UnreadableInput(f"{file.path} has no line {line} among its first {len(head)}; correct --header-line.")
        says_delimiter = head and not sheet and SEPARATOR_LINE.match(head[0][1])
        self._lines.skip_before(self.dialect.header_line or (2 if says_delimiter else 1))
        self._names: list[str] = []
        self._records = self._lines.records(self.dialect, self._sample)

    def columns(self) -> list[str]:
        """Return the names in the header line, or those that are given.

        Raises:
            UnreadableInput: that line cannot be read.
        """
        if not self._names:
            self._names = self._given or self._header()
        return list(self._names)

    def sample(self) -> list[dict[str, Any]]:
        """Return some of the first rows, by the names of the columns."""
        return [dict(zip(self._names, fields, strict=False)) for fields in self._sample]

    def _header(self) -> list[str]:
        _, header = next(self._records, (1, []))
        if isinstance(header, Unusable):
            wrong = header.detail or header.reason
            raise UnreadableInput(f"The header line of {self._file.path} cannot be read: {wrong}; correct that line.")
        return names_of(header)

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every record after the header."""
        return rows_of(self._values(columns), columns)

    def _values(self, columns: Columns) -> Iterator[tuple[int, dict[str, Any] | Unusable]]:
        """Yield the values by name of every record after the header; a column of attributes may be there repeatedly."""
        names = self.columns()
        if not names:
            return  # nothing but blank lines
        self._lines.width = len(names)
        positions = [(name, self._fullest(name, names)) for name in columns.names()]
        counts = Counter(names)
        repeated = {
            one.column: [position for position, name in enumerate(names) if name == one.column]
            for one in columns.attributes
            if counts[one.column] > 1
        }
        for number, fields in self._records:
            if isinstance(fields, Unusable):
                yield number, fields
            elif fields[0].strip() == names[0] and [" ".join(field.split()) for field in fields] == names:
                yield number, Unusable("invalid_csv", "the names of the columns again")
            elif any(fields[len(names) :]):
                detail = f"{len(fields)} fields where the header has {len(names)}; quote fields that hold the delimiter"
                yield number, Unusable("invalid_csv", detail)
            else:
                values: dict[str, Any]
                values = {name: fields[position] for name, position in positions if position < len(fields)}
                for name, held in repeated.items():
                    values[name] = [fields[position] for position in held if position < len(fields)]
                yield number, values

    def _fullest(self, name: str, names: list[str]) -> int:
        """Return the position of a column; of several with that name that which most of the first rows have filled."""
        filled = Counter(
            position
            for fields in self._sample
            for position, field in enumerate(fields[: len(names)])
            if names[position] == name and field.strip()
        )
        return max(filled, key=lambda position: (filled[position], -position)) if filled else names.index(name)

    def raw_records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (line where it begins, unparsed bytes) of every record, the header first."""
        self._lines.width = len(self._sample[0]) if self._sample else 0
        return ((number, self._lines.raw_record()) for number, _ in self._records)

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()


class _Lines:
    """Physical lines for `csv.reader`, with push-back of the lines of a record that is not believed.

    `width` is the number of fields that a record should have; 0 while that is not known.
    """

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self._lines = lines
        self._pushed_back: deque[tuple[int, bytes | None]] = deque()
        self._record: list[tuple[int, bytes | None]] = []
        self._bytes = 0
        self._fault: Unusable | None = None
        self._shapes: frozenset[str] = frozenset()
        self.width = 0

    def first_lines(self) -> list[tuple[int, str]]:
        """Return (number, text) of the first lines without consuming them; a line that is too long ends them."""
        size = 0
        for number, line in self._lines:
            self._pushed_back.append((number, line))
            size += len(line or b"")
            if line is None or size > HEAD_BYTES or len(self._pushed_back) == HEAD_LINES:
                break
        return [(number, _text(line)) for number, line in self._pushed_back if line is not None]

    def skip_before(self, line: int) -> None:
        """Leave out the lines before one of the first lines."""
        while self._pushed_back and self._pushed_back[0][0] < line:
            self._pushed_back.popleft()

    def records(self, dialect: Dialect, sample: list[list[str]]) -> Iterator[tuple[int, list[str] | Unusable]]:
        """Yield (line where it begins, fields or fault) of every record that is not blank; `sample` has some."""
        shapes = {_shape(fields[0]) for fields in sample if fields}
        self._shapes = frozenset(shapes) if len(shapes) <= FEW_SHAPES else frozenset()
        reader = dialect.fields(self)
        while True:
            self._record, self._bytes, self._fault = [], 0, None
            result: list[str] | Unusable | None = None
            try:
                result = next(reader, None)
            except csv.Error as error:
                result = Unusable("invalid_csv", str(error))
            except Unusable as fault:
                result = fault
            if result is None:
                return
            if isinstance(result, Unusable) or self._swallows(dialect):
                result = self._first_line_alone(dialect, result)
            if isinstance(result, Unusable):
                yield self._record[0][0], result
            elif len(result) > 1 or (result and result[0].strip()):
                yield self._record[0][0], self._fault or result

    def raw_record(self) -> bytes:
        """Return the unparsed lines of the record that `records` yielded last."""
        return b"".join(line or b"" for _, line in self._record)

    def _swallows(self, dialect: Dialect) -> bool:
        """Return whether the lines of a record after its first are records of their own.

        They have all fields, none of which begins with a space, as words behind a comma do. In place of an id they have
        what looks like one; of two lines at most the next number. Without ids there must be three lines; in a table of
        two columns, as a table of sizes within a text has, `MANY_LINES`.
        """
        if len(self._record) == 1 or self.width < 2:
            return False
        inner = [_text(line) for _, line in self._record[1:] if line and not line.isspace()]
        alike = [
            line for line in inner if line.count(dialect.delimiter) >= self.width - 1 and self._is_alike(line, dialect)
        ]
        if not alike or len(alike) < SWALLOWED * len(inner):
            return False
        if len(inner) > (2 if self.width > 2 else MANY_LINES):
            return True
        if self.width == 2:
            return False
        ids = [dialect.literal(line)[0] for line in (_text(self._record[0][1]), alike[0])]
        letters = any(character.isalpha() for character in ids[1])
        follows = ids[0].isdecimal() and ids[1].isdecimal() and int(ids[1]) - int(ids[0]) == 1
        return bool(self._shapes) and (follows or (letters and any(character.isdigit() for character in ids[1])))

    def _is_alike(self, line: str, dialect: Dialect) -> bool:
        fields = dialect.literal(line)
        if len(fields) != self.width or any(field.startswith(" ") for field in fields[1:]):
            return False
        return not self._shapes or _shape(fields[0]) in self._shapes

    def _first_line_alone(self, dialect: Dialect, found: list[str] | Unusable) -> list[str] | Unusable:
        """Push back all lines of a record except its first, and return the fields of that, or its fault."""
        self._pushed_back.extendleft(reversed(self._record[1:]))
        del self._record[1:]
        _, line = self._record[0]
        if line is not None:
            fields = dialect.literal(_text(line))
            if len(fields) == self.width and all(field.count('"') % 2 == 0 for field in fields):
                return fields
        if isinstance(found, Unusable):
            return found
        return Unusable("invalid_csv", "a quote that is closed many rows later; close it in its own row")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = self._pushed_back.popleft() if self._pushed_back else next(self._lines)
        self._record.append((number, line))
        if line is None:
            raise too_long()
        self._bytes += len(line)
        if self._bytes > MOST_BYTES:
            raise Unusable("line_too_long", f"a record of more than {MOST_BYTES} bytes; is a quote never closed?")
        try:
            line.decode()
        except UnicodeDecodeError as error:
            self._fault = Unusable("invalid_utf8", f"byte {error.start + 1} of line {number} is not UTF-8")
        return _text(line)


def _text(line: bytes | None) -> str:
    """Return a line without NUL, which Python 3.10's csv rejects, and with spaces for CR that do not end it."""
    text = (line or b"").decode(errors="replace").replace("\0", "")
    return INNER_RETURN.sub(" ", text) if "\r" in text else text


def _shape(field: str) -> str:
    """Return what a field looks like: "B0ES000012" is "a9a9", "12.50" is "9.9", at most 40 characters."""
    letters = re.sub(r"[^\W\d_]+", "a", field.strip())
    return re.sub(r"\d+", "9", letters)[:40]
