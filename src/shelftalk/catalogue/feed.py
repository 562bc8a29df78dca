"""Read the items of a product feed in XML: each <item> of RSS, <entry> of Atom, or the element that repeats.

The elements of an item are its columns: those of its own and of Google's namespace without their prefix, so that
<g:title> and <title> are both `title`; all others by their full name. So are the attributes of the item itself. After a
malformed part, only the item that contains it is lost, and reading continues at the next item. Feeds are untrusted
input, so memory is bounded, nothing outside the file is opened, and a file with declarations (above all entities, which
can expand without bound) is rejected.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

from shelftalk.catalogue.feed_element import ROOTS, find_elements, with_name
from shelftalk.catalogue.feed_fields import Fields
from shelftalk.catalogue.files import BUFFER_BYTES, xml_begins
from shelftalk.errors import UnreadableInput

GOOGLE = "http://base.google.com/ns/1.0"
CONTAINERS = (*ROOTS, "channel")
CHUNK_BYTES = 1 << 16
MOST_BLOCKS = 16  # of 1 MiB, in which the element that is a product is searched
MOST_TAG_BYTES = 1 << 20  # of a tag or a comment, which expat holds completely in memory
MOST_DEPTH = 100
JUNK = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]
END_NAME = re.compile(rb"[^\s>]+")  # where expat reports that an end tag does not match
MISMATCH = expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH]
MOST_NAMES = 10_000  # of elements and attributes: expat keeps each


class Item(NamedTuple):
    """One item of a feed; its start and end tags are at the byte offsets `begin` and `end`; `line` counts from 1.

    `values` has the text of each of its elements by name, the first that is not blank; it is None where the item is
    larger than `most_bytes`, and was not read to its end. `lists` has each element of which there are several, and each
    that consists of elements, as an object of their texts; `localized` the texts that have a language.
    """

    line: int
    begin: int
    end: int
    values: dict[str, str] | None
    lists: dict[str, list[Any]]
    localized: dict[str, list[dict[str, str]]]


class Malformed(NamedTuple):
    """A malformed part: the line where its item begins, or its own line outside of items, and what is wrong."""

    line: int
    why: str


class Feed:
    """The items in a stream of UTF-8, read once from its beginning.

    `root` names the outermost element, and `elements` says which are items; `title_field` names the title in them.
    """

    def __init__(
        self, stream: io.BufferedReader[Any], path: Path, most_bytes: int, title_field: str | None = None
    ) -> None:
        self._stream = stream
        self._window = b""  # the bytes that the parser may still need
        ahead: list[bytes] = []
        self.elements = find_elements(_blocks(stream, ahead), title_field)
        elements = self.elements.names
        self._ahead = io.BytesIO(b"".join(ahead))
        names = b"|".join(re.escape(name.encode()) for name in elements)
        self._item_start = re.compile(rb"<(?:%s)[\s/>]" % names)
        self._longest_start = 2 + max(len(name.encode()) for name in elements)
        before = self._ahead.read(xml_begins(ahead[0] if ahead else b""))
        self._window_begin, self._window_line = len(before), 1 + before.count(b"\n")
        self._last_line = (self._window_begin, self._window_line)  # an offset in the window, and its line
        self._searching = False  # whether to search for the start of the next item after a fault
        self._resumed = 0  # the offset of the item found by the last search
        self._parser = _Parser(path, most_bytes, elements, self._line, self._window_begin)

    @property
    def root(self) -> str:
        """Return the name of the outermost element; '' before it has been read."""
        return self._parser.root

    def items(self) -> Iterator[Item | Malformed]:
        """Yield every item and every malformed part, in order.

        Raises:
            UnreadableInput: the file has declarations such as entities, or exceeds the limits of depth or names.
        """
        final = False
        while not final:
            chunk = self._ahead.read(CHUNK_BYTES) or self._stream.read(CHUNK_BYTES)
            final = not chunk
            self._window += chunk
            data: bytes | None = self._resume() if self._searching else chunk
            while data is not None:
                stop, offset = self._parse(data, final)
                yield from self._parser.pop_items()
                self._discard_before(offset)
                data = None
                if stop is not None:
                    if not stop.is_harmless:
                        yield stop.found
                    self._searching = True
                    data = self._resume()

    def _parse(self, data: bytes, final: bool) -> tuple[_Stopped | None, int]:
        """Parse more bytes; return what stopped the parser, if anything, and the first offset that is still needed."""
        try:
            self._parser.parse(data, final)
        except _Stopped as stop:
            # An item without an end seems to hold those behind it, up to the fault: they are read again.
            begin = stop.offset if isinstance(stop.found, Item) else min(stop.offset, self._parser.item_begin() + 1)
            stop.is_harmless = self._is_harmless(stop.code, stop.offset)
            return stop, max(begin, self._resumed + 1)
        offset, end = self._parser.offset(), self._window_begin + len(self._window)
        if end - offset > MOST_TAG_BYTES:
            fault = self._parser.fault(offset, f"a tag or comment of more than {MOST_TAG_BYTES} bytes")
            return _Stopped(fault, offset), end
        return None, max(min(offset, self._parser.item_begin()), end - MOST_TAG_BYTES)

    def _is_harmless(self, code: int, offset: int) -> bool:
        """Return whether nothing is wrong at an offset but that an element ends.

        The outermost one may end before an item. And behind a fault before the first item nobody knows what is open, so
        that an end tag is no fault there, unless it is that of an item, whose begin was lost.
        """
        at = offset - self._window_begin
        if code == JUNK:
            return bool(self._item_start.match(self._window, at))
        ended = END_NAME.match(self._window, at)
        unknown = code == MISMATCH and self._parser.ancestors_unknown and not self._parser.in_item
        return unknown and ended is not None and ended[0].decode(errors="replace") not in self.elements.names

    def _resume(self) -> bytes | None:
        """Restart the parser at the next item that begins in the window; return the bytes for it, None without one."""
        start = self._item_start.search(self._window)
        end = self._window_begin + len(self._window)
        self._discard_before(self._window_begin + start.start() if start else end - self._longest_start)
        if start is None:
            return None
        self._parser.restart(self._window_begin)
        self._searching, self._resumed = False, self._window_begin
        return self._window

    def _line(self, offset: int) -> int:
        """Return the line of an offset; expat's own count is wrong where its input ends between CR and LF."""
        offset = min(max(offset, self._window_begin), self._window_begin + len(self._window))
        known, line = self._last_line if self._last_line[0] <= offset else (self._window_begin, self._window_line)
        line += self._window.count(b"\n", known - self._window_begin, offset - self._window_begin)
        self._last_line = (offset, line)
        return line

    def _discard_before(self, offset: int) -> None:
        """Discard the window's bytes before `offset`."""
        offset = min(max(offset, self._window_begin), self._window_begin + len(self._window))
        self._window_line = self._line(offset)
        self._window = self._window[offset - self._window_begin :]
        self._window_begin = offset


def _blocks(stream: io.BufferedReader[Any], kept: list[bytes]) -> Iterator[bytes]:
    """Yield the first blocks of a stream, which are kept, too."""
    while len(kept) < MOST_BLOCKS and (block := stream.read(BUFFER_BYTES)):
        kept.append(block)
        yield block


class _Stopped(Exception):
    """Parsing stopped: the fault or oversized item, the offset at which to search for the next, and expat's code."""

    def __init__(self, found: Item | Malformed, offset: int, code: int = 0) -> None:
        super().__init__()
        self.found, self.offset, self.code = found, offset, code
        self.is_harmless = False


class _Parser:
    """An expat parser that collects items; its offsets are those of the file, and `line_of` gives their lines."""

    def __init__(
        self, path: Path, most_bytes: int, elements: tuple[str, ...], line_of: Callable[[int], int], begin: int
    ) -> None:
        self.root = ""
        self._elements = elements
        self._line_of = line_of
        self._path, self._most_bytes = path, most_bytes
        self._prefixes = {"g"}
        self._names: set[str] = set()
        self._ancestors: tuple[str, ...] | None = None  # the elements that contain the last item
        self.ancestors_unknown = False
        self._open: list[str] = []
        self._items: list[Item] = []
        self._begin(begin)

    def restart(self, offset: int) -> None:
        """Reset the parser and continue with an item that begins at this offset."""
        self.ancestors_unknown = self.ancestors_unknown or self._ancestors is None
        ancestors = [name for name in self._open if name in CONTAINERS] if self._ancestors is None else self._ancestors
        ancestors = ancestors or CONTAINERS[:1]  # or the second item would be behind the outermost element
        opening = "".join(f"<{name}>" for name in ancestors).encode()
        self._begin(offset - len(opening))
        self._expat.Parse(opening, False)

    def parse(self, data: bytes, final: bool) -> None:
        """Parse more bytes.

        Raises:
            _Stopped: the bytes are malformed, or their item is too large or not closed.
            UnreadableInput: see `Feed.items`.
        """
        try:
            self._expat.Parse(data, final)
        except expat.ExpatError as error:
            offset = self._expat.ErrorByteIndex + self._base
            why = "the file ends too early" if final and self.root else expat.ErrorString(error.code)
            raise _Stopped(self.fault(offset, why), offset + bool(self._depth), error.code) from None

    def pop_items(self) -> list[Item]:
        """Return and remove the items completed since the last call."""
        items, self._items = self._items, []
        return items

    def offset(self) -> int:
        """Return the parser's current offset."""
        return self._expat.CurrentByteIndex + self._base

    @property
    def in_item(self) -> bool:
        """Whether an item is open."""
        return self._depth > 0

    def item_begin(self) -> int:
        """Return the offset of the item that is open, or else the current one."""
        return self._item_begin if self._depth else self.offset()

    def fault(self, offset: int, why: str) -> Malformed:
        """Return a fault at this offset, with the line of the current item, if any."""
        line = self._line_of(offset)
        return Malformed(self._item_line if self._depth else line, f"{why}, line {line}")

    def _begin(self, offset: int) -> None:
        self._base = offset  # to be added to expat's own offsets
        self._open = []  # the open elements outside of items
        self._depth = 0  # within an item: 1 in the item itself, 2 in its elements
        self._item, self._item_line, self._item_begin = "", 0, 0
        self._fields = Fields({}, self._name)
        parser = self._expat = expat.ParserCreate("utf-8")  # whatever the declaration says: files are read as UTF-8
        parser.buffer_text = True
        parser.UseForeignDTD(True)  # or an unknown entity (&nbsp; is common) would be an error
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.SkippedEntityHandler = self._entity

    def _doctype(self, name: str, system: str | None, public: str | None, declares: int) -> None:
        if declares:
            raise self._refusal("declares entities or elements of its own (<!DOCTYPE ... [)")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.root = self.root or name
        self._names.update((name, *attributes))
        if len(self._names) > MOST_NAMES:
            raise self._refusal(f"has elements of more than {MOST_NAMES:,} names")
        self._prefixes.update(key[6:] for key, value in attributes.items() if key[:6] == "xmlns:" and value == GOOGLE)
        if self._depth:
            self._start_within(name, attributes)
        elif name in self._elements:
            self._ancestors = tuple(self._open)
            self._prefixes.add(name.rpartition(":")[0])
            self._depth, self._item, self._fields = 1, name, Fields(attributes, self._name)
            self._item_begin = self.offset()
            self._item_line = self._line_of(self._item_begin)
        else:
            self._open.append(name)
        if self._depth + len(self._open) > MOST_DEPTH:
            raise self._refusal(f"has elements nested more than {MOST_DEPTH} deep")

    def _start_within(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 1 and name == self._item:
            offset = self.offset()
            raise _Stopped(self.fault(offset, f"<{name}> begins before </{name}>"), offset)
        self._depth += 1
        self._fields.begin(self._depth, name, attributes)

    def _end(self, name: str) -> None:
        if not self._depth:
            self._open.pop()
            return
        if self._depth > 1:
            self._fields.end(self._depth, name)
        else:
            values, lists, localized = with_name(self._fields.with_own()), self._fields.lists(), self._fields.localized
            self._items.append(Item(self._item_line, self._item_begin, self.offset(), values, lists, localized))
        self._depth -= 1

    def _name(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        return local if colon and prefix in self._prefixes else name

    def _characters(self, data: str) -> None:
        if not self._fields.is_open:
            return
        self._fields.add(self._depth, data)
        offset = self.offset()
        if offset - self._item_begin > self._most_bytes:
            raise _Stopped(Item(self._item_line, self._item_begin, offset, None, {}, {}), offset)

    def _entity(self, name: str, is_parameter: bool) -> None:
        self._characters(html.unescape(f"&{name};"))

    def _refusal(self, what: str) -> UnreadableInput:
        return UnreadableInput(f"{self._path} {what}, which no product feed needs and may do harm; export it again.")
