"""Read JSON Lines, one object per line: line by line, or in blocks of lines to be parsed in other processes.

A line that is not an object yields an `Unusable`, and reading continues with the next line.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import orjson

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.files import Opened, line_blocks, lines_of, physical_lines
from shelftalk.catalogue.rows import Row, Unusable, row_of, row_or_fault, too_long

MOST_LITERAL_BYTES = 1 << 20  # of an object as Python prints it, which takes a hundred times its size to parse
BLANK = frozenset((b"", b"[", b"]", b",", b"],"))  # the last ones around a list whose objects stand on lines
OBJECTS_SEEN = 100  # objects whose keys are the columns
SAMPLED = 20  # of these, of which the values are looked at
MARK = "\ufeff".encode()
# Texts stay as they are.
COMMENT = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
COMMA = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|,(?=\s*[}\]])', re.DOTALL)
UNENDED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*\\?', re.DOTALL)
CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
NAME = re.compile(r"\w+\s*:")


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
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _unusual_row(line, columns)
    return row_or_fault(value, columns) if isinstance(value, dict) else _unusual_row(line, columns)


def _unusual_row(line: bytes, columns: Columns) -> Row | Unusable | None:
    """Return the same of a line that is not one valid object and no more."""
    if line.strip() in BLANK:
        return None
    try:
        return row_of(parse_line(line), columns)
    except Unusable as fault:
        return None if line.lstrip().startswith(b"//") else fault  # a comment


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
    if line.startswith(MARK):  # of a file that was appended
        line = line.removeprefix(MARK).lstrip()
    try:
        return parse_object(line)
    except Unusable:
        inner = line.removeprefix(b"[").removesuffix(b"]").strip()
        if inner == line or not inner.startswith(b"{"):
            raise
        return parse_object(inner.removesuffix(b","))


def parse_object(line: bytes) -> dict[str, Any]:
    """Parse one line of JSON Lines.

    A line that orjson rejects is parsed again with Python's own parser, which accepts NaN, the lone surrogates of some
    exports, and tabs and line breaks within texts; then also without comments and commas before a closing bracket.

    Raises:
        Unusable: invalid_utf8, invalid_json (also where it is nested too deep), or not_an_object.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _parse_again(line)
    if not isinstance(value, dict):
        raise Unusable("not_an_object", f"a JSON {_json_type(value)}")
    return value


def _parse_again(line: bytes) -> Any:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Unusable("invalid_utf8", f"byte {error.start + 1} of the line is not UTF-8") from None
    try:
        return _lenient(text)
    except RecursionError:
        raise Unusable("invalid_json", "nested too deep") from None
    except json.JSONDecodeError as error:
        fault = _fault(text, error.pos)
    except ValueError:
        raise Unusable("invalid_json", "a number of too many digits") from None
    if "," in text or "/" in text:
        with suppress(ValueError, RecursionError):
            return _lenient(COMMA.sub(r"\1", COMMENT.sub(r"\1", text)))
    return _python_literal(line, fault)


def _lenient(text: str) -> Any:
    if found := CONTROL.search(text):
        raise json.JSONDecodeError("", text, found.start())
    return json.loads(text, strict=False)


def _fault(text: str, place: int) -> str:
    """Return what is wrong at a place of a text that is no JSON, and where it is."""
    before, rest = text[:place].rstrip(), text[place:].lstrip()
    if UNENDED.fullmatch(rest):
        what = "it is cut off within a text"
    elif not rest:
        what = "it is cut off within the object" if before.startswith(("{", "[")) else "no object is there"
    elif CONTROL.match(rest):
        what = "a control character"
    elif not before:
        what = "no object begins there"
    elif rest.startswith("'"):
        what = "a single quote instead of a double one"
    elif before.endswith(("{", ",")) and NAME.match(rest):
        what = "a name without quotes"
    elif before.endswith("}") and rest.startswith("{"):
        what = "a second object without a line of its own"
    elif before.endswith('"') and rest[0] not in "}]":
        what = "a comma is missing, or a quote in a text has no backslash"
    else:
        what = ""
    line, column = text.count("\n", 0, place), place - text.rfind("\n", 0, place)
    where = f"character {column}" + (f" of its line {line + 1}" if line else "")
    return f"not valid JSON at {where}" + (f": {what}" if what else "")


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
