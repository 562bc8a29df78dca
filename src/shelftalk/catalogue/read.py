"""Read the rows of a catalogue file one by one: JSON Lines, CSV, TSV, Parquet or a product feed in XML.

A row that cannot be read is yielded as an `Unusable`, and reading continues after it. Memory is bounded: a row over
`MOST_BYTES` is skipped. The values are not interpreted or validated here.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.catalogue.attributes import read_attributes
from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.feed import Feed, Item, Malformed
from shelftalk.catalogue.files import Opened, opened, physical_lines
from shelftalk.catalogue.json_lines import OBJECTS_SEEN, JsonLines
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable, row_or_fault, rows_of, too_long
from shelftalk.errors import UnreadableInput

SURROGATE = re.compile("[\ud800-\udfff]")
PARQUET_ROWS = 256  # a batch of the longest texts must still fit in memory


class Reader(Protocol):
    """One open catalogue file, read once from its beginning, for either its columns or its rows.

    `name` is the file's name in rejects.
    """

    name: str

    def columns(self) -> list[str]:
        """Return the names of the columns, in order; none where no row could be read."""

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield (line, row or fault) for every row that is not blank; lines count from 1 and never decrease."""

    def position(self) -> int:
        """Return approximately how many bytes of the file on disk have been read."""


@contextmanager
def reading(source: Path) -> Iterator[Reader]:
    """Open a catalogue file with the reader of its kind.

    Raises:
        NotFound: see `files.opened`.
        UnreadableInput: see `files.opened`; also while the file is read.
    """
    with opened(source) as file:
        if file.kind == "parquet":
            yield ParquetRows(file)
        elif file.kind == "json":
            yield JsonLines(file)
        elif file.kind == "xml":
            yield FeedItems(file)
        else:
            yield Delimited(file)


class Delimited:
    """CSV or TSV: the first line names the columns; a row's line is the physical line where its record begins."""

    def __init__(self, file: Opened) -> None:
        self.name = file.name
        self._file = file
        self._lines = _CsvLines(physical_lines(file.stream))
        self._records = self._lines.records(self._delimiter(self._lines.first_line()))

    def columns(self) -> list[str]:
        """Return the names in the header line."""
        _, header = next(self._records, (1, []))
        if isinstance(header, Unusable):
            wrong = header.detail or header.reason
            raise UnreadableInput(f"The header line of {self._file.path} cannot be read: {wrong}; correct that line.")
        return [name.strip() for name in header]

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every record after the header."""
        return rows_of(self._values(columns), columns)

    def _values(self, columns: Columns) -> Iterator[tuple[int, dict[str, Any] | Unusable]]:
        """Yield the values by name of every record after the header; a column of attributes may be there repeatedly."""
        names = self.columns()
        if not names:
            return  # nothing but blank lines
        positions = [(name, names.index(name)) for name in columns.names()]
        counts = Counter(names)
        repeated = {
            one.column: [position for position, name in enumerate(names) if name == one.column]
            for one in columns.attributes
            if counts[one.column] > 1
        }
        for number, fields in self._records:
            if isinstance(fields, Unusable):
                yield number, fields
            elif any(fields[len(names) :]):
                detail = f"{len(fields)} fields where the header has {len(names)}; quote fields that hold the delimiter"
                yield number, Unusable("invalid_csv", detail)
            else:
                values: dict[str, Any]
                values = {name: fields[position] for name, position in positions if position < len(fields)}
                for name, held in repeated.items():
                    values[name] = [fields[position] for position in held if position < len(fields)]
                yield number, values

    def raw_records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (line where it begins, unparsed bytes) of every record, the header first."""
        return ((number, self._lines.raw_record()) for number, _ in self._records)

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()

    def _delimiter(self, header: str) -> str:
        if self._file.kind == "tsv":
            return "\t"
        unquoted = re.sub(r'"[^"]*"', "", header)
        return max(",;\t", key=unquoted.count)


class FeedItems:
    """RSS or Atom, one product per item; a row's line is the line where its item begins."""

    def __init__(self, file: Opened) -> None:
        self.name = file.name
        self._file = file
        self._feed = Feed(file.stream, file.path, MOST_BYTES)

    def columns(self) -> list[str]:
        """Return the names of the elements of the first items; one may be missing in single items.

        Raises:
            UnreadableInput: the file is XML without any item; also see `Feed.items`.
        """
        found = list(islice(self._feed.items(), OBJECTS_SEEN))
        if not found:
            wanted = "an RSS feed with <item> or an Atom feed with <entry> is expected"
            raise UnreadableInput(f"{self._file.path} has no items in its <{self._feed.root}>; {wanted}.")
        items = (item.values for item in found if isinstance(item, Item) and item.values)
        return list(dict.fromkeys(name for values in items for name in values))

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every item; an item without an id gets its number as id, because many items may share one line."""
        texts = columns._replace(attributes=())
        for number, item in enumerate(self._feed.items(), 1):
            if isinstance(item, Malformed):
                yield item.line, Unusable("invalid_xml", item.why)
            elif item.values is None:
                yield item.line, too_long()
            else:
                row = row_or_fault(item.values, texts)
                if isinstance(row, Row):
                    attributes = tuple(read_attributes({**item.values, **item.lists}, columns.attributes))
                    row = row._replace(uid=row.uid or f"item-{number}", attributes=attributes)
                yield item.line, row

    def raw_records(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (line where it begins, unparsed bytes) of every item; `content` is the content of this file."""
        for item in self._feed.items():
            if isinstance(item, Item):
                yield item.line, content[item.begin : content.find(b">", item.end) + 1]

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()


class ParquetRows:
    """Parquet: a row's line is its number, from 1."""

    def __init__(self, file: Opened) -> None:
        self.name = file.name
        self._file = file
        self._done = 0
        with reading_parquet(self._file.path):
            self._table = pq.ParquetFile(file.path, buffer_size=1 << 20)

    def columns(self) -> list[str]:
        """Return the names of the schema's columns."""
        with reading_parquet(self._file.path):
            return list(self._table.schema_arrow.names)

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every row."""
        wanted = columns.names()
        batches = self._table.iter_batches(batch_size=PARQUET_ROWS, columns=wanted)
        while True:
            with reading_parquet(self._file.path):
                if (batch := next(batches, None)) is None:
                    return
                values = [values_of(batch.column(batch.schema.names.index(name))) for name in wanted]
            for cells in zip(*values, strict=True):
                self._done += 1
                yield self._done, _parquet_row(dict(zip(wanted, cells, strict=True)), columns)

    def position(self) -> int:
        """Return the file's size times the share of rows read."""
        return self._file.size * self._done // max(int(self._table.metadata.num_rows), 1)


@contextmanager
def reading_parquet(path: Path) -> Iterator[None]:
    """Translate pyarrow's exceptions for a Parquet file that it cannot read.

    Raises:
        UnreadableInput: the file is corrupt.
    """
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UnreadableInput(f"{path} is a corrupt Parquet file ({reason}); export it again.") from error


class _CsvLines:
    """Physical lines for `csv.reader`, with push-back of the lines of a failed record.

    An unclosed quote extends its record to the end of the file; then only the line with that quote is lost, and the
    lines after it are parsed again as separate records.
    """

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self._lines = lines
        self._pushed_back: deque[tuple[int, bytes | None]] = deque()
        self._record: list[tuple[int, bytes | None]] = []
        self._bytes = 0
        self._fault: Unusable | None = None

    def first_line(self) -> str:
        """Return the first line that is not blank without consuming it; '' where there is none."""
        for number, line in self._lines:
            if line is None or not line.isspace():
                self._pushed_back.append((number, line))
                return (line or b"").decode(errors="replace")
        return ""

    def records(self, delimiter: str) -> Iterator[tuple[int, list[str] | Unusable]]:
        """Yield (line where it begins, fields or fault) of every record that is not blank."""
        csv.field_size_limit(2 * MOST_BYTES)  # higher than our own limit, which applies first
        reader = csv.reader(self, delimiter=delimiter, strict=True)
        while True:
            self._record, self._bytes, self._fault = [], 0, None
            result: list[str] | Unusable | None = None
            try:
                result = next(reader, None)
            except csv.Error as error:
                self._push_back_rest()
                result = Unusable("invalid_csv", str(error))
            except Unusable as fault:
                self._push_back_rest()
                result = fault
            if result is None:
                return
            if isinstance(result, Unusable):
                yield self._record[0][0], result
            elif len(result) > 1 or (result and result[0].strip()):
                yield self._record[0][0], self._fault or result

    def raw_record(self) -> bytes:
        """Return the unparsed lines of the record that `records` yielded last."""
        return b"".join(line or b"" for _, line in self._record)

    def _push_back_rest(self) -> None:
        """Push back all lines of a failed record except its first."""
        self._pushed_back.extendleft(reversed(self._record[1:]))
        del self._record[1:]

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
            text = line.decode()
        except UnicodeDecodeError as error:
            self._fault = Unusable("invalid_utf8", f"byte {error.start + 1} of line {number} is not UTF-8")
            text = line.decode(errors="replace")
        return text.replace("\0", "")  # Python 3.10's csv rejects it, later versions keep it


def _parquet_row(values: dict[str, Any], columns: Columns) -> Row | Unusable:
    cells = [cell for value in values.values() for cell in (value if isinstance(value, list) else [value])]
    texts = [cell for cell in cells if isinstance(cell, str)]
    if any(len(text) > MOST_BYTES for text in texts):
        return too_long()
    if any(SURROGATE.search(text) for text in texts):
        return Unusable("invalid_utf8")
    return row_or_fault(values, columns)


def values_of(column: Any) -> list[Any]:
    """Return a Parquet column's values; bytes that are not UTF-8 become surrogates (surrogateescape)."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        raw = column.cast(pa.large_binary()).to_pylist()
        return [value if value is None else value.decode(errors="surrogateescape") for value in raw]
