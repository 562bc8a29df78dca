"""Find the claims of an English text and what states them; `find.py` says what a claim and its support are."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.claims.attributes import Attribute, read_attributes
from shelftalk.claims.contradictions import contradicted
from shelftalk.claims.found import Claim, Found, Key, as_claims
from shelftalk.claims.phrases import Phrases, stems
from shelftalk.claims.relations import wrong_relations
from shelftalk.claims.search import search, stated
from shelftalk.claims.yes_no import denied
from shelftalk.records import Attributes, Reference


def find_english(
    text: str, title: str, references: Sequence[Reference] = (), attributes: Attributes = ()
) -> list[Claim]:
    """Return the claims of an English text in the order of their positions, without overlaps.

    Values are compared, not spellings:

    - a measure by value and unit, converted where that is exact (1.2 m = 120 cm, 1 lb = 16 oz, but inches do not become
      centimetres); a range or a size needs each of its numbers; a size without a unit matches one with a unit;
    - a count by its number only, in an attribute also by what it counts; a position in a series (Book 2, third edition)
      by that position;
    - an age by each of its bounds, in months; the source may also state them as a duration (12 months);
    - a percentage by value, a price by value and currency, a code by its letters and digits;
    - a material or a colour if all its words are in the source, in any order, singular or plural, adjective or noun
      (wooden, wood), or a narrower term (wood by oak, blue by navy);
    - a name if all its words except function words are in the source, in any case, possessive or not;
    - a date if its year, month and day are.

    Several attributes together may state a size (width and height: 60 x 40 cm). A claim that nothing supports is
    contradicted if an attribute gives another value for the same thing; see contradictions.py. Attributes also add
    the claims of the kind "relation", which replace those that they cover; see relations.py. So does an attribute that
    is yes and denied, or no and affirmed; see yes_no.py.
    """
    read = read_attributes(attributes)
    stating = [(one.uid, stated(f"{one.title}\n{one.description}")) for one in references]
    keys, phrases, found = stated(title), Phrases(text), search(text, title)
    wrong = wrong_relations(phrases, found, title, read) if read else []
    relations = (*((one.start, one.end, one.where) for one in wrong), *denied(text, attributes, "en"))
    first = dict(zip(found, _list_starts(text, found), strict=True))

    def support(one: Found) -> tuple[str, str | None]:
        supported, where = _support(phrases, one, keys, read, stating)
        if supported == "none" and (rival := contradicted(phrases, one, first[one], read)) is not None:
            return "contradicted", rival.name
        return supported, where

    return as_claims(text, relations, found, support)


def _support(
    phrases: Phrases,
    found: Found,
    title: frozenset[Key],
    attributes: Sequence[Attribute],
    references: list[tuple[str, frozenset[Key]]],
) -> tuple[str, str | None]:
    if found.needs <= title:
        return "title", None
    stating = [one for one in attributes if found.needs <= one.keys and _counts_same(phrases, found, one, attributes)]
    if stating:
        words = set(stems(phrases.text[found.start : found.end]))
        literal = [one for one in stating if words <= set(one.value_stems)]
        return "attribute", (literal or stating)[0].name
    if found.kind == "size" and attributes:
        measured = [one for one in attributes if one.group is not None and found.needs & one.keys]
        if found.needs <= frozenset[Key]().union(*(one.keys for one in measured)):
            return "attribute", measured[0].name
    return next((("reference", uid) for uid, keys in references if found.needs <= keys), ("none", None))


def _counts_same(phrases: Phrases, found: Found, attribute: Attribute, attributes: Sequence[Attribute]) -> bool:
    """Return whether a count counts what the attribute counts; true for other kinds."""
    if found.kind != "count":
        return True
    first, last = phrases.indexes(found.start, found.end)
    after = phrases.words[last + 1 : last + 3]
    if len(after) == 2 and after[0].raw in ("or", "to", "and") and after[1].raw[0].isdigit():
        last += 2  # 2 or 4 holes
    around = phrases.near(first, last) | {one.stem for one in phrases.words[first : last + 1]}
    types = {word for one in attributes if one.name.lower() == "type" for word in one.value_stems}
    return bool(around & (attribute.nouns | types))


def _list_starts(text: str, found: Sequence[Found]) -> list[Found]:
    """Return for each claim the first one of its list of materials or colours (rust and navy), or the claim itself."""
    starts: list[Found] = []
    for index, one in enumerate(found):
        before = found[index - 1] if index else one
        continues = one.kind == before.kind and one.kind in ("material", "colour") and index > 0
        continues = continues and text[before.end : one.start].strip() in (",", "and", "or", ", and")
        starts.append(starts[-1] if continues else one)
    return starts
