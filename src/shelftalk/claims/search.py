"""Search a text for claims with all finders, and read which values a source states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

from shelftalk.claims.found import Found, Key, without_overlaps
from shelftalk.claims.marks import code_key, find_codes, find_dates, find_positions, find_sizes, find_standards
from shelftalk.claims.names import find_names
from shelftalk.claims.numbers import find_numbers
from shelftalk.claims.terms import find_terms, normalise, title_colours, tokenize
from shelftalk.claims.units import MONTHS
from shelftalk.claims.words import BROADER

_WORD = re.compile(r"\w+(?:['’]\w+)*(?:\.\d+)?")
_CODE_WORD = re.compile(r"[A-Za-z0-9]+(?:[-/][A-Za-z0-9]+)*")


def search(text: str, title: str) -> list[Found]:
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
    return without_overlaps(chain.from_iterable(finders), len(text))


def stated(source: str) -> frozenset[Key]:
    """Return every value that a source states, in all forms that a claim may need."""
    found = frozenset(key for one in search(source, source) for key in one.needs)
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
