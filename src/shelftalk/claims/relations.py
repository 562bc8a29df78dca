"""Find attributes' values that a text gives to another thing: arms: rubber-tipped, "the book rest is rubber-tipped".

A value that several attributes state is not judged, nor one that the title gives to the same thing. Three rules:

- a measure next to a word for what is measured (15 mm long), if the attribute's name says otherwise (width: 15 mm);
- a number before the name of another attribute (routes: 28, maps: 30, "28 maps");
- the value of a part before a noun, or said of one, that is neither the part nor the product (base: cork, "a cork
  stand"); a material or colour of the whole product only if the noun has its own in another attribute.

Precision comes before recall: what is told in another form is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shelftalk.claims.attributes import (
    COLOUR_NAMES,
    MATERIAL_NAMES,
    Attribute,
    dimensions,
    types,
)
from shelftalk.claims.found import Found
from shelftalk.claims.phrases import COMPATIBLE, Phrases, Subject, stems
from shelftalk.claims.words import listed

_GENERAL = listed(
    """
    finish, colour, color, material, fabric, version, one, design, product, piece, look, model, style, set, part, type
    """
)
_TERMS = ("material", "colour")
# Names of one part, in the singular.
_SYNONYMS = [
    listed(one)
    for one in (
        "canopy, dome, roof",
        "handle, grip, haft",
        "cover, case, jacket, sleeve, slipcover",
        "foot, feet, sole, pad, leg",
        "strap, band, webbing, belt",
        "lid, cap, top, stopper, cover",
        "body, casing, shell, housing, barrel, case",
        "cord, cable, lead, flex, rope, string, line",
        "rim, edge, border, trim, edging",
        "filling, stuffing, core, padding, wadding",
        "base, foot, bottom, plinth, underside",
        "clasp, buckle, fastener, catch, clip, hook",
        "display, screen, figure",
        "blade, edge, cutter",
        "lining, inside, interior",
        "frame, chassis, tubing",
    )
]


@dataclass(frozen=True, slots=True)
class Relation:
    """A wrong relation in `text[start:end]`: the value of the attribute `where`, said of another thing."""

    start: int
    end: int
    where: str


def wrong_relations(
    phrases: Phrases, found: Sequence[Found], title: str, attributes: Sequence[Attribute]
) -> list[Relation]:
    """Return the wrong relations in the order of their positions, without overlaps."""
    told = f" {' '.join(stems(title))} "
    candidates = sorted(
        {
            (first, last, one.name)
            for first, last, one in _candidates(phrases, found, attributes)
            if f" {' '.join(word.stem for word in phrases.words[first : last + 1])} " not in told
        },
        key=lambda one: (one[0], -one[1]),
    )
    kept: list[Relation] = []
    for first, last, name in candidates:
        start, end = phrases.words[first].start, phrases.words[last].end
        if not kept or kept[-1].end <= start:
            kept.append(Relation(start, end, name))
    return kept


def _candidates(
    phrases: Phrases, found: Sequence[Found], attributes: Sequence[Attribute]
) -> Iterator[tuple[int, int, Attribute]]:
    for one in found:
        stating = [attribute for attribute in attributes if one.needs <= attribute.keys]
        if len(stating) != 1:
            continue
        first, last = phrases.indexes(one.start, one.end)
        if one.kind == "measure":
            yield from _measure(phrases, one, stating[0])
        elif one.kind == "count":
            yield from _count(phrases, first, last, stating[0], attributes)
        elif one.kind in _TERMS and set(stems(phrases.text[one.start : one.end])) <= set(stating[0].value_stems):
            yield from _part(phrases, first, last, stating[0], attributes, one.kind)
    for attribute in attributes:
        if attribute.part and not any(stem[0].isdigit() for stem in attribute.value_stems):
            if sum(_contains(one.value_stems, attribute.value_stems) for one in attributes) > 1:
                continue
            for first, last in phrases.find(attribute.value_stems):
                yield from _part(phrases, first, last, attribute, attributes, "")


def _contains(whole: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _measure(phrases: Phrases, found: Found, attribute: Attribute) -> Iterator[tuple[int, int, Attribute]]:
    first, last = phrases.indexes(found.start, found.end)
    measured = phrases.measured(first, last, dimensions(found))
    if measured is None or attribute.group is None:
        return
    group, start, end = measured
    if group != attribute.group and group not in COMPATIBLE.get(attribute.group, ()):
        yield start, end, attribute


def _count(
    phrases: Phrases, first: int, last: int, attribute: Attribute, attributes: Iterable[Attribute]
) -> Iterator[tuple[int, int, Attribute]]:
    nouns = [one.stem for one in phrases.words[first + 1 : last + 1]] + list(phrases.following(last, 2))
    if not nouns or set(nouns) & attribute.nouns:
        return
    if any(set(one.name_stems) <= set(nouns) and ("count",) in one.sorts for one in attributes if one is not attribute):
        yield first, last, attribute


def _part(
    phrases: Phrases, first: int, last: int, attribute: Attribute, attributes: Sequence[Attribute], kind: str
) -> Iterator[tuple[int, int, Attribute]]:
    words = phrases.words
    for _ in attribute.value_stems:  # the rest of the value belongs to the phrase
        if first > 0 and words[first].joined and words[first - 1].stem in attribute.value_stems:
            first -= 1
        if last + 1 < len(words) and words[last + 1].joined and words[last + 1].stem in attribute.value_stems:
            last += 1
    subject = phrases.described(first, last)
    if subject is None or not subject.nouns:
        return
    whole = attribute.name.lower() in MATERIAL_NAMES | COLOUR_NAMES
    if not (attribute.part or whole) or _agrees(subject, attribute, attributes):
        return
    others = [one for one in attributes if one is not attribute and _names(subject, one)]
    others = [one for one in others if (kind,) in one.sorts or (one.part and not whole)]
    if others or (attribute.part and _has_type(attributes)):
        yield min(first, subject.first), max(last, subject.last), attribute


def _names(subject: Subject, attribute: Attribute) -> bool:
    """Return whether a subject is the part that an attribute names, or the last noun of its value (a linen liner)."""
    nouns = subject.nouns[-1:] if subject.last_only else subject.nouns
    last = (
        attribute.value_stems[-1:]
        if attribute.value_stems[-1:] and attribute.value_stems[-1] in attribute.nouns
        else ()
    )
    return not set(attribute.name_stems[-1:] + last).isdisjoint(nouns)


def _agrees(subject: Subject, attribute: Attribute, attributes: Sequence[Attribute]) -> bool:
    """Return whether a subject is the attribute's part, the product, or no particular thing."""
    nouns = set(subject.nouns[-1:] if subject.last_only else subject.nouns)
    nouns |= {other for one in nouns for group in _SYNONYMS if one in group for other in group}
    return bool(nouns & (attribute.nouns | types(attributes) | _GENERAL))


def _has_type(attributes: Sequence[Attribute]) -> bool:
    return bool(types(attributes))
