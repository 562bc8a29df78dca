"""Read the items of a product feed in XML: each <item> of RSS, each <entry> of Atom.

The elements of an item are named as in a table: those of Google's namespace without their prefix, so that <g:title> and
<title> are both `title`; all others as they stand. A part that is no XML costs the item it stands in, and reading goes
on at the next one. Feeds come from anywhere, so memory is bounded, nothing outside the file is ever opened, and a file
that declares anything of its own (entities above all, which can grow without bound) is refused.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

from shelftalk.errors import UnreadableInput

GOOGLE = "http://base.google.com/ns/1.0"
ITEM_START = re.compile(rb"<(?:item|entry)[\s/>]")
LONGEST_START = 7  # bytes that ITEM_START may match
DECLARED_ENCODING = re.compile(rb"\s*<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
DECLARATION_BYTES = 200
CONTAINERS = ("rss", "channel", "feed", "rdf:RDF")
CHUNK_BYTES = 1 << 16
MOST_TAG_BYTES = 1 << 20  # of a tag or a comment, which expat holds whole
MOST_DEPTH = 100
MOST_NAMES = 10_000  # of elements and attributes: expat keeps each


class Item(NamedTuple):
    """One item of a feed, whose tags begin at the bytes `begin` and `end`; `line` counts from 1.

    `values` holds the text of each of its elements by name, the first that is not blank; it is None where the item is
    larger than `most_bytes`, and was not read to its end.
    """

    line: int
    begin: int
    end: int
    values: dict[str, str] | None


class Malformed(NamedTuple):
    """A part that is no XML: the line where its item begins, or where it stands outside of items, and what is wrong."""

    line: int
    why: str


class Feed:
    """A stream of bytes as the items in it, read once from its beginning; `root` names its outermost element."""

    def __init__(self, stream: io.BufferedReader[Any], path: Path, most_bytes: int) -> None:
        """Begin with the XML declaration.

        Raises:
            UnreadableInput: it names an encoding that cannot be read.
        """
        self._stream = stream
        self._window = b""  # the bytes that the parser may not be done with
        self._window_begin, self._window_line = 0, 1
        self._known = (0, 1)  # a byte in the window, and its line
        self._lost = False  # whether the next item must be looked for
        self._resumed = 0  # where the last one that was looked for begins
        encoding = _encoding(path, stream.peek(DECLARATION_BYTES))
        self._parser = _Parser(path, most_bytes, encoding, self._line)

    @property
    def root(self) -> str:
        """Return the name of the outermost element, as far as it has been read."""
        return self._parser.root

    def items(self) -> Iterator[Item | Malformed]:
        """Yield every item, and all that is wrong, in order.

        Raises:
            UnreadableInput: the file declares entities or the like, or is nested or named without end.
        """
        final = False
        while not final:
            chunk = self._stream.read(CHUNK_BYTES)
            final = not chunk
            self._window += chunk
            data: bytes | None = self._found() if self._lost else chunk
            while data is not None:
                fault, place = self._parse(data, final)
                yield from self._parser.taken()
                self._forget(place)
                data = None
                if fault is not None:
                    yield fault
                    self._lost = True
                    data = self._found()

    def _parse(self, data: bytes, final: bool) -> tuple[Item | Malformed | None, int]:
        """Parse on; return what has stopped it, and the place before which nothing is needed any more."""
        try:
            self._parser.parse(data, final)
        except _Stopped as stop:
            return stop.found, max(stop.place, self._resumed + 1)
        place, end = self._parser.place(), self._window_begin + len(self._window)
        if end - place > MOST_TAG_BYTES:
            return self._parser.fault(place, f"a tag or comment of more than {MOST_TAG_BYTES} bytes"), end
        return None, place

    def _found(self) -> bytes | None:
        """Make the parser go on at the next item that begins in the window; return what is for it to read, if any."""
        start = ITEM_START.search(self._window)
        end = self._window_begin + len(self._window)
        self._forget(self._window_begin + start.start() if start else end - LONGEST_START)
        if start is None:
            return None
        self._parser.restart(self._window_begin)
        self._lost, self._resumed = False, self._window_begin
        return self._window

    def _line(self, place: int) -> int:
        """Return the line of a byte in the window; expat's own count is off where its input ends between CR and LF."""
        place = min(max(place, self._window_begin), self._window_begin + len(self._window))
        known, line = self._known if self._known[0] <= place else (self._window_begin, self._window_line)
        line += self._window.count(b"\n", known - self._window_begin, place - self._window_begin)
        self._known = (place, line)
        return line

    def _forget(self, place: int) -> None:
        """Drop the window's bytes before `place`."""
        place = min(max(place, self._window_begin), self._window_begin + len(self._window))
        self._window_line = self._line(place)
        self._window = self._window[place - self._window_begin :]
        self._window_begin = place


def _encoding(path: Path, head: bytes) -> str:
    declared = DECLARED_ENCODING.match(head)
    name = declared[1].decode() if declared else "utf-8"
    if name.lower().startswith("utf"):
        return "utf-8"  # some programs say UTF-16 of it; a file that truly is UTF-16 has been refused before
    try:
        known = len(bytes(range(256)).decode(name, errors="replace")) == 256  # expat takes no larger ones
    except (LookupError, UnicodeError):
        known = False
    if not known:
        raise UnreadableInput(f"{path} is in {name}; save it as UTF-8 and give that file.")
    return name


class _Stopped(Exception):
    """Parsing cannot go on: what was found, and the place from where to look for the next item."""

    def __init__(self, found: Item | Malformed, place: int) -> None:
        super().__init__()
        self.found, self.place = found, place


class _Parser:
    """An expat parser that gathers items; bytes are the file's, of whose lines `line_of` knows."""

    def __init__(self, path: Path, most_bytes: int, encoding: str, line_of: Callable[[int], int]) -> None:
        self.root = ""
        self._line_of = line_of
        self._path, self._most_bytes, self._encoding = path, most_bytes, encoding
        self._prefixes = {"g"}
        self._names: set[str] = set()
        self._around: tuple[str, ...] | None = None  # the elements around the last item
        self._open: list[str] = []
        self._items: list[Item] = []
        self._begin(0)

    def restart(self, byte: int) -> None:
        """Forget what was being read and go on with an item that begins at this byte."""
        around = [name for name in self._open if name in CONTAINERS] if self._around is None else self._around
        opening = "".join(f"<{name}>" for name in around).encode(self._encoding)
        self._begin(byte - len(opening))
        self._expat.Parse(opening, False)

    def parse(self, data: bytes, final: bool) -> None:
        """Parse on.

        Raises:
            _Stopped: what follows is no XML, or the item it stands in is too large or not closed.
            UnreadableInput: see `Feed.items`.
        """
        try:
            self._expat.Parse(data, final)
        except expat.ExpatError as error:
            place = self._expat.ErrorByteIndex + self._byte
            why = "the file ends too early" if final and self.root else expat.ErrorString(error.code)
            raise _Stopped(self.fault(place, why), place + 1) from None

    def taken(self) -> list[Item]:
        """Return the items that have ended since the last call."""
        items, self._items = self._items, []
        return items

    def place(self) -> int:
        """Return the byte where the parser is."""
        return self._expat.CurrentByteIndex + self._byte

    def fault(self, place: int, why: str) -> Malformed:
        """Return what is wrong at a byte, for the item that the parser is in, if any."""
        line = self._line_of(place)
        return Malformed(self._item_line if self._depth else line, f"{why}, line {line}")

    def _begin(self, byte: int) -> None:
        self._byte = byte  # what to add to expat's own count
        self._open = []  # the elements that the parser is in, outside of items
        self._depth = 0  # within an item: 1 in the item itself, 2 in its elements
        self._item, self._item_line, self._item_begin = "", 0, 0
        self._values: dict[str, str] = {}
        self._field = ""
        self._text: list[str] = []
        parser = self._expat = expat.ParserCreate(self._encoding)
        parser.buffer_text = True
        parser.UseForeignDTD(True)  # or an unknown entity (&nbsp; is common) would end the reading
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.SkippedEntityHandler = self._entity

    def _doctype(self, name: str, system: str | None, public: str | None, declares: int) -> None:
        if declares:
            raise self._refused("declares entities or elements of its own (<!DOCTYPE ... [)")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.root = self.root or name
        self._names.update((name, *attributes))
        if len(self._names) > MOST_NAMES:
            raise self._refused(f"has elements of more than {MOST_NAMES:,} names")
        self._prefixes.update(key[6:] for key, value in attributes.items() if key[:6] == "xmlns:" and value == GOOGLE)
        if self._depth:
            self._start_within(name)
        elif name in ("item", "entry"):
            self._around = tuple(self._open)
            self._depth, self._item, self._values, self._field = 1, name, {}, ""
            self._item_begin = self.place()
            self._item_line = self._line_of(self._item_begin)
        else:
            self._open.append(name)
        if self._depth + len(self._open) > MOST_DEPTH:
            raise self._refused(f"has elements nested more than {MOST_DEPTH} deep")

    def _start_within(self, name: str) -> None:
        if self._depth == 1 and name == self._item:
            place = self.place()
            raise _Stopped(self.fault(place, f"<{name}> begins before </{name}>"), place)
        self._depth += 1
        if self._depth == 2:
            self._field, self._text = name, []
        else:
            self._characters(" ")

    def _end(self, name: str) -> None:
        if not self._depth:
            self._open.pop()
            return
        self._depth -= 1
        if self._depth == 0:
            self._items.append(Item(self._item_line, self._item_begin, self.place(), self._values))
        elif self._depth == 1:
            self._keep("".join(self._text))
        else:
            self._characters(" ")

    def _keep(self, text: str) -> None:
        prefix, colon, local = self._field.partition(":")
        name = local if colon and prefix in self._prefixes else self._field
        if not self._values.get(name):
            self._values[name] = "" if text.isspace() else text
        self._field, self._text = "", []

    def _characters(self, data: str) -> None:
        if not self._field:
            return
        self._text.append(data)
        place = self.place()
        if place - self._item_begin > self._most_bytes:
            raise _Stopped(Item(self._item_line, self._item_begin, place, None), place)

    def _entity(self, name: str, is_parameter: bool) -> None:
        self._characters(html.unescape(f"&{name};"))

    def _refused(self, what: str) -> UnreadableInput:
        return UnreadableInput(f"{self._path} {what}, which no product feed needs and may do harm; export it again.")
