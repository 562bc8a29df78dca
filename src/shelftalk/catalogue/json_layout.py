"""Find where the products stand in JSON: which list or object of objects holds them, from the first objects of each.

A place is the keys on the way to an object; lists have none, so that all objects of a list, of the lists in it, and of
several pages with the same list have the same place. None stands for any key, as in an object of products by their ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from shelftalk.catalogue.columns import usual_column
from shelftalk.catalogue.rows import MOST_BYTES

Place = tuple[str | None, ...]

# A bracket, a comment, a string, or the quote of a string that does not end in its line, as every string of JSON does.
TOKEN = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|[{}\[\]"]|//(?<!://)[^\n]*|/\*.*?\*/', re.DOTALL)
VALUE = re.compile(rb"\s*:\s*(.)", re.DOTALL)  # behind a key
CLOSING = {b"{": b"}", b"[": b"]"}
CHUNK_BYTES = 1 << 20
AHEAD_BYTES = 64  # in which the value behind a key begins
MOST_OPEN = 20
MOST_KEYS = 50  # of one object, or of all at one place, with objects behind them
OBJECTS_SEEN = 200  # at one place
ENOUGH = 20  # objects with titles that stand alone or in a list

PRODUCT_LISTS = frozenset(
    (
        *(
            "products",
            "product",
            "items",
            "item",
            "data",
            "results",
            "result",
            "offers",
            "offer",
            "articles",
            "catalog",
        ),
        *(
            "catalogue",
            "records",
            "rows",
            "docs",
            "documents",
            "hits",
            "entries",
            "nodes",
            "edges",
            "listings",
            "goods",
        ),
        *("skus", "objects", "features", "@graph", "itemlistelement", "produkte", "artikel", "produits", "articulos"),
        *("productos", "prodotti", "produtos"),
    )
)
OTHER_LISTS = frozenset(
    (
        *("categories", "category", "users", "authors", "brands", "brand", "customers", "reviews", "tags", "facets"),
        *("filters", "collections", "vendors", "suppliers", "sellers", "stores", "shops", "manufacturers", "groups"),
        *("departments", "variants", "attributes", "options", "menus", "pages", "errors", "related"),
    )
)
PRODUCT_KEYS = ("product", "_source", "node", "item", "properties", "fields", "doc", "document", "data", "attributes")


class Layout(NamedTuple):
    """The place of the products, and the key of the product in each object there; '' where it is the product."""

    place: Place = ()
    inner: str = ""


class Choice(NamedTuple):
    """Where the products stand; `several` are the lists that may hold them where none is the likeliest.

    A choice is `sure` where no list that follows could be likelier.
    """

    layout: Layout | None
    sure: bool
    several: tuple[str, ...] = ()


class _Candidate(NamedTuple):
    """A layout that may be that of the products, and whether they have descriptions."""

    layout: Layout
    described: bool


@dataclass
class _Seen:
    """What was seen of the objects at one place."""

    objects: int = 0
    listed: int = 0  # of these, the ones in a list
    titled: int = 0
    described: int = 0  # of these with a title
    columns: int = 0  # the ones with a list or an object as title
    children: dict[str, None] = field(default_factory=dict)  # keys with objects right behind them


@dataclass
class _Open:
    """A list or an object that is open."""

    bracket: bytes
    place: tuple[str, ...]
    listed: bool
    texts: list[str] = field(default_factory=list)  # keys of texts
    others: list[str] = field(default_factory=list)  # keys of lists and objects


class Survey:
    """What stands at each place of a JSON text, which is read piece by piece."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], _Seen] = {}
        self._open: list[_Open] = []
        self._inside = 0  # brackets open in what is not looked at
        self._key = ""
        self._rest = b""
        self.roots = 0  # values that stand in no other

    def read(self, piece: bytes, final: bool = False) -> None:
        """Look at the next piece of the text."""
        text = self._rest + piece
        place, limit = 0, len(text) if final else len(text) - AHEAD_BYTES
        for found in TOKEN.finditer(text):
            unended = found[0] == b'"' and text.find(b"\n", found.end()) < 0
            if not final and (found.end() > limit or unended):
                place = found.start()
                break
            self._token(found, text)
            place = found.end()
        else:
            place = max(place, limit)
        self._rest = text[place:] if len(text) - place <= MOST_BYTES else b""

    def choice(self) -> Choice:
        """Return where the products stand, judged by what was read."""
        seen = self._with_open()
        root = seen.get((), _Seen())
        single = self.roots == 1 and root.objects == 1 and not root.listed
        if not root.objects or (root.titled and not single):
            return Choice(Layout(), sure=True)
        if single and root.columns:
            return Choice(None, sure=True)
        found = _candidates(seen, single)
        usual = [one for one in found if _name(one.layout) in PRODUCT_LISTS and one.layout.place]
        best = [one for one in usual if one.described] or ([] if root.described else usual)
        if best:
            return _one_of(best, sure=best[0].described)
        described = [one for one in found if one.described and (single or not any(one.layout.place))]
        if root.described or not (described or (single and not root.titled)):
            return Choice(Layout(), sure=not self._open)
        likely = described or found
        return _one_of([one for one in likely if _name(one.layout) not in OTHER_LISTS] or likely, sure=not self._open)

    def is_settled(self) -> bool:
        """Return whether the objects that stand alone or in a list are products."""
        root = self._seen.get((), _Seen())
        return root.titled >= ENOUGH

    def _token(self, found: re.Match[bytes], text: bytes) -> None:
        token = found[0]
        if token in CLOSING:
            self._opens(token)
        elif token in CLOSING.values():
            self._closes(token)
        elif not self._inside and token.startswith(b'"') and len(token) > 1:
            value = VALUE.match(text, found.end())
            self._key = token[1:-1].decode(errors="replace") if value else ""
            if value and self._open and len(self._open[-1].texts) < MOST_KEYS:
                if value[1] == b'"':
                    self._open[-1].texts.append(self._key)
                elif value[1] in CLOSING:
                    self._open[-1].others.append(self._key)

    def _opens(self, bracket: bytes) -> None:
        if self._inside or len(self._open) >= MOST_OPEN:
            self._inside += 1
            return
        around = self._open[-1] if self._open else None
        self.roots += around is None
        place = around.place if around else ()
        if around and around.bracket == b"{":
            siblings = self._seen.setdefault(place, _Seen()).children
            key = self._key if self._key in siblings or len(siblings) < MOST_KEYS else ""
            siblings[key] = None
            place = (*place, key)
        if bracket == b"{" and self._seen.setdefault(place, _Seen()).objects >= OBJECTS_SEEN:
            self._inside = 1
            return
        self._open.append(_Open(bracket, place, bool(around and around.bracket == b"[")))

    def _closes(self, bracket: bytes) -> None:
        if self._inside:
            self._inside -= 1
        elif self._open and CLOSING[self._open[-1].bracket] == bracket:
            closed = self._open.pop()
            if closed.bracket == b"{":
                _count(self._seen[closed.place], closed)

    def _with_open(self) -> dict[tuple[str, ...], _Seen]:
        """Return what was seen at each place, with the objects that are still open."""
        seen = dict(self._seen)
        for one in self._open:
            if one.bracket == b"{":
                seen[one.place] = _Seen(**vars(seen.get(one.place, _Seen())))
                _count(seen[one.place], one)
        return seen


def survey_of(head: bytes) -> Survey:
    """Return the survey of a text's beginning."""
    survey = Survey()
    for place in range(0, max(len(head), 1), CHUNK_BYTES >> 4):
        survey.read(head[place : place + (CHUNK_BYTES >> 4)])
        if survey.is_settled():
            return survey
    survey.read(b"", final=True)
    return survey


def choice_of(stream: IO[bytes]) -> Choice:
    """Return where the products stand in a whole file, which is read until that is sure."""
    survey = Survey()
    while piece := stream.read(CHUNK_BYTES):
        survey.read(piece)
        if (choice := survey.choice()).sure and choice.layout is not None:
            return choice
    survey.read(b"", final=True)
    return survey.choice()


def dotted(place: Place) -> str:
    """Return the keys of a place, with a dot between them."""
    return ".".join(key or "*" for key in place)


def _count(seen: _Seen, closed: _Open) -> None:
    seen.objects += 1
    seen.listed += closed.listed
    titled = usual_column("title", closed.texts) is not None
    seen.titled += titled
    seen.described += titled and usual_column("description", closed.texts + closed.others) is not None
    seen.columns += not titled and usual_column("title", closed.others) is not None


def _candidates(seen: dict[tuple[str, ...], _Seen], single: bool) -> list[_Candidate]:
    """Return the layouts in which objects have titles."""
    found = []
    for place, one in seen.items():
        if any(seen[place[:length]].titled for length in range(1, len(place)) if place[:length] in seen):
            continue  # of a product, such as its variants
        if one.titled:
            if place and one.listed:
                found.append(_Candidate(Layout(place), one.described > 0))
            continue
        behind = {key: seen.get((*place, key), _Seen()) for key in one.children}
        children = {key: child for key, child in behind.items() if child.titled and not child.listed}
        if _is_by_id(one, children) and (place or any(child.described for child in children.values())):
            found.append(_Candidate(Layout((*place, None)), any(child.described for child in children.values())))
        elif ((place and one.listed) or not (place or single)) and (inner := _inner(one, children)):
            found.append(_Candidate(Layout(place, inner), described=True))
    return found


def _is_by_id(around: _Seen, children: dict[str, _Seen]) -> bool:
    """Return whether objects hold products by their ids: several in each, and each key in one of them."""
    several = sum(child.titled for child in children.values()) >= 2 * max(around.objects, 1)
    return several and all(not key or child.objects <= max(around.objects // 2, 1) for key, child in children.items())


def _inner(around: _Seen, children: dict[str, _Seen]) -> str:
    """Return the key of the product in most of the objects around it; '' for none."""
    often = [key for key, child in children.items() if 2 * child.described >= max(around.objects, 1)]
    named = [key for key in PRODUCT_KEYS if key in often]
    return named[0] if named else often[0] if len(often) == 1 else ""


def _name(layout: Layout) -> str:
    """Return the last key on the way to the products, in lower case."""
    return next((key for key in reversed(layout.place) if key), "").lower()


def _one_of(candidates: list[_Candidate], sure: bool) -> Choice:
    """Return the only layout, or the names of several."""
    if len(candidates) == 1:
        return Choice(candidates[0].layout, sure)
    return Choice(None, sure, tuple(dotted(one.layout.place) for one in candidates))
