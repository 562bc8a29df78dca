"""Find the claims of a Portuguese text and what states them; `claims/find.py` says what a claim and its support are."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.claims.found import Claim, Found, Key, as_claims
from shelftalk.claims.portuguese.attributes import (
    AGE_NAMES,
    COLOUR_NAMES,
    COUNT_NAMES,
    MATERIAL_NAMES,
    SIZE_NAMES,
    Attribute,
    is_named,
    meaning,
    meanings,
    read_attributes,
    sorts_of,
)
from shelftalk.claims.portuguese.search import search, stated
from shelftalk.claims.portuguese.surroundings import Surroundings, heads
from shelftalk.claims.words import listed
from shelftalk.claims.yes_no import denied
from shelftalk.records import Attributes, Reference

_TYPES = listed("tipo, type, produto, product")
_ANYTHING = frozenset(map(meaning, COUNT_NAMES))  # pieces, units: they may count any noun
# Dimensions of which a product may well have several values: the unit alone does not say which.
_COMMON = listed("length, mass, time, months, degree, celsius")


def find_portuguese(text: str, title: str, references: Sequence[Reference], attributes: Attributes) -> list[Claim]:
    """Return the claims of a Portuguese text in the order of their positions, without overlaps.

    Found are measures, counts, sizes, ages, percentages, prices, dates, materials and colours, and attributes that are
    yes or no; no names, codes and other relations. Values are compared as in English; accents, gender and number of
    words do not count, and materials and colours of attributes may be English.
    """
    read = read_attributes(attributes)
    keys, found = stated(title), search(text)
    stating = [(one.uid, stated(f"{one.title}\n{one.description}")) for one in references]
    around = Surroundings(text, found)
    product = heads(title, [value for name, value in attributes if name.lower() in _TYPES])

    def support(one: Found) -> tuple[str, str | None]:
        supported, where = _support(around, one, keys, read, stating)
        if supported == "none" and (rival := _contradicted(around, one, product, read)) is not None:
            return "contradicted", rival.name
        return supported, where

    return as_claims(text, denied(text, attributes, "pt"), found, support)


def _support(
    around: Surroundings,
    found: Found,
    title: frozenset[Key],
    attributes: Sequence[Attribute],
    references: list[tuple[str, frozenset[Key]]],
) -> tuple[str, str | None]:
    if found.needs <= title:
        return "title", None
    stating = [one for one in attributes if found.needs <= one.keys and _counts_same(around, found, one)]
    if stating:
        near = around.near(found)
        named = [one for one in stating if one.names & near]
        return "attribute", (named or stating)[0].name
    if found.kind == "size":
        measured = [one for one in attributes if one.group is not None and found.needs & one.keys]
        if measured and found.needs <= frozenset[Key]().union(*(one.keys for one in measured)):
            return "attribute", measured[0].name
    return next((("reference", uid) for uid, keys in references if found.needs <= keys), ("none", None))


def _counts_same(around: Surroundings, found: Found, attribute: Attribute) -> bool:
    """Return whether a count counts what the attribute counts, or its name counts anything; true for other kinds."""
    if found.kind != "count":
        return True
    return not attribute.nouns.isdisjoint({*_ANYTHING, *around.near(found)})


def _contradicted(
    around: Surroundings, found: Found, product: frozenset[str], attributes: Sequence[Attribute]
) -> Attribute | None:
    """Return the attribute that an unsupported claim contradicts; None if there is none, or more than one."""
    sorts = sorts_of(found)
    rivals = [one for one in attributes if sorts <= one.sorts]
    if not rivals:
        return None
    if found.kind in ("material", "colour"):
        chosen = _same_thing(around, found, product, rivals)
    elif found.kind == "size":
        chosen = _same_size(around, found, rivals)
    else:
        chosen = _same_measure(around, found, rivals)
    return chosen[0] if len(chosen) == 1 else None


def _same_measure(around: Surroundings, found: Found, rivals: list[Attribute]) -> list[Attribute]:
    if found.kind == "age":
        return [one for one in rivals if is_named(one, AGE_NAMES)]
    if found.kind == "count":
        inside = around.near(found, before=0 if around.has_noun(found) else 3)  # 5 gavetas; gavetas: 5
        return [one for one in rivals if one.names & inside]
    group = around.measured(found) if found.kind == "measure" else None
    if group is not None:
        return [one for one in rivals if one.group == group]
    near = around.near(found)
    named = [one for one in rivals if one.names and one.names <= near]
    if named:
        return named
    common = {key[1].removeprefix("imperial ") for key in found.needs} & _COMMON
    return rivals if found.kind == "measure" and not common else []


def _same_size(around: Surroundings, found: Found, rivals: list[Attribute]) -> list[Attribute]:
    near = around.near(found)
    named = [one for one in rivals if one.names and one.names <= near]
    if named or any(key[0] == "size" for key in found.needs):
        return named or rivals
    whole = not near.isdisjoint(meanings("mede medindo medidas dimensões tamanho formato"))
    sizes = [one for one in rivals if is_named(one, SIZE_NAMES) and len(one.names) == 1]
    return sizes if whole else []


def _same_thing(
    around: Surroundings, found: Found, product: frozenset[str], rivals: list[Attribute]
) -> list[Attribute]:
    head = around.described(found)
    if head is None:
        return []
    if any(found.needs & one.keys for one in rivals):  # rosa chá is rosa
        return []
    names = MATERIAL_NAMES if found.kind == "material" else COLOUR_NAMES
    parts = [one for one in rivals if head in one.names]
    whole = [one for one in rivals if is_named(one, names) and len(one.names) == 1]
    return parts or (whole if not head or head in product else [])
