"""Find which element of a feed is a product: <item> of RSS, <entry> of Atom, or the element that repeats.

Feeds that are neither call it <offer> (Yandex), <SHOPITEM> (Heureka), <product>, or anything else. It is the outermost
element that repeats and has a column for the title; those with usual names first. A feed may begin with megabytes of
categories, so more of it is read until an element with a title and a description repeats.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from xml.parsers import expat

from shelftalk.catalogue.columns import usual_column
from shelftalk.catalogue.files import xml_begins

STANDARD = ("item", "entry")
ROOTS = ("rss", "feed", "rdf:RDF")  # of feeds with these
USUAL = (*STANDARD, "offer", "SHOPITEM", "product", "Product", "PRODUCT", "article", "good", "record", "row")
START = re.compile(rb"<[A-Za-z]")
NAMING = ("typePrefix", "vendor", "model")  # of Yandex, instead of a name
MOST_DEPTH = 10
MOST_OF_PARAMETER = 2  # attributes: name and unit; an element with more may be a product
FEWEST_NAMES = 2  # of elements in one that may be a product, where none has a usual name for a title
MOST_NAMES = 1_000  # of different elements, by their place
MOST_FAULTS = 100
FOUND_BEHIND = b"<behind>"  # a fault, for what would have no outermost element

Path = tuple[str, ...]  # the names from the outermost element to one in it


def find_element(blocks: Iterable[bytes], title_field: str | None = None) -> tuple[str, ...]:
    """Return the names of the element that is a product, from the beginning of a feed in UTF-8.

    `title_field` names the column of its title. No more blocks are read than are needed.
    """
    shape = _Shape()
    for block in blocks:
        shape.read(block)
        if any(path[0] in ROOTS for path in shape.counts):
            return STANDARD
        if shape.is_enough(title_field):
            break
    path = shape.titled(title_field) or shape.possible()
    return (path[-1],) if path else STANDARD


def with_name(values: dict[str, str]) -> dict[str, str]:
    """Return an item's texts; one of Yandex that has a vendor and a model instead of a name gets a name of these."""
    if "vendor" not in values or "model" not in values or not values.keys().isdisjoint(("name", "title")):
        return values
    return {"name": " ".join(filter(None, (values.get(one, "").strip() for one in NAMING))), **values}


class _Enough(Exception):
    """More names or levels than a feed of products has."""


class _Shape:
    """How often each element occurs, by its path, and the names in it; behind a fault a path begins with ''."""

    def __init__(self) -> None:
        self.counts: Counter[Path] = Counter()
        self._names: defaultdict[Path, dict[str, None]] = defaultdict(dict)
        self._faults = -1  # before the first parser
        self._begin([])

    def read(self, block: bytes) -> None:
        """Parse more bytes, and again from the next element behind each of the first faults."""
        if not self._read:
            block = block[xml_begins(block) :]
        while self._faults < MOST_FAULTS:
            try:
                self._parser.Parse(block, False)
            except expat.ExpatError:
                start = START.search(block, max(self._parser.ErrorByteIndex - self._read, 0) + 1)
                block = block[start.start() :] if start else b""
                self._begin([""])
            except _Enough:
                self._faults = MOST_FAULTS
            else:
                self._read += len(block)
                return

    def is_enough(self, title_field: str | None) -> bool:
        """Return whether an element with a title and a description repeats."""
        return any(self.counts[path] > 1 and self._has("description", path) for path in self._with_title(title_field))

    def titled(self, title_field: str | None) -> Path | None:
        """Return the path of the product among the elements with a title."""
        titled = self._with_title(title_field)
        described = [path for path in titled if self._has("description", path)]
        repeated = [path for path in titled if self.counts[path] > 1]
        # Categories have names and descriptions, too, and products hold others.
        return _first([path for path in repeated if path in described] or repeated or described[-1:])

    def possible(self) -> Path | None:
        """Return the path of the element that may be a product, though none of its names is a usual one."""
        return _first([path for path, names in self._names.items() if self.counts[path] > 1 < len(names)])

    def _begin(self, ancestors: list[str]) -> None:
        self._faults += 1
        self._open, self._read = ancestors, 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.UseForeignDTD(True)  # or an unknown entity would be an error
        for _ in ancestors:
            self._read += len(FOUND_BEHIND)
            self._parser.Parse(FOUND_BEHIND, False)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def _with_title(self, title_field: str | None) -> list[Path]:
        named = [path for path in self.counts if title_field in self._columns(path)] if title_field else []
        return named or [path for path in self.counts if self._has("title", path)]

    def _has(self, role: str, path: Path) -> bool:
        return usual_column(role, self._columns(path)) is not None

    def _columns(self, path: Path) -> list[str]:
        prefixes = (path[-1].rpartition(":")[0], "g")  # its own one, and the usual one of Google
        parts = [name.rpartition(":") for name in self._names[path]]
        return list(
            with_name(
                {local if prefix in prefixes else f"{prefix}{colon}{local}": "" for prefix, colon, local in parts}
            )
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._open:
            self._names[tuple(self._open)][name] = None
        self._open.append(name)
        path = tuple(self._open)
        self.counts[path] += 1
        if len(attributes) > MOST_OF_PARAMETER:
            self._names[path].update(dict.fromkeys(key for key in attributes if ":" not in key))
        if len(self._open) > MOST_DEPTH or len(self.counts) > MOST_NAMES:
            raise _Enough

    def _end(self, name: str) -> None:
        self._open.pop()


def _first(paths: list[Path]) -> Path | None:
    """Return the outermost path, of those with a usual name if there are any."""
    return min(paths, key=lambda path: (path[-1].rpartition(":")[2] not in USUAL, len(path)), default=None)
