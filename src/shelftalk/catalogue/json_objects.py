"""Read JSON whose objects do not stand one on each line: in a list, in a list under one key, or one after another.

The file is read as a stream: only one object is in memory. What stands between two objects and is neither a comma nor
white space is a fault, and so is an object that is not valid: reading goes on where the next one seems to begin, behind
the end of an object, or in a line that is indented as the last one. A single object that holds a table, by columns, is
read whole, up to `MOST_TABLE_BYTES`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any, Literal

import orjson

from shelftalk.catalogue.columns import Columns, usual_column
from shelftalk.catalogue.files import Opened
from shelftalk.catalogue.json_lines import first_keys, is_object, parse_object
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable, row_or_fault, too_long
from shelftalk.catalogue.values import uid_of
from shelftalk.errors import UnreadableInput

Form = Literal["lines", "objects", "wrapped", "table"]

# A bracket, a string, or the quote of a string that does not end in its line, as every string of JSON does.
TOKEN = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|[{}\[\]"]')
KEY = re.compile(rb'"([^"\\]*)"\s*:')
# An object whose first value that is no text, number or the like is a list of objects.
WRAPPED = re.compile(rb'\{\s*((?:"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^\s"\[\]{},]+)\s*,\s*)*)"[^"\\]*"\s*:\s*\[\s*(?=\{)')
TABLE = re.compile(rb'\{\s*"[^"\\]*"\s*:\s*[\[{]')
RESTART = re.compile(rb'(?:\}\s*,?\s*|\n(?P<indent>[ \t]*))(?=\{\s*")')
BETWEEN = b", \t\r\n[]}"  # objects
CLOSING = {b"{": b"}", b"[": b"]"}
CHUNK_BYTES = 1 << 16
MOST_TABLE_BYTES = 64 << 20
MOST_BETWEEN_BYTES = 1 << 20
MOST_DEPTH = 500
FIRST_LINES = 20


def form_of(head: bytes) -> Form:
    """Return how the objects of a file that begins with `head` stand in it."""
    text = head.lstrip()
    lines = [line for line in text.split(b"\n", FIRST_LINES)[:FIRST_LINES] if line.strip()]
    whole = [is_object(line) for line in lines]
    if text.startswith(b"["):
        return "objects" if re.match(rb"\[\s*(?:\{|$)", text) and not any(whole[1:2]) else "lines"
    at_margin = any(one and line.startswith(b"{") for one, line in zip(whole[1:], lines[1:], strict=True))
    if not text.startswith(b"{") or text.startswith(b"{'") or at_margin or (whole[0] and len(lines) > 1):
        return "lines"
    end = _end_of_object(text)
    if end and text[end:].strip(BETWEEN):
        return "objects"
    if _is_product(text):
        return "lines" if whole[0] else "objects"
    if not end and _wraps_products(text):
        return "wrapped"
    if TABLE.match(text) or WRAPPED.match(text):
        return "table"
    return "lines" if whole[0] or (not end and len(lines) == 1) else "objects"


class JsonObjects:
    """JSON with an object for each product, however they stand in the file; a row's line is where its object begins."""

    def __init__(self, file: Opened, form: Form) -> None:
        self.name = file.name
        self.sample: list[dict[str, Any]] = []  # the first objects, after their keys were read
        self._file = file
        self._form = form

    def columns(self) -> list[str]:
        """Return the keys of the first objects; a key may be missing in single rows."""
        names, self.sample = first_keys(value for _, value in self._values() if isinstance(value, dict))
        return names

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every object; one without an id gets its number as id, because many may share one line."""
        for number, (line, value) in enumerate(self._values(), 1):
            row = value if isinstance(value, Unusable) else row_or_fault(value, columns)
            if isinstance(row, Row):
                row = row._replace(uid=uid_of(row.uid) or f"row-{self._file.part}{number}")
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
        lists = {name: values for name, values in columns.items() if any(isinstance(one, dict) for one in values)}
        products = [
            name for name, values in lists.items() if any(isinstance(one, dict) and _has_title(one) for one in values)
        ]
        if len(products) > 1 or (lists and not products):
            several = ", ".join(ascii(name)[1:-1] for name in (products or lists))
            raise UnreadableInput(
                f"{self._file.path} is one JSON object that holds lists ({several}); make rows of the one with the "
                f"products, with jq -c '.NAME[]' FILE > rows.jsonl."
            )
        if products:
            yield from ((1, value if isinstance(value, dict) else _no_object(value)) for value in lists[products[0]])
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
        self._left = False  # the list of objects; those of further lists are none
        self._open: list[bytes] = []  # the brackets that are open
        self._begun = False
        self._indent = b""  # of the line in which the last object began
        self._searching = False  # for the next object, after a fault
        self._buffer, self._place, self.line = b"", 0, 1

    def items(self) -> Iterator[tuple[int, bytes | Unusable]]:
        """Yield (line, object or fault) for each object."""
        final = False
        while not final:
            # As much as there is already: a long string is searched anew with each piece.
            chunk = self._stream.read(min(max(CHUNK_BYTES, len(self._buffer)), MOST_BYTES))
            final, self._buffer = not chunk, self._buffer + chunk
            yield from self._scan(final)
        if not self._begun and not self._searching:
            yield from self._between(len(self._buffer))

    def _scan(self, final: bool) -> Iterator[tuple[int, bytes | Unusable]]:
        """Yield the objects that end in the buffer."""
        while self._searching is False or self._restart(final):
            token = self._next(final)
            if token in CLOSING:
                yield from self._opens(token)
            elif token == b'"':
                yield from self._fault("a text that does not end in its line")
            elif token:
                yield from self._closes(token)
            elif final and self._begun:
                yield from self._fault("the file ends within this object")
            else:
                break
        if self._begun and len(self._buffer) > MOST_BYTES:
            yield self.line, too_long()
            self._begun, self._searching, self._place = False, True, 1  # its end may be missing: others may be in it
        elif not self._begun and len(self._buffer) > MOST_BETWEEN_BYTES:
            yield from self._between(self._place)
            self._drop(self._place)

    def _next(self, final: bool) -> bytes:
        """Return the next bracket, or the quote of a text without an end; b'' where more bytes are needed."""
        while found := TOKEN.search(self._buffer, self._place):
            if found[0] == b'"':
                ended = final or self._buffer.find(b"\n", found.end()) >= 0
                self._place = found.end() if ended else found.start()
                return b'"' if ended else b""
            self._place = found.end()
            if not found[0].startswith(b'"'):
                return found[0]
        self._place = len(self._buffer)
        return b""

    def _opens(self, bracket: bytes) -> Iterator[tuple[int, bytes | Unusable]]:
        if len(self._open) > MOST_DEPTH:
            if self._begun:
                yield from self._fault("nested too deep")
            return
        self._open.append(bracket)
        if self._begun:
            return
        if not self._entered:
            self._entered = self._open == self._container
            self._drop(self._place)
        elif bracket == b"[" and self._open == [b"["]:
            self._container = [b"["]
        elif bracket == b"{" and self._open[:-1] == self._container:
            yield from self._between(self._place - 1)
            before = self._buffer[: self._place - 1].rpartition(b"\n")[2]
            self._indent = before if before.isspace() else b""
            self._drop(self._place - 1)
            self._begun, self._place = True, 1

    def _closes(self, bracket: bytes) -> Iterator[tuple[int, bytes | Unusable]]:
        if not self._open or CLOSING[self._open[-1]] != bracket:
            if self._begun:
                yield from self._fault(f"{bracket.decode()} closes nothing")
            return
        self._open.pop()
        if self._begun and self._open == self._container:
            if self._left:
                yield self.line, Unusable("not_an_object", "an object of another list than the first")
            else:
                yield self.line, self._buffer[: self._place] if self._place <= MOST_BYTES else too_long()
            self._begun = False
            self._drop(self._place)
        elif not self._begun and self._wrapped and self._entered and len(self._open) < len(self._container):
            self._left = True

    def _between(self, end: int) -> Iterator[tuple[int, Unusable]]:
        """Yield a fault for each value that stands in the buffer before an object and is none."""
        rest = self._buffer[:end].strip(BETWEEN)
        if not rest or self._left:  # behind the list stand further values of the object that holds it
            return
        try:
            values = orjson.loads(b"[" + rest + b"]")
        except orjson.JSONDecodeError:
            values = [rest[:80].decode(errors="replace")]
        yield from ((self.line, Unusable("not_an_object", str(value)[:80])) for value in values)

    def _fault(self, why: str) -> Iterator[tuple[int, Unusable]]:
        """Leave the object that has begun, and search for the next one behind its beginning."""
        if self._begun:
            yield self.line, Unusable("invalid_json", why)
            self._begun, self._searching, self._place = False, True, 1

    def _restart(self, final: bool) -> bool:
        """Go on where the next object seems to begin; return whether there is one in the buffer."""
        for found in RESTART.finditer(self._buffer, self._place):
            if found["indent"] in (None, self._indent):
                self._searching, self._open = False, list(self._container)
                self._drop(found.end())
                return True
        self._place = max(len(self._buffer) - MOST_BETWEEN_BYTES // 2, self._place)
        if final or self._place > MOST_BETWEEN_BYTES:
            self._drop(self._place)
        return False

    def _drop(self, length: int) -> None:
        """Remove the beginning of the buffer."""
        self.line += self._buffer.count(b"\n", 0, length)
        self._buffer, self._place = self._buffer[length:], 0


def _wraps_products(text: bytes) -> bool:
    """Return whether a text begins as an object that is no product itself and holds a list of products."""
    found = WRAPPED.match(text)
    if not found or usual_column("title", [key.decode(errors="replace") for key in KEY.findall(found[1])]):
        return False
    first = next(iter(_Scanner(io.BytesIO(text[found.end() :]), False).items()), (1, b""))[1]
    return isinstance(first, bytes) and _is_product(first)


def _is_product(text: bytes) -> bool:
    """Return whether a text is one object with a title."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return _has_title(value)


def _has_title(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get(usual_column("title", list(value)) or ""), str)


def _end_of_object(text: bytes) -> int | None:
    """Return the place behind the object with which a text begins; None where it does not end in it."""
    depth = 0
    for found in TOKEN.finditer(text):
        depth += (found[0] in (b"{", b"[")) - (found[0] in (b"}", b"]"))
        if depth == 0:
            return found.end()
    return None


def _no_object(value: Any) -> Unusable:
    return Unusable("not_an_object", str(value)[:80])


def _cells(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {str(number): one for number, one in enumerate(values)}
