"""Read JSON whose objects do not stand one on each line: in a list, in a list under one key, or one after another.

The file is read as a stream: only one object is in memory. What stands between two objects and is neither a comma nor
white space is a fault, and so is an object that is not valid; reading goes on with the next one. A single object that
holds a table, by columns, is read whole, up to `MOST_TABLE_BYTES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, Literal

import orjson

from shelftalk.catalogue.columns import Columns, usual_column
from shelftalk.catalogue.files import HEAD_BYTES, Opened
from shelftalk.catalogue.json_lines import OBJECTS_SEEN, parse_object
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable, row_or_fault, too_long
from shelftalk.errors import UnreadableInput

Form = Literal["lines", "objects", "wrapped", "table"]

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]"]', re.DOTALL)
WRAPPED = re.compile(rb'\s*\{(?:\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^"\[\]{},]+)\s*,)*\s*"[^"\\]*"\s*:\s*\[\s*\{')
TABLE = re.compile(rb'\s*\{\s*"[^"\\]*"\s*:\s*[\[{]')
BETWEEN = b", \t\r\n[]}"  # objects
CLOSING = {b"{": b"}", b"[": b"]"}
CHUNK_BYTES = 1 << 16
MOST_TABLE_BYTES = 64 << 20
MOST_DEPTH = 500


def form_of(head: bytes) -> Form:
    """Return how the objects of a file that begins with `head` stand in it."""
    text = head[:HEAD_BYTES].lstrip()
    if text.startswith(b"["):
        # A first line that is a whole list is a row of JSON Lines that is no object.
        first, end, rest = text.partition(b"\n")
        alone = end and rest.lstrip().startswith(b"{") and _is_json(first)
        return "lines" if alone or not re.match(rb"\[\s*(?:\{|$)", text) else "objects"
    first, end, rest = text.partition(b"\n")
    whole = _is_json(first.rstrip().removesuffix(b","))
    if (whole and rest.strip()) or _is_product(text):
        return "lines" if whole else "objects"
    if WRAPPED.match(text) and _is_one_object(text):
        return "wrapped"
    if TABLE.match(text) and _is_one_object(text):
        return "table"
    return "lines" if whole or not text.startswith(b"{") or text.startswith(b"{'") else "objects"


class JsonObjects:
    """JSON with an object for each product, however they stand in the file; a row's line is where its object begins."""

    def __init__(self, file: Opened, form: Form) -> None:
        self.name = file.name
        self._file = file
        self._form = form

    def columns(self) -> list[str]:
        """Return the keys of the first objects; a key may be missing in single rows."""
        found = (value for _, value in self._values() if isinstance(value, dict))
        return list(dict.fromkeys(key for value in islice(found, OBJECTS_SEEN) for key in value))

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every object; one without an id gets its number as id, because many may share one line."""
        for number, (line, value) in enumerate(self._values(), 1):
            row = value if isinstance(value, Unusable) else row_or_fault(value, columns)
            if isinstance(row, Row):
                row = row._replace(uid=f"row-{number}" if row.uid in (None, "") else row.uid)
            yield line, row

    def raw_records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (line where it begins, unparsed bytes) of every object; of a table its rows as JSON."""
        if self._form == "table":
            return ((line, orjson.dumps(value)) for line, value in self._values() if isinstance(value, dict))
        return ((line, item) for line, item in self._items() if isinstance(item, bytes))

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()

    def _items(self) -> Iterator[tuple[int, bytes | Unusable]]:
        return _Scanner(self._file.stream, wrapped=self._form == "wrapped").items()

    def _values(self) -> Iterator[tuple[int, dict[str, Any] | Unusable]]:
        if self._form == "table":
            yield from self._table()
            return
        for line, item in self._items():
            try:
                yield line, item if isinstance(item, Unusable) else parse_object(item)
            except Unusable as fault:
                yield line, fault

    def _table(self) -> Iterator[tuple[int, dict[str, Any] | Unusable]]:
        """Yield the rows of a table by columns: of lists, or of objects with the same keys, as pandas writes it."""
        content = self._file.stream.read(MOST_TABLE_BYTES + 1)
        advice = "write one object for each product, with pandas: frame.to_json(NAME, orient='records', lines=True)"
        if len(content) > MOST_TABLE_BYTES:
            size = f"{MOST_TABLE_BYTES >> 20} MiB"
            raise UnreadableInput(f"{self._file.path} is one JSON object of more than {size}; {advice}.")
        try:
            held = parse_object(content)
        except Unusable as fault:
            raise UnreadableInput(f"{self._file.path} is no valid JSON ({fault.detail}); export it again.") from None
        columns = {name: values for name, values in held.items() if isinstance(values, (dict, list))}
        lists = [name for name, values in columns.items() if isinstance(values, list) and _are_objects(values)]
        if len(lists) == 1:
            yield from ((1, value if isinstance(value, dict) else _no_object(value)) for value in columns[lists[0]])
            return
        tables = [_cells(values) for values in columns.values()]
        if not tables or len(tables) < len(held) or any(one.keys() != tables[0].keys() for one in tables):
            raise UnreadableInput(f"{self._file.path} is one JSON object that is no table; {advice}.")
        for key in tables[0]:
            yield 1, {name: cells[key] for name, cells in zip(columns, tables, strict=True)}


class _Scanner:
    """Finds the objects in a stream: those of a list, those of the first list under a key, or one after another.

    The buffer begins with the object that has begun, or with what follows the last one; `line` is where it begins.
    """

    def __init__(self, stream: IO[bytes], wrapped: bool) -> None:
        self._stream = stream
        self._wrapped = wrapped
        self._container = [b"{", b"["] if wrapped else []  # the brackets around the objects
        self._entered = not wrapped
        self._ended = False
        self._open: list[bytes] = []  # the brackets that are open
        self._begun = False
        self._skipping = False  # an object that is too large, whose beginning is no longer in the buffer
        self._buffer, self._place, self.line = b"", 0, 1

    def items(self) -> Iterator[tuple[int, bytes | Unusable]]:
        """Yield (line, object or fault) for each object."""
        final = False
        while not final:
            chunk = self._stream.read(CHUNK_BYTES)
            final, self._buffer = not chunk, self._buffer + chunk
            while token := self._next():
                yield from self._opens(token) if token in CLOSING else self._closes(token)
                if self._ended:
                    return
            if self._begun and len(self._buffer) > MOST_BYTES:
                if not self._skipping:
                    yield self.line, too_long()
                self._skipping = True  # to its end
                self._drop(self._place)
        if self._begun and not self._skipping:
            yield self._give_up(Unusable("invalid_json", "the file ends within this object"))
        else:
            yield from self._between(len(self._buffer))

    def _next(self) -> bytes:
        """Return the next bracket, or what is no string or bracket of an object; b'' where more bytes are needed."""
        while found := TOKEN.search(self._buffer, self._place):
            if found[0] == b'"':  # the end of this string may follow
                self._place = found.start()
                return b""
            self._place = found.end()
            if not found[0].startswith(b'"'):
                return found[0]
        self._place = len(self._buffer)
        return b""

    def _opens(self, bracket: bytes) -> Iterator[tuple[int, bytes | Unusable]]:
        self._open.append(bracket)
        if self._begun:
            if len(self._open) > MOST_DEPTH:
                yield self._give_up(Unusable("invalid_json", "nested too deep"))
        elif not self._entered:
            self._entered = self._open == self._container
            self._drop(self._place)
        elif bracket == b"[" and self._open == [b"["]:
            self._container = [b"["]
        elif bracket == b"{" and self._open[:-1] == self._container:
            yield from self._between(self._place - 1)
            self._drop(self._place - 1)
            self._begun, self._place = True, 1

    def _closes(self, bracket: bytes) -> Iterator[tuple[int, bytes | Unusable]]:
        if not self._open or CLOSING[self._open[-1]] != bracket:
            if self._begun:
                yield self._give_up(Unusable("invalid_json", f"{bracket.decode()} closes nothing"))
            return
        self._open.pop()
        if self._begun and self._open == self._container:
            if not self._skipping:
                yield self.line, self._buffer[: self._place]
            self._begun = self._skipping = False
            self._drop(self._place)
        elif self._wrapped and self._entered and len(self._open) < len(self._container):
            self._ended = True

    def _between(self, end: int) -> Iterator[tuple[int, Unusable]]:
        """Yield a fault where more than brackets, commas and white space stands in the buffer before an object."""
        if rest := self._buffer[:end].strip(BETWEEN):
            yield self.line, Unusable("not_an_object", rest[:80].decode(errors="replace"))

    def _give_up(self, fault: Unusable) -> tuple[int, Unusable]:
        """Leave the object that has begun, and search for the next one behind the place that is read."""
        self._begun, self._open = False, list(self._container)
        line = self.line
        self._drop(self._place)
        return line, fault

    def _drop(self, length: int) -> None:
        """Remove the beginning of the buffer."""
        self.line += self._buffer.count(b"\n", 0, length)
        self._buffer, self._place = self._buffer[length:], 0


def _is_product(text: bytes) -> bool:
    """Return whether a text is one object with a title."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and isinstance(value.get(usual_column("title", list(value)) or ""), str)


def _is_one_object(text: bytes) -> bool:
    """Return whether no object of the beginning of a file is followed by another one."""
    depth = 0
    for found in TOKEN.finditer(text):
        if found[0] == b'"':
            break
        depth += (found[0] in (b"{", b"[")) - (found[0] in (b"}", b"]"))
        if depth == 0:
            return not text[found.end() :].strip(BETWEEN)
    return True


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _are_objects(values: list[Any]) -> bool:
    return bool(values) and any(isinstance(one, dict) for one in values)


def _no_object(value: Any) -> Unusable:
    return Unusable("not_an_object", str(value)[:80])


def _cells(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {str(number): one for number, one in enumerate(values)}
