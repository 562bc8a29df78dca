"""Find which element of a feed is a product: <item> of RSS, <entry> of Atom, or the element that repeats.

Feeds that are neither call it <offer> (Yandex), <SHOPITEM> (Heureka), <product>, or anything else. It repeats, and has
columns for title and description, or else for the title; one with a usual name comes first, one within another product
never, and then the one that is there most often. A feed may begin with megabytes of categories, so more of it is read
until an element with a usual name is found. Tags are read one by one, so that a fault does not hide what is behind it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from shelftalk.catalogue.columns import usual_column

STANDARD = ("item", "entry")
ROOTS = ("rss", "feed", "rdf:RDF")  # of feeds with these
USUAL = frozenset((*STANDARD, "offer", "shopitem", "product", "article", "good", "record", "row"))
NAMING = ("typePrefix", "vendor", "model")  # of Yandex, instead of a name
# What holds no tags, or tags that are text.
OPAQUE = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
BEGIN_OPAQUE = re.compile(rb"<!--|<!\[CDATA\[|<\?")
TAG = re.compile(rb"<(/?)([A-Za-z_][\w.:-]*)([^<>]*)>")
ATTRIBUTE = re.compile(rb"([A-Za-z_][\w.-]*)\s*=")
MOST_TAG_BYTES = 1 << 16  # of a tag that two blocks share
MOST_DEPTH = 10  # of a product
MOST_OPEN = 100  # elements, of which a reader refuses more
MOST_OF_PARAMETER = 2  # attributes: name and unit; an element with more may be a product
MOST_NAMES = 1_000  # of different elements, by their place

Path = tuple[str, ...]  # the names from the outermost element to one in it


class Elements(NamedTuple):
    """The names of the elements that are products, and of others that have a title and a description, too."""

    names: tuple[str, ...]
    others: tuple[str, ...] = ()


def find_elements(blocks: Iterable[bytes], title_field: str | None = None) -> Elements:
    """Return which elements are products, from the beginning of a feed in UTF-8.

    `title_field` names the column of their title. No more blocks are read than are needed.
    """
    shape = _Shape()
    for block in blocks:
        shape.read(block)
        if shape.is_standard():
            return Elements(STANDARD)
        if any(_is_usual(path) for path in shape.described(title_field)):
            break
    return shape.products(title_field)


def with_name(values: dict[str, str]) -> dict[str, str]:
    """Return an item's texts; one of Yandex that has a vendor and a model instead of a name gets a name of these."""
    if "vendor" not in values or "model" not in values:
        return values
    title = _title_column(tuple(values)) or "name"
    if values.get(title, "").strip():
        return values
    composed = " ".join(filter(None, (values.get(one, "").strip() for one in NAMING)))
    return {title: composed, **{name: text for name, text in values.items() if name != title}}


@lru_cache(maxsize=1000)
def _title_column(names: tuple[str, ...]) -> str | None:
    return usual_column("title", list(names))


class _Shape:
    """How often each element occurs, by its path, and the names in it."""

    def __init__(self) -> None:
        self.counts: Counter[Path] = Counter()
        self._names: defaultdict[Path, dict[str, None]] = defaultdict(dict)
        self._open: list[str] = []
        self._rest = b""  # of a tag that the next block continues

    def read(self, block: bytes) -> None:
        """Read the tags of more bytes."""
        block = self._rest + block
        end = len(block) if (last := block.rfind(b"<")) < len(block) - MOST_TAG_BYTES else last
        self._rest = block[end:]
        for closing, name, attributes in _tags(block[:end]):
            if len(self._open) > MOST_OPEN or len(self.counts) > MOST_NAMES:
                return
            if closing:
                self._end(name.decode())
            else:
                self._start(name.decode(errors="replace"), attributes)
                if attributes.endswith(b"/"):
                    self._open.pop()

    def is_standard(self) -> bool:
        """Return whether this is RSS or Atom, also where its items stand behind a root that was closed too early."""
        return any(path[0] in ROOTS for path in self.counts) and any(path[-1] in STANDARD for path in self.counts)

    def described(self, title_field: str | None) -> list[Path]:
        """Return the paths of elements that repeat, with a title and a description."""
        return [path for path in self._titled(title_field) if self._repeats(path) and self._has("description", path)]

    def products(self, title_field: str | None) -> Elements:
        """Return the elements of the first of these groups that has any: usual names come first in each."""
        titled = self._titled(title_field)
        described = [path for path in titled if self._has("description", path)]
        groups = (
            [path for path in described if self._repeats(path)],
            [path for path in titled if self._repeats(path)],
            [path for path in described if path[0] not in ROOTS],  # a feed of one product
            [path for path, names in self._names.items() if self._repeats(path) and len(names) > 1],
        )
        for group in groups:
            if found := [path for path in group if _is_usual(path)] or group:
                best = max(_outermost(found), key=lambda path: self.counts[path])
                others = [path[-1] for path in _outermost(groups[0]) if path[-1] != best[-1]]
                return Elements((best[-1],), tuple(dict.fromkeys(others)) if found else ())
        return Elements(STANDARD)

    def _repeats(self, path: Path) -> bool:
        return self.counts[path] > 1

    def _titled(self, title_field: str | None) -> list[Path]:
        named = [path for path in self.counts if title_field in self._columns(path)] if title_field else []
        return named or [path for path in self.counts if self._has("title", path)]

    def _has(self, role: str, path: Path) -> bool:
        return usual_column(role, self._columns(path)) is not None

    def _columns(self, path: Path) -> list[str]:
        prefixes = (path[-1].rpartition(":")[0], "g")  # its own one, and the usual one of Google
        columns: dict[str, str] = {}
        for name in self._names[path]:
            prefix, colon, local = name.rpartition(":")
            columns[local if prefix in prefixes else f"{prefix}{colon}{local}"] = ""
        return list(with_name(columns))

    def _start(self, name: str, attributes: bytes) -> None:
        if 0 < len(self._open) < MOST_DEPTH:
            self._names[tuple(self._open)][name] = None
        self._open.append(name)
        if len(self._open) > MOST_DEPTH:
            return
        path = tuple(self._open)
        self.counts[path] += 1
        own = ATTRIBUTE.findall(attributes) if attributes else []
        if len(own) > MOST_OF_PARAMETER:
            self._names[path].update(dict.fromkeys(one.decode() for one in own if one != b"xmlns"))

    def _end(self, name: str) -> None:
        """Close an element, and with it those in it that were never closed; what was never opened is ignored."""
        if name in self._open:
            while self._open.pop() != name:
                pass


def _tags(block: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield (b"/" at an end, name, attributes) of each tag that is no part of a comment or the like."""
    last = {begin: block.rfind(end) for begin, end in OPAQUE.items()}
    place = 0
    while place < len(block):
        opaque = BEGIN_OPAQUE.search(block, place)
        for tag in TAG.finditer(block, place, opaque.start() if opaque else len(block)):
            yield tag[1], tag[2], tag[3]
        if opaque is None:
            return
        place = opaque.end()
        if last[opaque[0]] >= place:  # or it is never closed
            place = block.index(OPAQUE[opaque[0]], place)


def _is_usual(path: Path) -> bool:
    return path[-1].rpartition(":")[2].lower() in USUAL


def _outermost(paths: Collection[Path]) -> list[Path]:
    """Return the paths that are in no other one."""
    return [path for path in paths if not any(path[:depth] in paths for depth in range(1, len(path)))]
