"""Find the attribute that a claim contradicts: one that gives another value for the same thing.

A claim that nothing supports is contradicted only if the text around it says that it is about exactly one attribute
with a value of this kind: by the attribute's name ("12 pockets"), by a word for what is measured ("weighs 2 kg"), by
what a material or colour describes, or, where a product has one value of the kind, by the unit or kind alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.claims.attributes import (
    COLOUR_NAMES,
    MATERIAL_NAMES,
    Attribute,
    dimensions,
    sort,
    types,
)
from shelftalk.claims.found import Found, Key
from shelftalk.claims.gazetteer import FUNCTION_WORDS
from shelftalk.claims.phrases import COMPATIBLE, Phrases
from shelftalk.claims.units import NUMBERS
from shelftalk.claims.words import listed

# Dimensions of which a product may well have several values: the unit alone does not say which.
_COMMON = listed("length, mass, time, months, degree")
_EMPTY = FUNCTION_WORDS - {"set"}
_AGES = listed("age, ages, age range, recommended age, suitable for")
_MAKERS = listed("author, brand, maker, designer, publisher, read by")
_MAKES = listed("made, woven, knitted, printed, grown, sewn, produced, crafted, built, brewed")
_GENERAL = listed("it, finish, colour, color, material, fabric, version, one, body, design, product, piece, look")


def contradicted(phrases: Phrases, found: Found, earlier: Found, attributes: Sequence[Attribute]) -> Attribute | None:
    """Return the attribute that an unsupported claim contradicts; None if there is none, or more than one.

    `earlier` is the first claim of its list (in rust and navy), which describes the same thing; else the claim itself.
    """
    sorts = {(found.kind,)} if found.kind in ("material", "colour") else {sort(key) for key in found.needs}
    rivals = [one for one in attributes if sorts <= one.sorts]
    if not rivals:
        return None
    if found.kind in ("material", "colour"):
        chosen = _same_thing(phrases, found, earlier, rivals, attributes)
    elif found.kind == "name":
        chosen = _same_role(phrases, found, attributes)
    else:
        chosen = _same_measure(phrases, found, rivals, attributes)
    return chosen[0] if len(chosen) == 1 else None


def _same_measure(
    phrases: Phrases, found: Found, rivals: list[Attribute], attributes: Sequence[Attribute]
) -> list[Attribute]:
    first, last = phrases.indexes(found.start, found.end)
    if found.kind == "age":
        limit = phrases.words[first - 1].raw if first else ""
        return [one for one in rivals if one.name.lower() in _AGES] if limit != "under" else []
    measured = phrases.measured(first, last, dimensions(found)) if found.kind == "measure" else None
    inside = frozenset(one.stem for one in phrases.words[first : last + 1])
    around = inside | phrases.near(first, last)
    named = _named(rivals, around)
    if found.kind == "count":  # the counted noun before the words before it: 90 recipes on 40 pages
        named = _named(rivals, inside.union(phrases.following(last))) or named or _counted(rivals, inside)
    if measured is not None:
        group = measured[0]
        same = [one for one in rivals if one.group == group] or [
            one for one in rivals if one.group in COMPATIBLE.get(group, ())
        ]
        return _named(same, around) if len(same) > 1 and named else same
    if named:
        return named
    if found.kind == "size":
        return _sizes(phrases, found, rivals, attributes)
    if found.kind == "measure" and not dimensions(found) & _COMMON:
        return rivals
    return []


def _counted(rivals: list[Attribute], inside: frozenset[str]) -> list[Attribute]:
    """Return the attributes whose value counts what a count counts: two AA batteries, one AA battery."""
    nouns = {one for one in inside if one not in NUMBERS and not one[0].isdigit() and one not in _EMPTY}
    return [one for one in rivals if nouns and nouns <= one.nouns]


def _named(rivals: list[Attribute], around: frozenset[str]) -> list[Attribute]:
    """Return the attributes whose whole name is near; the ones with the longest names only."""
    chosen = [one for one in rivals if one.name_stems and set(one.name_stems) <= around]
    longest = max((len(one.name_stems) for one in chosen), default=0)
    return [one for one in chosen if len(one.name_stems) == longest]


def _sizes(phrases: Phrases, found: Found, rivals: list[Attribute], attributes: Sequence[Attribute]) -> list[Attribute]:
    """Return the attributes of the product's size, unless the size is that of another thing."""
    if any(key[0] == "size" for key in found.needs):
        return rivals
    first, last = phrases.indexes(found.start, found.end)
    before = phrases.words[first - 1].stem if first and phrases.words[first].joined else "size"
    whole = before in ("measure", "measuring", "size", "at", "is", "are")
    whole = whole or not types(attributes).isdisjoint(phrases.following(last))
    sizes = [one for one in rivals if one.name_stems[-1:] == ("size",) and _sides(one.keys) >= len(found.needs)]
    return sizes if whole else []


def _sides(keys: frozenset[Key]) -> int:
    return sum(key[0] == "measure" for key in keys)


def _same_thing(
    phrases: Phrases, found: Found, earlier: Found, rivals: list[Attribute], attributes: Sequence[Attribute]
) -> list[Attribute]:
    first, last = phrases.indexes(found.start, found.end)
    subject = phrases.described(first, last)
    if subject is None and earlier is not found:
        first, _ = phrases.indexes(earlier.start, earlier.end)
        subject = phrases.described(first, last)
    names = MATERIAL_NAMES if found.kind == "material" else COLOUR_NAMES
    whole = [one for one in rivals if one.name.strip().lower() in names]
    if subject is None:
        return whole if _of_the_product(phrases, first) else []
    heads = set(subject.nouns[-1:] if subject.last_only else subject.nouns)
    parts = [one for one in rivals if one.part and heads & one.nouns] or [
        one for one in rivals if one not in whole and heads & one.nouns
    ]
    return parts or (whole if not heads or heads & (types(attributes) | _GENERAL) else [])


def _of_the_product(phrases: Phrases, first: int) -> bool:
    """Return whether a material or colour that describes no noun is the product's: in mustard, made of pine."""
    before = [one.raw for one in phrases.words[max(0, first - 3) : first]]
    while before and before[-1] in ("solid", "pure", "real", "matt", "soft"):
        before.pop()
    if not before or before[-1] not in ("in", "of", "from"):
        return False
    return (
        len(before) < 2
        or before[-2] in ("made", "comes", "come", "woven", "available", "knitted")
        or (not phrases.words[first - 1].joined or phrases.words[first - 1].gap.strip() != "")
    )


def _same_role(phrases: Phrases, found: Found, attributes: Sequence[Attribute]) -> list[Attribute]:
    first, _ = phrases.indexes(found.start, found.end)
    before = [one.raw for one in phrases.words[max(0, first - 4) : first]]
    if before[-1:] == ["by"]:
        return [one for one in attributes if one.name.lower() in _MAKERS]
    if before[-1:] == ["in"] and not _MAKES.isdisjoint(before):
        return [one for one in attributes if one.name.lower() == "origin"]
    return []
