"""Show the beginning of a catalogue file before it is prepared: its columns, and its first records unparsed.

Nothing is validated here: a record that `prepare` would leave out is shown like any other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.catalogue.columns import usual_columns
from shelftalk.catalogue.delimited import Delimited
from shelftalk.catalogue.file_names import Kind
from shelftalk.catalogue.files import BUFFER_BYTES, Opened, opened, physical_lines
from shelftalk.catalogue.form import Form
from shelftalk.catalogue.json_lines import BLANK
from shelftalk.catalogue.json_objects import MOST_TABLE_BYTES, JsonObjects, form_of
from shelftalk.catalogue.read import (
    SURROGATE,
    FeedItems,
    ParquetRows,
    form_of_reader,
    reader_of,
    reading_parquet,
    sample_of,
    values_of,
)
from shelftalk.catalogue.rows import MOST_BYTES
from shelftalk.catalogue.settings import FOUND, FileSettings

LONGEST = 2_000  # characters of a record
MOST_COLUMNS = 20  # of a Parquet row


@dataclass(frozen=True)
class Preview:
    """The beginning of a file, and how it is read; `sample` has the first rows of a table.

    `title` and `uid` name the columns from which they would be read, None where there is none; `description` names the
    columns from which it would be joined, and `attributes` those of attributes. `records` are (line, text) of the first
    records, preceded by a CSV's header; a text of more than 2,000 characters is truncated and ends in an ellipsis.
    """

    kind: Kind
    form: Form
    sample: list[dict[str, Any]]
    columns: list[str]
    title: str | None
    description: tuple[str, ...]
    uid: str | None
    attributes: tuple[str, ...]
    records: list[tuple[int, str]]


def preview(source: Path, records: int = 3, settings: FileSettings = FOUND) -> Preview:
    """Read the beginning of a catalogue file: its columns and its first `records`.

    A row of a Parquet file is shown as JSON of its first 20 columns. At most 16 MiB of a file are read, decompressed,
    or all of JSON whose beginning does not tell where its products stand.
    Bytes that are not UTF-8 are shown as replacement characters.

    Raises:
        NotFound, UnreadableInput: see `files.opened`; also where a CSV's header line cannot be read, or a feed is
            refused or has no items.
    """
    with opened(source, settings) as file:
        if file.kind == "parquet":
            columns, found = ParquetRows(file).columns(), _parquet_records(file.path, records)
            form, sample = Form(), []
        else:
            table = file.kind == "json" and form_of(file.stream.peek(BUFFER_BYTES)) == "table"  # which is read whole
            head = file.stream.read(MOST_TABLE_BYTES + 1 if table else MOST_BYTES)
            reader = reader_of(_from(file, head), settings)
            columns, sample = reader.columns(), sample_of(reader)
            form = form_of_reader(file, reader)
            found = _text_records(_from(file, head), settings, head, records)
    names = [name for name in columns if not SURROGATE.search(name)]  # such a name cannot be encoded for a web form
    usual = usual_columns(names, sample)
    attributes = tuple(one.column for one in usual.attributes)
    shown = [(line, _cut(text)) for line, text in found]
    texts = (usual.title or None, usual.description, usual.uid, attributes)
    return Preview(file.kind, form, sample, names, *texts, shown)


def _from(file: Opened, head: bytes) -> Opened:
    """Return an open file of the same kind whose only content is `head`."""
    return replace(file, stream=io.BufferedReader(io.BytesIO(head), BUFFER_BYTES))


def _text_records(head: Opened, settings: FileSettings, content: bytes, count: int) -> list[tuple[int, str]]:
    if head.kind == "json":
        reader = reader_of(head, settings)
        found = reader.raw_records() if isinstance(reader, JsonObjects) else _json_records(head)
    elif head.kind == "xml":
        found = FeedItems(head, settings.title_field).raw_records(content)
    else:
        found, count = Delimited(head, settings).raw_records(), count + 1  # with the header
    return [(number, raw.decode(errors="replace").rstrip("\r\n")) for number, raw in islice(found, count)]


def _json_records(head: Opened) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in physical_lines(head.stream) if line and line.strip() not in BLANK)


def _parquet_records(path: Path, count: int) -> list[tuple[int, str]]:
    with reading_parquet(path), pq.ParquetFile(path, buffer_size=1 << 20) as table:
        names = table.schema_arrow.names[:MOST_COLUMNS]
        batch = next(table.iter_batches(batch_size=count, columns=names), None)
        if batch is None:
            return []
        columns = [_shown(column) for column in batch.columns]
        rows = [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]
    return [(number, _as_json(row)) for number, row in enumerate(rows, 1)]


def _shown(column: Any) -> list[Any]:
    """Return a column's values, or its type instead where Python cannot represent them, such as times before year 1."""
    try:
        return values_of(column)
    except (pa.ArrowException, ValueError, OverflowError):
        return [f"({column.type})"] * len(column)


def _as_json(row: dict[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False, indent=2, default=str)
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
