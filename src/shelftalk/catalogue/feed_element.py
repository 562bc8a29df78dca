"""Find which element of a feed is a product: <item> of RSS, <entry> of Atom, or the element that repeats.

Feeds that are neither call it <offer> (Yandex), <SHOPITEM> (Heureka), <product>, or anything else. It is the outermost
element that repeats and has an element or an attribute with a usual name for a title; those with usual names first.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from contextlib import suppress
from xml.parsers import expat

from shelftalk.catalogue.columns import usual_column
from shelftalk.catalogue.files import xml_begins

STANDARD = ("item", "entry")
ROOTS = ("rss", "feed", "rdf:RDF")  # of feeds with these
USUAL = (*STANDARD, "offer", "SHOPITEM", "product", "Product", "PRODUCT", "article", "good", "record", "row")
START = re.compile(rb"<([A-Za-z]+)[\s>]")
MOST_DEPTH = 10
MOST_OF_PARAMETER = 2  # attributes: name and unit; an element with more may be a product
MOST_NAMES = 1_000  # of different elements, by their place


def find_element(head: bytes) -> tuple[str, ...]:
    """Return the names of the element that is a product, from the beginning of a feed in UTF-8."""
    shape = _Shape()
    with suppress(expat.ExpatError, _Enough):
        shape.parser.Parse(head[xml_begins(head) :], False)
    if any(path[0] in ROOTS for path in shape.counts):
        return STANDARD
    titled = {path: names for path in shape.counts if usual_column("title", names := list(shape.names[path]))}
    described = [path for path, names in titled.items() if usual_column("description", names)]
    repeated = [path for path in titled if shape.counts[path] > 1]
    found = [path for path in repeated if path in described] or repeated or described[-1:]
    if found:  # categories have names and descriptions, too, and products hold others
        return (min(found, key=lambda path: (path[-1] not in USUAL, len(path)))[-1],)
    begun = Counter(name.decode() for name in START.findall(head))  # behind a fault at the beginning
    return next(((name,) for name in USUAL if begun[name] > 1), STANDARD)


class _Enough(Exception):
    """More names or levels than a feed of products has."""


class _Shape:
    """How often each element occurs, by the names from the outermost one to it, and the names in it."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.names: defaultdict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
        self._open: list[str] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.UseForeignDTD(True)  # or an unknown entity would be an error
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._open:
            self.names[tuple(self._open)][name] = None
        self._open.append(name)
        path = tuple(self._open)
        self.counts[path] += 1
        if len(attributes) > MOST_OF_PARAMETER:
            self.names[path].update(dict.fromkeys(key for key in attributes if ":" not in key))
        if len(self._open) > MOST_DEPTH or len(self.counts) > MOST_NAMES:
            raise _Enough

    def _end(self, name: str) -> None:
        self._open.pop()
