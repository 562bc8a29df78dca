"""Search a Portuguese text for claims with all finders, and read which values a source states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

from shelftalk.claims.found import Found, Key, without_overlaps
from shelftalk.claims.portuguese.numbers import find_numbers
from shelftalk.claims.portuguese.terms import find_terms, terms_of, tokenize
from shelftalk.claims.portuguese.units import MONTHS
from shelftalk.claims.portuguese.words import BROADER_TERMS, ENGLISH
from shelftalk.claims.terms import normalise

_SIZE = re.compile(
    r"""\b(?:(?P<sheet>[AB][0-7](?![\w.-]))
    |(?P<word>[Tt]amanhos?:?\ (?P<what>PP|[PMG]|X?GG|E?XG|EG|[úu]nico|casal|solteiro|[0-9]{1,2}))(?![\w/-])
    |(?P<letters>(?:XGG|GG|EXG|XG)(?![\w-]))
    |(?P<bed>(?:queen|king)(?:[ -]size)?(?!\w)))""",
    re.VERBOSE | re.IGNORECASE,
)
_IN_LIST = re.compile(r"(?:,\ |\ e\ |\ ou\ |\ a\ |\ ao\ )(?P<what>PP|[PMG]|X?GG|E?XG|EG)(?![\w/-])")
_WORD = re.compile(r"\w+")
_LETTERS = frozenset(("PP", "P", "M", "G", "GG", "XG", "XGG", "EXG", "EG"))


def search(text: str, bare: bool = False) -> list[Found]:
    """Return the results of all finders in the order of positions; if two overlap, the earlier finder has priority.

    `bare` is for sources, see `find_numbers`.
    """
    finders = (_find_sizes(text), find_terms(text, tokenize(text)), find_numbers(text, bare))
    return without_overlaps(chain.from_iterable(finders), len(text))


def _find_sizes(text: str) -> Iterator[Found]:
    """Yield named sizes: A4, GG, tamanho M, queen, and the letters that follow in a list (tamanhos P, M e G)."""
    for match in _SIZE.finditer(text):
        what = (match["what"] or match.group()).lower().split(" ")[0].split("-")[0]
        yield Found(match.start(), match.end(), "size", frozenset([("size", what)]))
        at = match.end()
        while match["what"] and (more := _IN_LIST.match(text, at)):
            yield Found(more.start("what"), more.end("what"), "size", frozenset([("size", more["what"].lower())]))
            at = more.end()


def stated(source: str) -> frozenset[Key]:
    """Return every value that a source states, in all forms that a claim may need; also materials in English."""
    found = frozenset(key for one in search(source, bare=True) for key in one.needs)
    return found | frozenset(chain.from_iterable(map(_also_stated, found))) | frozenset(_words_stated(source))


def _also_stated(key: Key) -> Iterator[Key]:
    """Yield equivalent keys of a value: 12 meses are also an age, 30 °C also 30 graus, 45 cm also a side of 45."""
    if key[0] != "measure":
        return
    _, dimension, value = key
    if dimension == "months":
        yield ("age", value)
    elif dimension == "celsius":
        yield ("measure", "degree", value)
    elif dimension == "degree":
        yield ("measure", "celsius", value)
    elif "length" in dimension:
        yield from (("side", str(Fraction(value) / factor)) for factor in (1, 10))


def _words_stated(source: str) -> Iterator[Key]:
    words = _WORD.findall(source)
    terms = {term for one in words for term in terms_of(one.lower())}
    terms |= {one for one in map(normalise, words) if one in ENGLISH}
    yield from (("term", one) for one in terms)
    yield from (("term", BROADER_TERMS[one]) for one in terms if one in BROADER_TERMS)
    yield from (("word", one.lower()) for one in words)
    yield from (("month", str(MONTHS[one.lower()])) for one in words if one.lower() in MONTHS)
    yield from (("size", one.lower()) for one in words if one in _LETTERS or one.isdigit())
