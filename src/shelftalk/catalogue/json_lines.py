"""Read JSON Lines, one object per line: line by line, or in blocks of lines to be parsed in other processes.

A line that is not an object yields an `Unusable`, and reading continues with the next line.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import orjson

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.files import Opened, line_blocks, lines_of, physical_lines
from shelftalk.catalogue.rows import Row, Unusable, row_of, too_long

MOST_LITERAL_BYTES = 1 << 20  # of an object as Python prints it, which takes a hundred times its size to parse
BLANK = frozenset((b"", b"[", b"]", b",", b"],", b"[]"))  # the last ones around a list whose objects stand on lines
OBJECTS_SEEN = 100  # objects whose keys are the columns
SAMPLED = 20  # of these, of which the values are looked at


class JsonLines:
    """JSON Lines, one object per line; a row's line is its physical line."""

    def __init__(self, file: Opened) -> None:
        self.name = file.name
        self.sample: list[dict[str, Any]] = []  # the first objects, after their keys were read
        self._file = file

    def columns(self) -> list[str]:
        """Return the keys of the first objects; a key may be missing in single rows."""
        names, self.sample = first_keys(self._objects())
        return names

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every line that is not blank."""
        return _rows(physical_lines(self._file.stream), columns)

    def line_blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield the file in blocks of (number of the first line, complete lines); `rows_of_lines` parses a block."""
        return line_blocks(self._file.stream)

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()

    def _objects(self) -> Iterator[dict[str, Any]]:
        for _, line in physical_lines(self._file.stream):
            if line and line.strip() not in BLANK:
                with suppress(Unusable):
                    yield parse_line(line)


def rows_of_lines(first: int, lines: bytes, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
    """Yield (line, row or fault) for each line of a block that is not blank; `first` is the first line's number."""
    return _rows(lines_of(first, lines), columns)


def _rows(lines: Iterator[tuple[int, bytes | None]], columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
    for number, line in lines:
        if (row := _json_row(line, columns)) is not None:
            yield number, row


def _json_row(line: bytes | None, columns: Columns) -> Row | Unusable | None:
    """Return the row or the fault of one line, None where it is blank; a `line` of None was too long."""
    if line is None:
        return too_long()
    if line.strip() in BLANK:
        return None
    try:
        return row_of(parse_line(line), columns)
    except Unusable as fault:
        return fault


def first_keys(objects: Iterable[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the keys of the first `OBJECTS_SEEN` objects, and the first `SAMPLED` of these."""
    found = list(islice(objects, OBJECTS_SEEN))
    return list(dict.fromkeys(key for one in found for key in one)), found[:SAMPLED]


def is_object(line: bytes) -> bool:
    """Return whether a line is one whole object, with or without the punctuation of a list around it."""
    try:
        parse_line(line)
    except Unusable:
        return False
    return True


def parse_line(line: bytes) -> dict[str, Any]:
    """Parse one line: an object, which may have a comma behind it, and the brackets of a list around it.

    Raises:
        Unusable: see `parse_object`.
    """
    line = line.strip().removesuffix(b",")
    try:
        return parse_object(line)
    except Unusable:
        inner = line.removeprefix(b"[").removesuffix(b"]").strip()
        if inner == line or not inner.startswith(b"{"):
            raise
        return parse_object(inner.removesuffix(b","))


def parse_object(line: bytes) -> dict[str, Any]:
    """Parse one line of JSON Lines.

    A line that orjson rejects is parsed again with Python's own parser, which accepts NaN and the lone surrogates of
    some exports.

    Raises:
        Unusable: invalid_utf8, invalid_json (also where it is nested too deep), or not_an_object.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        value = _parse_again(line, str(error))
    if not isinstance(value, dict):
        raise Unusable("not_an_object", f"a JSON {_json_type(value)}")
    return value


def _parse_again(line: bytes, why: str) -> Any:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise Unusable("invalid_utf8", f"byte {error.start + 1} of the line is not UTF-8") from None
    except RecursionError:
        raise Unusable("invalid_json", "nested too deep") from None
    except ValueError:
        return _python_literal(line, why)


def _python_literal(line: bytes, why: str) -> Any:
    """Return the value of an object as Python prints it, such as the item metadata of Amazon Reviews 2014."""
    if line.startswith(b"{'") and len(line) <= MOST_LITERAL_BYTES:
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return ast.literal_eval(line.decode())
    raise Unusable("invalid_json", why)


def _json_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "array" if isinstance(value, list) else "string" if isinstance(value, str) else "number"
