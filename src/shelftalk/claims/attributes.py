"""Read a product's attributes for the check of claims: which values each states, and of what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from shelftalk.claims.found import Found, Key
from shelftalk.claims.gazetteer import FUNCTION_WORDS
from shelftalk.claims.phrases import stems
from shelftalk.claims.search import search, stated
from shelftalk.claims.units import NUMBERS
from shelftalk.claims.words import listed
from shelftalk.records import Attributes

MATERIAL_NAMES = listed("material, materials, fabric, wood, metal, composition")
COLOUR_NAMES = listed("colour, colours, color, colors")
# Attributes of the whole product, or sentences: none of them names a part.
WHOLE = (
    MATERIAL_NAMES
    | COLOUR_NAMES
    | listed(
        """
    type, use, finish, feature, second feature, size, pack, care, washing, origin, author, subject, format, fits, suits,
    works with, power, included, closure, fastening, ages, good to know, why we like it, note, notes, hint, warning,
    remark, pattern, brand, maker,
    designer, publisher, year, published, model, style, shape, title, set in, read by, fuel, sleeps, seats, theme
    """
    )
)
_EMPTY = FUNCTION_WORDS - {"set"}
_GROUPS = {
    "length": "length",
    "width": "width",
    "height": "height",
    "depth": "depth",
    "thickness": "thickness",
    "diameter": "diameter",
    "weight": "weight",
    "capacity": "capacity",
    "volume": "capacity",
    "load": "load",
    "running time": "running time",
    "burn time": "running time",
    "charging time": "charging time",
    "drying time": "drying time",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: the keys that it states, and `sorts`, the kinds and dimensions of the claims in its value.

    `group` is what its measure measures, if its name says so. `nouns` are the words of its name and, without the
    words of the claims, of its value.
    """

    name: str
    value: str
    keys: frozenset[Key]
    sorts: frozenset[tuple[str, ...]]
    name_stems: tuple[str, ...]
    value_stems: tuple[str, ...]
    nouns: frozenset[str]
    group: str | None

    @property
    def part(self) -> bool:
        """Whether the name is that of a part of the product (handle, lid), or of a thing that belongs to it."""
        return self.name not in WHOLE and self.group is None and len(self.name_stems) < 3


@lru_cache(maxsize=1024)
def read_attributes(attributes: Attributes) -> tuple[Attribute, ...]:
    """Return the attributes with what they state."""
    return tuple(_read(name.strip().lower(), name, value) for name, value in attributes)


def _read(lower: str, name: str, value: str) -> Attribute:
    source = f"{name}: {value}.\n{value} {name}"
    name_stems, value_stems = stems(lower), stems(value)
    keys = set(stated(source))
    numbers = {("count", _number(one)) for one in stems(_plain(value, lower)) if one in NUMBERS or one.isdecimal()}
    sorts = {sort(key) for one in search(source, source) for key in one.needs} | {sort(key) for key in numbers}
    terms = [one for one in search(value, value) if one.kind in ("material", "colour")]
    found = {word for one in terms for word in stems(value[one.start : one.end])}
    if lower in MATERIAL_NAMES:
        sorts.add(("material",))
    if lower in COLOUR_NAMES:
        sorts.add(("colour",))
    sorts |= {(one.kind,) for one in search(f"with a {value} {name}", "") if one.kind in ("material", "colour")}
    group = _GROUPS.get(" ".join(name_stems[-2:])) or _GROUPS.get(name_stems[-1] if name_stems else "")
    words = {one for one in value_stems if one not in _EMPTY and one not in NUMBERS and not one[0].isdigit()}
    nouns = frozenset(name_stems) | (words - found)
    return Attribute(name, value, frozenset(keys | numbers), frozenset(sorts), name_stems, value_stems, nouns, group)


def _plain(value: str, name: str) -> str:
    """Return a value without its measures, ages and other claims that are no counts."""
    start = len(name) + 2
    for one in reversed(search(f"{name}: {value}", "")):
        if one.kind != "count" and one.end > start:
            value = f"{value[: max(0, one.start - start)]} {value[one.end - start :]}"
    return value


def _number(word: str) -> str:
    return str(NUMBERS[word] if word in NUMBERS else int(word))


def sort(key: Key) -> tuple[str, ...]:
    """Return what two keys must share to be values of the same thing: a kind, and for measures the dimension."""
    if key[0] == "measure":
        return ("measure", key[1].removeprefix("imperial "))
    return (key[0],)


def dimensions(found: Found) -> frozenset[str]:
    """Return the dimensions of a measure; imperial and metric ones are the same."""
    return frozenset(key[1].removeprefix("imperial ") for key in found.needs if key[0] == "measure")


def types(attributes: Iterable[Attribute]) -> frozenset[str]:
    """Return the noun that names the product, as a set: gift tags are tags."""
    return frozenset(one.value_stems[-1] for one in attributes if one.name.lower() == "type" and one.value_stems)
