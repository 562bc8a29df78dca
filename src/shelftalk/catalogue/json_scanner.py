"""Find the objects at one place of a stream of JSON, without parsing them; `json_layout` says what a place is.

Only one object is in memory. Objects of other lists, and values that are none, are found as faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

import orjson

from shelftalk.catalogue.json_layout import CLOSING, TOKEN, Place, dotted
from shelftalk.catalogue.json_lines import is_object
from shelftalk.catalogue.rows import MOST_BYTES, Unusable, too_long

# A bracket, a string with what must follow it, or the quote of another one.
LENIENT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"(?=\s*[,:}\]])|[{}\[\]"]', re.DOTALL)
RESTART = re.compile(rb'(?:\}\s*,?\s*|\n(?P<indent>[ \t]*))(?=\{\s*")')
COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
ASSIGNED = re.compile(
    rb"(?:\s|;|//[^\n]*\n|/\*.*?\*/)*(?:(?:export\s+default|return)\b|(?:(?:export\s+)?(?:var|let|const)\s+)?[\w.$]+\s*=)?"
    rb"(?:\s|//[^\n]*\n|/\*.*?\*/)*(?=[\[{]|$)",
    re.DOTALL,
)
MARK = "\ufeff".encode()
BETWEEN = b", \t\r\n[]}"  # objects
CHUNK_BYTES = 1 << 16
MOST_BETWEEN_BYTES = 1 << 20
MOST_LENIENT_BYTES = 1 << 20
MOST_DEPTH = 500
MOST_LISTS = 1 << 20  # open around an object


class Found(NamedTuple):
    """An object, unparsed, or a fault, with its line; `key` is that of the object where any key may stand there.

    An object begins `begin` bytes behind the beginning of the stream.
    """

    line: int
    value: bytes | Unusable
    key: str | None = None
    begin: int = 0


class Scanner:
    """Finds the objects at one place.

    The buffer begins with the object that has begun, or with what follows the last one; `line` is where it begins.
    """

    def __init__(self, stream: IO[bytes], place: Place) -> None:
        self._stream = stream
        self._target = place
        self._open: list[bytes] = []  # the brackets that are open
        self._places: list[tuple[str, ...]] = []  # of those around the object that has begun, or of all
        self._begun = False
        self._passed: int | None = None  # the line of an object that is none of the products, while it is open
        self._counted = False  # it would be one of another list
        self._reached = False  # the place was there in the outermost object
        self._text, self._text_end = b"", 0  # the last string, which may be a key
        self._indent = b""  # of the line in which the last object began
        self._searching = False  # for the next object, after a fault
        self._buffer, self._place, self.line = b"", 0, 1
        self._begin = 0  # of the buffer, in the stream

    def objects(self) -> Iterator[Found]:
        """Yield each object or fault."""
        final = False
        while not final:
            # As much as there is already: a long string is searched anew with each piece.
            chunk = self._stream.read(min(max(CHUNK_BYTES, len(self._buffer)), MOST_BYTES))
            final, self._buffer = not chunk, self._buffer + chunk
            yield from self._scan(final)
        if not self._begun and not self._searching and self._passed is None:
            yield from self._between(len(self._buffer))

    def _scan(self, final: bool) -> Iterator[Found]:
        """Yield the objects that end in the buffer."""
        while self._searching is False or self._restart(final):
            token = self._next(final)
            if token in CLOSING:
                yield from self._opens(token)
            elif token == b'"':
                end = self._end_over_lines(final) if self._begun else 0
                if end is None:
                    self._place -= 1  # to the quote
                    break
                if end:
                    self._place = end
                    del self._open[len(self._places) :]
                    yield from self._ends()
                else:
                    yield from self._fault("a text that does not end in its line")
            elif token:
                yield from self._closes(token)
            elif final and self._begun:
                yield from self._fault("the file ends within this object")
            else:
                break
        if self._begun and len(self._buffer) > MOST_BYTES:
            yield Found(self.line, too_long())
            self._leave(1)  # its end may be missing: others may be in it
        elif self._passed is not None:
            self._drop(self._place)
        elif not self._begun and len(self._buffer) > MOST_BETWEEN_BYTES:
            yield from self._between(self._place)
            self._drop(self._place)

    def _next(self, final: bool) -> bytes:
        """Return the next bracket, or the quote of a text without an end; b'' where more bytes are needed."""
        for found in TOKEN.finditer(self._buffer, self._place):
            token = found[0]
            if len(token) == 1:
                ended = token != b'"' or final or self._buffer.find(b"\n", found.end()) >= 0
                self._place = found.end() if ended else found.start()
                return token if ended else b""
            if not self._begun and token.startswith(b'"'):
                self._text, self._text_end = token[1:-1], found.end()
            elif token.startswith(b"/") and found.end() == len(self._buffer) and not final:
                self._place = found.start()
                return b""
        self._place = len(self._buffer)
        return b""

    def _opens(self, bracket: bytes) -> Iterator[Found]:
        inside = self._begun or self._passed is not None
        if len(self._open) > (len(self._places) + MOST_DEPTH if inside else MOST_LISTS):
            if self._begun:
                yield from self._fault("nested too deep")
            return
        around = self._open[-1] if self._open else b""
        self._open.append(bracket)
        if inside:
            return
        place = self._places[-1] if self._places else ()
        if around == b"{":
            place = (*place, self._key())
        matches, length = self._matches(place), len(place)
        self._reached = (self._reached and bool(around)) or (matches and length == len(self._target))
        if matches and (bracket == b"[" or length < len(self._target)):
            if self._buffer[self._place - 2 : self._place - 1] != b"[":  # many of them would take long
                yield from self._between(self._place - 1, len(self._places))
                self._drop(self._place)
            self._places.append(place)
        elif matches:
            yield from self._between(self._place - 1, len(self._places))
            before = self._buffer[: self._place - 1].rpartition(b"\n")[2]
            self._indent = before if before.isspace() else b""
            self._drop(self._place - 1)
            self._begun, self._place = True, 1
        elif bracket == b"[" and around == b"{":
            self._places.append(place)  # another list
            self._drop(self._place)
        else:
            self._drop(self._place - 1)
            self._passed, self._counted, self._place = self.line, around == b"[", 1

    def _key(self) -> str:
        """Return the key before the bracket that was read last."""
        behind = self._buffer[max(self._text_end, 0) : self._place - 1]
        return self._text.decode(errors="replace") if behind.strip() == b":" else ""

    def _matches(self, place: tuple[str, ...]) -> bool:
        """Return whether a place is that of the objects, or on the way to it."""
        return len(place) <= len(self._target) and all(
            wanted in (None, key) for key, wanted in zip(place, self._target, strict=False)
        )

    def _closes(self, bracket: bytes) -> Iterator[Found]:
        if not self._open or CLOSING[self._open[-1]] != bracket:
            if self._begun:
                yield from self._fault(f"{bracket.decode()} closes nothing")
            return
        if not self._begun and self._passed is None:
            if self._buffer[self._place - 2 : self._place - 1] not in (b"]", b"}"):
                yield from self._between(self._place - 1)
                self._drop(self._place)
            self._open.pop()
            self._places.pop()
            outermost = bracket == b"}" and b"{" not in self._open
            if outermost and not self._reached:
                wanted = dotted(self._target)
                yield Found(self.line, Unusable("not_an_object", f"an object without {wanted!r}, where products stand"))
            self._reached = self._reached and not outermost
            return
        self._open.pop()
        if len(self._open) > len(self._places):
            return
        if self._begun:
            yield from self._ends()
        elif self._passed is not None:
            if self._counted:
                name = ".".join(self._places[-1]) if self._places else ""
                yield Found(self._passed, Unusable("not_an_object", f"an object of another list, {name!r}"))
            self._passed = None
            self._drop(self._place)

    def _ends(self) -> Iterator[Found]:
        """Yield the object that has begun, which ends at the present place."""
        key = self._text.decode(errors="replace") if self._target and self._target[-1] is None else None
        value = self._buffer[: self._place] if self._place <= MOST_BYTES else too_long()
        yield Found(self.line, value, key, self._begin)
        self._begun = False
        self._drop(self._place)

    def _end_over_lines(self, final: bool) -> int | None:
        """Return the end of the object that has begun, where its texts hold line breaks as they are; 0 for none.

        It is None where more bytes are needed.
        """
        whole = final or len(self._buffer) > MOST_LENIENT_BYTES
        depth = 0
        for found in LENIENT.finditer(self._buffer):
            if found[0] == b'"':  # the text has no end in the buffer, or a quote within it
                ends = self._buffer.find(b'"', found.end()) >= 0 and found.end() < len(self._buffer) - CHUNK_BYTES // 2
                return 0 if whole or ends else None
            if not found[0].startswith(b'"'):
                depth += 1 if found[0] in CLOSING else -1
            if depth == 0:
                return found.end() if is_object(self._buffer[: found.end()]) else 0
        return 0 if whole else None

    def _between(self, end: int, depth: int | None = None) -> Iterator[Found]:
        """Yield a fault for each value that stands in the buffer before an object and is none.

        `depth` is the number of brackets around it, where one more is open already.
        """
        depth = len(self._open) if depth is None else depth
        if depth and (self._open[depth - 1] == b"{" or not self._matches(self._places[depth - 1])):
            return  # further values of the object that holds the list
        rest = self._buffer[:end].replace(MARK, b"").strip(BETWEEN)
        if not rest:
            return
        try:
            values = orjson.loads(b"[" + rest + b"]")
        except orjson.JSONDecodeError:
            rest = COMMENT.sub(b"", rest).strip(BETWEEN + b";")
            if not rest or ASSIGNED.fullmatch(rest):
                return
            values = [rest[:80].decode(errors="replace")]
        for value in values:
            yield Found(self.line, Unusable("not_an_object", str(value)[:80]))

    def _fault(self, why: str) -> Iterator[Found]:
        """Leave the object that has begun, and search for the next one behind its beginning."""
        if self._begun:
            yield Found(self.line, Unusable("invalid_json", why))
            self._leave(1)

    def _leave(self, place: int) -> None:
        self._begun, self._searching, self._place = False, True, place

    def _restart(self, final: bool) -> bool:
        """Go on where the next object seems to begin; return whether there is one in the buffer."""
        for found in RESTART.finditer(self._buffer, self._place):
            if found["indent"] in (None, self._indent):
                self._searching = False
                del self._open[len(self._places) :]
                self._drop(found.end())
                return True
        self._place = max(len(self._buffer) - MOST_BETWEEN_BYTES // 2, self._place)
        if final or self._place > MOST_BETWEEN_BYTES:
            self._drop(self._place)
        return False

    def _drop(self, length: int) -> None:
        """Remove the beginning of the buffer."""
        self.line += self._buffer.count(b"\n", 0, length)
        self._text_end -= length
        self._begin += length
        self._buffer, self._place = self._buffer[length:], 0
