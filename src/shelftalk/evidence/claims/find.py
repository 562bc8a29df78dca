"""Find the checkable facts of a description, and check for each whether the title or a reference states it.

The method uses rules and word lists, no model, so it is deterministic. tests/evidence/claims.md defines with examples
what counts as a claim; benchmarks/claims.py measures precision and recall.

It does not check whether a claim is true, only whether a source states it. It does not find claims without a number,
a name, a material or a colour ("waterproof", "hand-made").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

from shelftalk.evidence.claims.found import Found, Key
from shelftalk.evidence.claims.marks import code_key, find_codes, find_dates, find_positions, find_sizes, find_standards
from shelftalk.evidence.claims.names import find_names
from shelftalk.evidence.claims.numbers import find_numbers
from shelftalk.evidence.claims.terms import find_terms, normalise, title_colours, tokenize
from shelftalk.evidence.claims.units import MONTHS
from shelftalk.evidence.claims.words import BROADER
from shelftalk.records import Reference

_WORD = re.compile(r"\w+(?:['’]\w+)*(?:\.\d+)?")
_CODE_WORD = re.compile(r"[A-Za-z0-9]+(?:[-/][A-Za-z0-9]+)*")

# The kind of source, its uid, and the values that it states.
_Source = tuple[str, str | None, frozenset[Key]]


@dataclass(frozen=True, slots=True)
class Claim:
    """One checkable fact: `text[start:end]` of the description.

    `kind` is measure, count, size, age, percentage, price, material, colour, name, date or code. `support` is title,
    reference or none; `where` is the uid of the first reference that supports the claim if the title does not.
    """

    start: int
    end: int
    text: str
    kind: str
    support: str
    where: str | None


def find_claims(text: str, title: str, references: Sequence[Reference] = ()) -> list[Claim]:
    """Return the claims of `text` in the order of their positions, without overlaps.

    `title` may also be a question. A claim is supported by the first source that states all of it: the title, then
    each reference (title and description together) in the given order. Values are compared, not spellings:

    - a measure by value and unit, converted where that is exact (1.2 m = 120 cm, 1 lb = 16 oz, but inches do not become
      centimetres); a range or a size needs each of its numbers; a size without a unit matches one with a unit;
    - a count by its number only; a position in a series (Book 2, third edition) by that position;
    - an age by each of its bounds, in months; the source may also state them as a duration (12 months);
    - a percentage by value, a price by value and currency, a code by its letters and digits;
    - a material or a colour if all its words are in the source, in any order, singular or plural, adjective or noun
      (wooden, wood), or a narrower term (wood by oak, blue by navy);
    - a name if all its words except function words are in the source, in any case, possessive or not;
    - a date if its year, month and day are.

    References change neither which claims are found nor the support by the title. Time is linear in the text's length.
    """
    stated: list[_Source] = [("title", None, _stated(title))]
    stated += [("reference", one.uid, _stated(f"{one.title}\n{one.description}")) for one in references]
    return [_claim(text, one, stated) for one in _find(text, title)]


def count_unsupported(text: str, title: str, references: Sequence[Reference]) -> int:
    """Count the claims of `text` that neither the title nor a reference supports; see `find_claims`."""
    return sum(claim.support == "none" for claim in find_claims(text, title, references))


def _claim(text: str, found: Found, stated: list[_Source]) -> Claim:
    support, where = next(((kind, uid) for kind, uid, keys in stated if found.needs <= keys), ("none", None))
    return Claim(found.start, found.end, text[found.start : found.end], found.kind, support, where)


def _find(text: str, title: str) -> list[Found]:
    """Return the results of all finders in the order of positions; if two overlap, the earlier finder has priority."""
    tokens = tokenize(text)
    title_words = frozenset(one.lower for one in tokenize(title) if one.word[0].isupper())
    numbers = list(find_numbers(text))
    finders = (
        find_standards(text),
        find_dates(text),
        find_positions(text),
        (one for one in numbers if one.kind != "count" or text[one.end - 1].isalpha()),
        find_sizes(text),
        find_names(text, tokens, title_words),
        find_terms(text, tokens, title_colours(title)),
        find_codes(text),
        numbers,
    )
    return _without_overlaps(chain.from_iterable(finders), len(text))


def _without_overlaps(candidates: Iterable[Found], length: int) -> list[Found]:
    taken, kept = bytearray(length), []
    for one in candidates:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def _stated(source: str) -> frozenset[Key]:
    """Return every value that a source states, in all forms that a claim may need."""
    found = frozenset(key for one in _find(source, source) for key in one.needs)
    return found | frozenset(chain.from_iterable(map(_also_stated, found))) | frozenset(_words_stated(source))


def _also_stated(key: Key) -> Iterator[Key]:
    """Yield equivalent keys of a value: 12 months are also an age, 30 °C also 30 degrees, 45 cm also a side of 45."""
    if key[0] != "measure":
        return
    _, dimension, value = key
    if dimension == "months":
        yield ("age", value)
    elif dimension in ("celsius", "fahrenheit"):
        yield ("measure", "degree", value)
    elif dimension == "degree":
        yield from (("measure", scale, value) for scale in ("celsius", "fahrenheit"))
    elif "length" in dimension:
        yield from (("side", str(Fraction(value) / factor)) for factor in (1, 10))


def _words_stated(source: str) -> Iterator[Key]:
    words = frozenset(normalise(one) for one in _WORD.findall(source))
    words |= frozenset(one.lower for one in tokenize(source))
    terms = words | frozenset(one[:-1] for one in words if one.endswith("s"))
    yield from (("word", one) for one in words)
    yield from (("term", one) for one in terms)
    yield from (("term", BROADER[one]) for one in terms if one in BROADER)
    yield from (("month", str(MONTHS[one])) for one in words if one in MONTHS)
    yield from (("size", one[0]) for one in words if one in ("small", "medium", "large"))
    yield from (("size", one.lower()) for one in _WORD.findall(source) if one in ("S", "M", "L"))
    yield from (code_key(one) for one in _CODE_WORD.findall(source))
