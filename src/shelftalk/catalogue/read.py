"""Read the rows of a catalogue file one by one: JSON, CSV, TSV, a spreadsheet, Parquet or a product feed in XML.

A row that cannot be read is yielded as an `Unusable`, and reading continues after it. Memory is bounded: a row over
`MOST_BYTES` is skipped. The values are not interpreted or validated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.catalogue.attributes import read_attributes
from shelftalk.catalogue.columns import Columns, distinct_names
from shelftalk.catalogue.delimited import Delimited
from shelftalk.catalogue.feed import Feed, Item, Malformed
from shelftalk.catalogue.feed_element import STANDARD
from shelftalk.catalogue.files import BUFFER_BYTES, Opened, opened
from shelftalk.catalogue.form import Form
from shelftalk.catalogue.json_lines import OBJECTS_SEEN, SAMPLED, JsonLines
from shelftalk.catalogue.json_objects import JsonObjects, form_of
from shelftalk.catalogue.localized import TAG
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable, row_or_fault, too_long
from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.catalogue.values import uid_of
from shelftalk.errors import DamagedInput, UnreadableInput

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
def reading(source: Path, settings: FileSettings = FOUND, part: str = "") -> Iterator[Reader]:
    """Open a catalogue file with the reader of its kind; `part` stands in the ids that are made up for its rows.

    Raises:
        NotFound: see `files.opened`.
        UnreadableInput: see `files.opened`; also while the file is read.
    """
    with opened(source, settings) as file:
        yield reader_of(replace(file, part=part), settings)


def form_of_file(source: Path, settings: FileSettings) -> Form:
    """Return how a file is read.

    Raises:
        NotFound, UnreadableInput: see `reading`.
    """
    with opened(source, settings) as file:
        return form_of_reader(file, reader_of(file, settings))


def form_of_reader(file: Opened, reader: Reader) -> Form:
    """Return how an open file is read by its reader."""
    sheet = file.sheet if file.sheet and file.sheet.several else None
    return Form(
        file.encoding,
        reader.dialect if isinstance(reader, Delimited) else None,
        sheet.name if sheet else "",
        sheet.others if sheet else (),
        reader.element if isinstance(reader, FeedItems) else "",
        reader.other_elements if isinstance(reader, FeedItems) else (),
    )


def reader_of(file: Opened, settings: FileSettings) -> Reader:
    """Return the reader of an open file's kind."""
    if file.kind == "parquet":
        return ParquetRows(file)
    if file.kind == "json":
        form = form_of(file.stream.peek(BUFFER_BYTES))
        return JsonLines(file) if form == "lines" else JsonObjects(file, form)
    if file.kind == "xml":
        return FeedItems(file, settings.title_field)
    return Delimited(file, settings)


def sample_of(reader: Reader) -> list[dict[str, Any]]:
    """Return the first rows of a table or of JSON, by the names of its columns, after these were read; else none."""
    if isinstance(reader, (JsonLines, JsonObjects)):
        return reader.sample
    return reader.sample() if isinstance(reader, (Delimited, FeedItems)) else []


class FeedItems:
    """A feed in XML, one product per item; a row's line is the line where its item begins."""

    def __init__(self, file: Opened, title_field: str | None) -> None:
        self.name = file.name
        self._file = file
        self._feed = Feed(file.stream, file.path, MOST_BYTES, title_field)
        self._sample: list[Item] = []

    @property
    def element(self) -> str:
        """The name of the elements that are products; '' for those of RSS and Atom."""
        names = self._feed.elements.names
        return "" if names == STANDARD else names[0]

    @property
    def other_elements(self) -> tuple[str, ...]:
        """The names of other elements that have a title and a description, too."""
        return self._feed.elements.others

    def columns(self) -> list[str]:
        """Return the names of the elements of the first items; one may be missing in single items.

        Raises:
            UnreadableInput: the file is XML without any item; also see `Feed.items`.
        """
        found = list(islice(self._feed.items(), OBJECTS_SEEN))
        if not found:
            wanted = "no element repeats that holds others, as <item>, <entry> or <offer> do for each product"
            cure = "name what holds their title with --title-field, or save them as CSV"
            raise UnreadableInput(f"{self._file.path} has no products in its <{self._feed.root}>: {wanted}; {cure}.")
        self._sample = [item for item in found if isinstance(item, Item) and item.values]
        return list(dict.fromkeys(name for item in self._sample for name in item.values or ()))

    def sample(self) -> list[dict[str, Any]]:
        """Return some of the first items by the names of their elements, with texts in several languages as lists."""
        texts = [found for item in self._sample for found in item.localized.values()]
        several = any(len({one[TAG] for one in found}) > 1 for found in texts)
        return [{**(item.values or {}), **(item.localized if several else {})} for item in self._sample[:SAMPLED]]

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every item; an item without an id gets its number as id, because many items may share one line."""
        texts = columns._replace(attributes=())
        for number, item in enumerate(self._feed.items(), 1):
            if isinstance(item, Malformed):
                yield item.line, Unusable("invalid_xml", item.why)
            elif item.values is None:
                yield item.line, too_long()
            else:
                row = row_or_fault({**item.values, **item.localized} if columns.language else item.values, texts)
                if columns.carry:
                    row = _carrying(row, {**item.values, **item.lists})
                if isinstance(row, Row):
                    attributes = tuple(read_attributes({**item.values, **item.lists}, columns.attributes))
                    row = row._replace(uid=uid_of(row.uid) or f"item-{self._file.part}{number}", attributes=attributes)
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
        wanted = distinct_names(self.columns()) if columns.carry else columns.names()
        batches = self._table.iter_batches(batch_size=PARQUET_ROWS, columns=None if columns.carry else wanted)
        while True:
            with reading_parquet(self._file.path):
                if (batch := next(batches, None)) is None:
                    return
                names = wanted if columns.carry else batch.schema.names  # of which two may be equal
                values = [values_of(batch.column(names.index(name))) for name in wanted]
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
        DamagedInput: the file is corrupt.
    """
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DamagedInput(f"{path} is a corrupt Parquet file ({reason}); export it again.") from error


def _parquet_row(values: dict[str, Any], columns: Columns) -> Row | Unusable:
    cells = [cell for value in values.values() for cell in (value if isinstance(value, list) else [value])]
    texts = [cell for cell in cells if isinstance(cell, str)]
    if any(len(text) > MOST_BYTES for text in texts):
        return too_long()
    if any(SURROGATE.search(text) for text in texts):
        fault = Unusable("invalid_utf8")
        return _carrying(fault, values) if columns.carry else fault
    return row_or_fault(values, columns)


def _carrying(row: Row | Unusable, values: dict[str, Any]) -> Row | Unusable:
    """Return a row or a fault with all its values."""
    if isinstance(row, Row):
        return row._replace(carried=values)
    row.carried = values
    return row


def values_of(column: Any) -> list[Any]:
    """Return a Parquet column's values; bytes that are not UTF-8 become surrogates (surrogateescape)."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        raw = column.cast(pa.large_binary()).to_pylist()
        return [value if value is None else value.decode(errors="surrogateescape") for value in raw]
