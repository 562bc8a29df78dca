"""JSON Lines: one object a line, read line by line or in blocks of lines that are parsed elsewhere.

What is no object becomes an `Unusable` in its place, and reading goes on after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import orjson

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.files import Opened, line_blocks, lines_of, physical_lines
from shelftalk.catalogue.rows import Row, Unusable, row_of, too_long

OBJECTS_SEEN = 100  # objects whose keys count as the columns


class JsonLines:
    """JSON Lines: one object a line; a row's line is its physical line."""

    def __init__(self, file: Opened) -> None:
        self.name = file.name
        self._file = file

    def columns(self) -> list[str]:
        """Name the keys of the first objects; a key may be missing in single rows."""
        return list(dict.fromkeys(key for value in islice(self._objects(), OBJECTS_SEEN) for key in value))

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every line that is not blank."""
        return _rows(physical_lines(self._file.stream), columns)

    def line_blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield (number of its first line, whole lines) of the file in blocks; see `rows_of_lines` for reading one."""
        return line_blocks(self._file.stream)

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()

    def _objects(self) -> Iterator[dict[str, Any]]:
        for _, line in physical_lines(self._file.stream):
            if line and not line.isspace():
                with suppress(Unusable):
                    yield parse_object(line)


def rows_of_lines(first: int, lines: bytes, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
    """Yield (line, row or why it cannot be used) for all lines of a block that are not blank; `first` is its number."""
    return _rows(lines_of(first, lines), columns)


def _rows(lines: Iterator[tuple[int, bytes | None]], columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
    for number, line in lines:
        if (row := _json_row(line, columns)) is not None:
            yield number, row


def _json_row(line: bytes | None, columns: Columns) -> Row | Unusable | None:
    """Return what stands in one line, None where it is blank; a `line` that is None was too long."""
    if line is None:
        return too_long()
    if line.isspace():
        return None
    try:
        return row_of(parse_object(line.removesuffix(b"\n")), columns)
    except Unusable as fault:
        return fault


def parse_object(line: bytes) -> dict[str, Any]:
    """Parse one line of JSON Lines.

    What orjson refuses gets a second chance with Python's own parser, which knows NaN and the lone surrogates that
    careless exports hold.

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
        raise Unusable("invalid_json", why) from None


def _json_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "array" if isinstance(value, list) else "string" if isinstance(value, str) else "number"
