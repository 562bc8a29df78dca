"""Write the input itself with only the descriptions of accepted rows replaced; every other byte stays as it is.

Rows are found by reading the input, and copied from a second reading of it as a stream. What was copied must be the
input, byte for byte: otherwise (old line ends, damaged characters in some encodings) nothing is written.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.catalogue.encodings import UTF_8, encoding_of_mark
from shelftalk.catalogue.files import physical_lines
from shelftalk.catalogue.json_objects import JsonObjects
from shelftalk.catalogue.packed import unpacked
from shelftalk.catalogue.read import reading_parquet
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.table import TableWriter
from shelftalk.catalogue.values import uid_of
from shelftalk.errors import UnreadableInput, UserError
from shelftalk.publishing.cells import with_cell
from shelftalk.publishing.json_members import with_value
from shelftalk.publishing.opened import Input
from shelftalk.publishing.plan import Plan
from shelftalk.publishing.texts import paragraphs, with_line_feeds

CHUNK_BYTES = 1 << 20
PARQUET_ROWS = 1_000
LONGEST_MARK = 4
CONTINUES = re.compile(rb"[\x80-\xbf]")  # a character of UTF-8


def cell_of(source: Input, text: str) -> str:
    """Return what is written into a cell of the input: HTML where the shop takes that."""
    return paragraphs(text) if source.is_html else with_line_feeds(text)


def encoding_for(source: Input, plan: Plan) -> str:
    """Return the encoding of the input, or UTF-8 where it lacks a character of a text; '' for Parquet."""
    try:
        for text in plan.texts.values():
            cell_of(source, text).encode(source.encoding or UTF_8)
    except UnicodeEncodeError:
        return UTF_8
    return source.encoding


class _Copy:
    """Writes what is copied, and what replaces it, in their encodings; `old` gets only what is told."""

    def __init__(self, source: Input, encoding: str, texts: IO[bytes], old: IO[bytes]) -> None:
        self._source, self._encoding, self._texts, self._old = source, encoding, texts, old
        with unpacked(source.source, source.settings) as content:
            head = content.stream.peek(LONGEST_MARK)[:LONGEST_MARK]
        marked, length = encoding_of_mark(head)
        mark = head[:length] if marked == source.encoding else b""
        self._digest = hashlib.sha256(mark)
        texts.write(mark if encoding == source.encoding or not mark else "\ufeff".encode())
        old.write(mark)

    def pass_over(self, data: bytes) -> None:
        """Take a part of the input that something else stands for."""
        self._digest.update(self._original(data))

    def copy(self, data: bytes) -> None:
        """Copy a part of the input."""
        original = self._original(data)
        self._digest.update(original)
        self._texts.write(original if self._encoding == self._source.encoding else data)

    def write(self, data: str) -> None:
        """Write what stands for a part of the input."""
        self._texts.write(data.encode(self._encoding or UTF_8, errors="surrogateescape"))

    def keep(self, data: bytes) -> None:
        """Write a part of the input into the restore file."""
        self._old.write(self._original(data))

    def check(self) -> None:
        """Require that the parts of the input were all its bytes.

        Raises:
            UnreadableInput: they were not.
        """
        digest = hashlib.sha256()
        with unpacked(self._source.source, self._source.settings) as content:
            while block := content.stream.read(CHUNK_BYTES):
                digest.update(block)
        if digest.digest() != self._digest.digest():
            self._refuse()

    def _original(self, data: bytes) -> bytes:
        if self._source.encoding in (UTF_8, ""):
            return data
        try:
            return data.decode(errors="surrogateescape").encode(self._source.encoding, errors="surrogateescape")
        except UnicodeError:
            self._refuse()
            raise

    def _refuse(self) -> None:
        raise UnreadableInput(
            f"{self._source.source} has ends of lines or damaged characters that would change when it is copied; save "
            f"it as UTF-8 with ordinary line ends, and give that to generate and publish."
        )


def write_plain(source: Input, plan: Plan, encoding: str, texts: IO[bytes], old: IO[bytes]) -> None:
    """Write the input with the texts in it, and a file with only the rows that are replaced, as they were.

    Raises:
        UnreadableInput: the input cannot be copied byte for byte, or a row not be rewritten without other changes.
    """
    if source.kind == "parquet":
        _write_parquet(source, plan, texts, old)
        return
    copy = _Copy(source, encoding, texts, old)
    if source.dialect:
        _write_table(source, plan, copy)
    else:
        with source.reader() as reader:
            is_lines = not isinstance(reader, JsonObjects)
        if is_lines:
            _write_json_lines(source, plan, copy)
        else:
            _write_json_objects(source, plan, copy)
    copy.check()


def _lines(source: Input, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in physical_lines(stream):
        if line is None:
            raise UnreadableInput(f"{source.source} has a line {number} of more than 16 MiB; remove it.")
        yield number, line


def _write_table(source: Input, plan: Plan, copy: _Copy) -> None:
    """Replace cells of records; the restore file begins as the input does, up to its first row."""
    by_line = plan.by_line()
    with source.table() as table, source.stream() as stream:
        lines = _lines(source, stream)
        place = table.place_of(source.column)
        next_line, in_head = 1, True
        for line, _, raw, count in table.records():
            if in_head and line >= table.first_row:
                for _ in range(line - next_line):
                    _, head = next(lines)
                    copy.copy(head)
                    copy.keep(head)
                next_line, in_head = line, False
            if line not in by_line:
                continue
            for _ in range(line - next_line):
                copy.copy(next(lines)[1])
            for _ in range(count):
                copy.pass_over(next(lines)[1])
            next_line = line + count
            record = raw.decode(errors="surrogateescape")
            changed = with_cell(record, table.dialect, place, cell_of(source, by_line[line]))
            if changed is None:
                _refuse_row(source, line)
            else:
                copy.write(changed)
            copy.keep(raw)
        for _, rest in lines:
            copy.copy(rest)


def _write_json_lines(source: Input, plan: Plan, copy: _Copy) -> None:
    by_line = plan.by_line()
    with source.stream() as stream:
        for number, line in _lines(source, stream):
            if number not in by_line:
                copy.copy(line)
                continue
            copy.pass_over(line)
            raw = line.decode(errors="surrogateescape")
            _write_object(source, number, raw, (source.column,), by_line[number], copy)
            copy.keep(line[line.find(b"{") : line.rfind(b"}") + 1] + b"\n")


def _write_json_objects(source: Input, plan: Plan, copy: _Copy) -> None:
    """Replace values of objects wherever they stand; the restore file is a list of the objects."""
    with source.reader() as first, source.reader() as second, source.stream() as stream:
        if not isinstance(second, JsonObjects):
            raise TypeError(second)
        inner, objects = second.places()
        position, count = 0, 0
        copy.keep(b"[")
        for (line, row), (begin, raw) in zip(first.rows(source.columns), objects, strict=True):
            text = plan.texts.get((line, uid_of(row.uid))) if isinstance(row, Row) else None
            if text is None or isinstance(raw, Unusable):
                continue
            _copy_bytes(stream, begin - position, copy)
            if stream.read(len(raw)) != raw:
                _refuse_row(source, line)
            copy.pass_over(raw)
            position = begin + len(raw)
            keys = (inner, source.column) if inner else (source.column,)
            _write_object(source, line, raw.decode(errors="surrogateescape"), keys, text, copy)
            copy.keep((b",\n" if count else b"\n") + raw)
            count += 1
        copy.keep(b"\n]\n")
        _copy_bytes(stream, sys.maxsize, copy)


def _copy_bytes(stream: io.BufferedReader[Any], count: int, copy: _Copy) -> None:
    """Copy at most so many bytes, in blocks that end between two characters."""
    while block := stream.read(min(count, CHUNK_BYTES)):
        while len(block) < count and CONTINUES.match(stream.peek(1)):
            block += stream.read(1)
        copy.copy(block)
        count -= len(block)


def _write_object(source: Input, line: int, raw: str, keys: tuple[str, ...], text: str, copy: _Copy) -> None:
    changed = with_value(raw, keys, cell_of(source, text))
    if changed is None:
        _refuse_row(source, line)
    else:
        copy.write(changed)


def _refuse_row(source: Input, line: int) -> None:
    raise UnreadableInput(
        f"The row in line {line} of {source.source} cannot be rewritten without other changes; save the file again in "
        f"its plain form, or reject that text."
    )


def _write_parquet(source: Input, plan: Plan, texts: IO[bytes], old: IO[bytes]) -> None:
    """Replace values of one column; schema and all other columns stay as they are."""
    by_line = plan.by_line()
    with reading_parquet(source.source), pq.ParquetFile(source.source, buffer_size=CHUNK_BYTES) as table:
        schema = table.schema_arrow
        index = schema.get_field_index(source.column)
        with TableWriter(texts, schema) as write, TableWriter(old, schema) as write_old:
            done = 0
            for batch in table.iter_batches(batch_size=PARQUET_ROWS):
                rows = [row for row in range(batch.num_rows) if done + row + 1 in by_line]
                whole = pa.Table.from_batches([batch], schema)
                if rows:
                    write_old.extend(whole.take(rows))
                    column = _replaced(source, schema.field(index), whole.column(index), rows, done, by_line)
                    whole = whole.set_column(index, schema.field(index), column)
                write.extend(whole)
                done += batch.num_rows


def _replaced(source: Input, field: Any, column: Any, rows: list[int], done: int, by_line: dict[int, str]) -> Any:
    values = column.to_pylist()
    is_list = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
    for row in rows:
        text = cell_of(source, by_line[done + row + 1])
        values[row] = [text] if is_list else text
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, TypeError) as error:
        raise UserError(
            f"The column {source.column!r} of {source.source} holds {field.type}, no texts; write it as a column of "
            f"texts, or publish to another format."
        ) from error
