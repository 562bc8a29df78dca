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
from statistics import median
from typing import Any

from shelftalk.catalogue.columns import Columns, distinct_names
from shelftalk.catalogue.dialect import SEPARATOR_LINE, Dialect, find_dialect, find_names, names_of, parse
from shelftalk.catalogue.files import Opened, physical_lines
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable, Values, rows_of, too_long
from shelftalk.catalogue.settings import FileSettings
from shelftalk.errors import UnreadableInput

HEAD_LINES = 2_000  # from which the dialect is found
HEAD_BYTES = 1 << 18
INNER_RETURN = re.compile(r"\r(?!\n?\Z)")
MARKUP = re.compile(r"\s*</?[a-z]", re.IGNORECASE)
DIGIT = re.compile(r"\d")
FEW_SHAPES = 3  # of a column of ids; see `_shape`
MANY_LINES = 10
SWALLOWED = 0.8  # share of a record's lines that look like records
NOTHING = " \t\r\n\f\v\u00a0-:"  # of which a blank row consists, or the line below the names of a Markdown table
AROUND_NAMES = '\ufeff" \t\r\n'  # where files were joined, the names again stand behind a byte order mark
DATA_ROW = re.compile(r"\bdataRow=(\d+)\b")  # in the first line of Amazon's templates
FEWEST_ROWS = 6  # of a sample that shows something about the whole file


class Delimited:
    """CSV, TSV or a sheet: a row's line is the physical line where its record begins.

    `dialect` is how the file is written; the rows before line `first_row` are remarks.
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
        said = DATA_ROW.search(head[0][1]) if head else None
        self.first_row = int(said[1]) if said else 0
        self._sample = [
            record.fields
            for record in parse(head, self.dialect)
            if record.line > self.dialect.header_line and record.line >= self.first_row
        ]
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
        positions = [(name, self.place_of(name)) for name in columns.names()]
        counts = Counter(names)
        repeated = {
            one.column: [position for position, name in enumerate(names) if name == one.column]
            for one in columns.attributes
            if counts[one.column] > 1
        }
        rows = _Rows(names, dict(positions), columns, self._sample)
        all_names = distinct_names(names) if columns.carry else []
        if rows.mostly_torn():
            what = "has line breaks in texts that are not quoted, in a third of its first rows or more"
            raise UnreadableInput(f"{self._file.path} {what}; export it again with quotes around texts.")
        held: tuple[int, dict[str, Any] | Unusable] | None = None  # until it is known whether its text goes on
        for number, fields in self._records:
            if number < self.first_row:
                continue
            values: dict[str, Any] | Unusable
            if isinstance(fields, Unusable):
                values = fields
            elif fault := rows.fault(fields, held is None):
                values = fault
                if held and MARKUP.match(fields[0]) and not isinstance(held[1], Unusable):  # or damage would cost it
                    held = held[0], _GoesOn(f"the text seems to go on in line {number}; quote it")
            else:
                values = {name: fields[position] for name, position in positions if position < len(fields)}
                for name, places in repeated.items():
                    values[name] = [fields[position] for position in places if position < len(fields)]
                if columns.carry:
                    values = Values(values)
                    values.carried = dict(zip(all_names, fields, strict=False))
            if held:
                yield held
            held = number, values
        if held:
            yield held

    def place_of(self, name: str) -> int:
        """Return the position of a column; of several with that name that which most of the first rows have filled."""
        names = self.columns()
        filled = Counter(
            position
            for fields in self._sample
            for position, field in enumerate(fields[: len(names)])
            if names[position] == name and field.strip()
        )
        return max(filled, key=lambda position: (filled[position], -position)) if filled else names.index(name)

    def records(self) -> Iterator[tuple[int, list[str] | Unusable, bytes, int]]:
        """Yield (line where it begins, fields or fault, unparsed bytes, number of its lines) of every record.

        These are the records after the header, as `rows` reads them: the same lines begin them.
        """
        self._lines.width = len(self.columns())
        for line, fields in self._records:
            yield line, fields, self._lines.raw_record(), self._lines.in_record

    def raw_records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (line where it begins, unparsed bytes) of every record, the header first."""
        self._lines.width = len(self._sample[0]) if self._sample else 0
        return ((number, self._lines.raw_record()) for number, _ in self._records)

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()


class _GoesOn(Unusable):
    """A row that is a part of one: a line break in its text is not quoted."""

    def __init__(self, detail: str) -> None:
        super().__init__("invalid_csv", detail)


class _Rows:
    """What the rows of a table look like, from a sample of them: which fields are no product."""

    def __init__(self, names: list[str], positions: dict[str, int], columns: Columns, sample: list[list[str]]) -> None:
        self._names = names
        self._sample = sample
        self._id = positions.get(columns.uid or "", len(names))
        self._texts = [positions[name] for name in (columns.title, *columns.description)]
        self._last = max(positions.values())
        full = [fields for fields in sample if len(fields) == len(names)]
        self._full = 2 * len(full) > len(sample)
        ids = [fields[self._id] for fields in full if self._id < len(names)]
        plain = [one for one in ids if _is_plain(one) and len(one.split()) == 1]
        self._plain_ids = bool(plain) and 2 * len(plain) >= len(ids) and all(map(DIGIT.search, plain))
        shapes = set(map(_shape, plain))
        self._shapes = shapes if len(shapes) <= FEW_SHAPES else frozenset()

    def mostly_torn(self) -> bool:
        """Return whether a third of the sample or more are parts of rows."""
        torn = sum(isinstance(self.fault(fields, False), _GoesOn) for fields in self._sample if fields)
        return len(self._sample) >= FEWEST_ROWS and 3 * torn >= len(self._sample)

    def fault(self, fields: list[str], is_first: bool) -> Unusable | None:
        """Return why the fields of a record are no product; None where they may be one."""
        names = self._names
        if fields[0].strip(AROUND_NAMES) == names[0] and self._are_names(fields):
            return Unusable("invalid_csv", "the names of the columns again")
        if len(fields) > len(names) and any(fields[len(names) :]):
            detail = f"{len(fields)} fields where the header has {len(names)}; quote fields that hold the delimiter"
            return Unusable("invalid_csv", detail)
        if self._plain_ids and self._id < len(fields) and not _is_plain(fields[self._id]):
            return _GoesOn("no id like those of other rows; the text above seems to go on here: quote it")
        if len(fields) < len(names):
            return self._fault_of_short(fields)
        if is_first and self._is_remark(fields):
            return Unusable("invalid_csv", "the same in each column, as in a remark below the names; leave it out")
        return None

    def _are_names(self, fields: list[str]) -> bool:
        return [" ".join(field.strip(AROUND_NAMES).split()) for field in fields] == self._names

    def _fault_of_short(self, fields: list[str]) -> Unusable | None:
        """Return the fault of a record without its last fields, which many programs leave out where they are empty."""
        number = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        counted = f"{number} where the header has {len(self._names)}"
        if self._shapes and self._id < len(fields) == 1 and self._plain_ids:
            uid = fields[self._id]
            if uid.strip() and _shape(uid) not in self._shapes:
                return _GoesOn(f"{counted}; the text above seems to go on here: quote it")
        if self._full and len(fields) <= self._last and any(field.startswith(" ") for field in fields[1:]):
            return Unusable("invalid_csv", f"{counted}; quote fields that hold the delimiter or a line break")
        return None

    def _is_remark(self, fields: list[str]) -> bool:
        """Return whether title, description and id hold the same words, as in the row below the names of a template."""
        if self._id == len(self._names):
            return False
        words = {fields[position].strip().casefold() for position in (self._id, *self._texts)}
        return len(words) == 1 and words != {""}


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
        self._usual_length: float = 0  # of second fields
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
        self._usual_length = median([len(fields[1]) for fields in sample if len(fields) == 2] or [0])
        reader = dialect.fields(self)
        while True:
            self._record, self._bytes, self._fault = [], 0, None
            result: list[str] | Unusable | None = None
            try:
                result = next(reader, None)
            except csv.Error as error:
                result = Unusable("invalid_csv", _in_words(error))
            except Unusable as fault:
                result = fault
            if result is None:
                return
            if isinstance(result, Unusable) or self._swallows(dialect):
                result = self._first_line_alone(dialect, result)
            if isinstance(result, Unusable):
                yield self._record[0][0], result
            elif result and (result[0].strip(NOTHING) or any(field.strip(NOTHING) for field in result)):
                yield self._record[0][0], self._fault or result

    def raw_record(self) -> bytes:
        """Return the unparsed lines of the record that `records` yielded last."""
        return b"".join(line or b"" for _, line in self._record)

    @property
    def in_record(self) -> int:
        """The number of lines of the record that `records` yielded last."""
        return len(self._record)

    def _swallows(self, dialect: Dialect) -> bool:
        """Return whether the lines of a record after its first are records of their own.

        They have all fields, none of which begins with a space, as words behind a comma do. In place of an id they have
        what looks like one; of two lines at most the next number. Without ids there must be three lines; in a table of
        two columns, as a table of sizes within a text has, `MANY_LINES` with second fields about as long as usual.
        """
        if len(self._record) == 1 or self.width < 2:
            return False
        inner = [_text(line) for _, line in self._record[1:] if line and not line.isspace()]
        alike = [
            line for line in inner if line.count(dialect.delimiter) >= self.width - 1 and self._is_alike(line, dialect)
        ]
        if not alike or len(alike) < SWALLOWED * len(inner):
            return False
        if self.width == 2:
            lengths = [len(dialect.literal(line)[1]) for line in alike]
            return len(inner) > MANY_LINES and 2 * median(lengths) >= self._usual_length
        if len(inner) > 2:
            return True
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


def _in_words(error: csv.Error) -> str:
    """Return what is wrong with a record that `csv` does not read."""
    if "expected after" in str(error):
        return "a quote within a quoted field; double it"
    if "unexpected end" in str(error):
        return "a quote that is never closed; close it in its own row"
    return "quotes that do not match; quote the whole field and double the quotes in it"


def _is_plain(uid: str) -> bool:
    """Return whether an id has neither markup in it nor words, as a line of a text has."""
    if uid.isalnum():  # as most are
        return True
    words = len(uid.split(None, 2))
    return "<" not in uid and (words < 2 or (words == 2 and DIGIT.search(uid) is not None))


def _shape(field: str) -> str:
    """Return what a field looks like: "B0ES000012" is "a9a9", "12.50" is "9.9", at most 40 characters."""
    letters = re.sub(r"[^\W\d_]+", "a", field.strip())
    return re.sub(r"\d+", "9", letters)[:40]
