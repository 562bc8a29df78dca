"""Find which attributes a text tells.

An attribute is told if the text states its value: the words in their order, without regard to case, articles,
punctuation, singular and plural, number words and units (0.35 l is 350 ml, four is 4). Up to two words may stand
between two of them. A value that is a number only must have the attribute's name near it; one that is yes or no is told
by its name (yes_no.py). What the text says the value of is not checked otherwise; relations.py does that.

Words and values of Portuguese texts are read by the rules for Portuguese, those of all other languages by those for
English: a value in the same words is told in every language, an inflected one need not be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from shelftalk.claims.found import Found
from shelftalk.claims.phrases import Phrases
from shelftalk.claims.portuguese.search import search as search_portuguese
from shelftalk.claims.portuguese.surroundings import read_words
from shelftalk.claims.portuguese.units import NUMBERS as PORTUGUESE_NUMBERS
from shelftalk.claims.search import search
from shelftalk.claims.units import NUMBERS
from shelftalk.claims.words import listed
from shelftalk.claims.yes_no import affirms, is_yes_no, places_said
from shelftalk.records import Attributes

_GAP = 2
_NEAR = 4


class _Symbol(NamedTuple):
    """A word and its position; `symbol` is its stem, or a number word's value in digits."""

    start: int
    end: int
    symbol: str


@dataclass(frozen=True, slots=True)
class _Reader:
    """What reads the words of a language, and the claims in a text."""

    words: Callable[[str], Iterable[_Symbol]]
    search: Callable[[str], list[Found]]


_ARTICLES = listed("a, an, the")
_PORTUGUESE_ARTICLES = listed("a, o, as, os, um, uma, de, do, da, dos, das, em, no, na")


def _english_words(text: str) -> Iterable[_Symbol]:
    return (
        _Symbol(word.start, word.end, str(NUMBERS.get(word.raw, word.stem)))
        for word in Phrases(text).words
        if word.raw not in _ARTICLES
    )


def _portuguese_words(text: str) -> Iterable[_Symbol]:
    return (
        _Symbol(word.start, word.end, str(PORTUGUESE_NUMBERS.get(word.raw, word.meaning)))
        for word in read_words(text)
        if word.raw not in _PORTUGUESE_ARTICLES
    )


_ENGLISH = _Reader(_english_words, lambda text: search(text, ""))
_READERS = {"pt": _Reader(_portuguese_words, search_portuguese)}


def attributes_told(text: str, attributes: Attributes, *, language: str) -> list[str]:
    """Return the names of the attributes whose value `text` states, in the order of `attributes`."""
    return list(places_told(text, attributes, language=language))


def places_told(text: str, attributes: Attributes, *, language: str) -> dict[str, float]:
    """Return where `text` first states each attribute that it tells, from 0 to 1, in the order of `attributes`."""
    reader = _READERS.get(language, _ENGLISH)
    values, words = _symbols(reader, text), _words(reader, text)
    found = {}
    for name, value in attributes:
        if is_yes_no(value, language):
            said = [one for one in places_said(text, name, language) if one.affirmed == affirms(value, language)]
            if said:
                found[name] = said[0].start / len(text)
            continue
        names = set(_words(reader, name))
        place = _place(values, _symbols(reader, value, name), names)
        place = _place(words, _words(reader, value), names) if place is None else place
        if place is not None:
            found[name] = place
    return found


def _place(told: list[str], wanted: list[str], names: set[str]) -> float | None:
    number = len(wanted) == 1 and wanted[0].isdecimal()
    for start, symbol in enumerate(told):
        if not wanted or symbol != wanted[0]:
            continue
        around = told[max(0, start - _NEAR) : start + _NEAR + 1]
        if _continues(told, start, wanted) and (not number or not names.isdisjoint(around)):
            return start / len(told)
    return None


def _continues(told: list[str], at: int, wanted: list[str]) -> bool:
    """Return whether the rest of `wanted` follows the symbol at `at`, each within two words of the one before."""
    for symbol in wanted[1:]:
        window = told[at + 1 : at + 2 + _GAP]
        if symbol not in window:
            return False
        at += 1 + window.index(symbol)
    return True


def _words(reader: _Reader, text: str) -> list[str]:
    """Return the words' stems without articles, and number words as digits."""
    return [word.symbol for word in reader.words(text)]


def _symbols(reader: _Reader, text: str, name: str = "") -> list[str]:
    """Return what `_words` returns, but one symbol for each measure, size, age, percentage and price.

    `name`, the name of the attribute with this value, makes a number an age or a measure where it says so (ages: 3).
    """
    start = len(name) + 2 if name else 0
    whole = f"{name}: {text}" if name else text
    values = {
        max(one.start, start): one
        for one in reader.search(whole)
        if one.kind in ("measure", "size", "age", "percentage", "price") and one.end > start
    }
    symbols: list[str] = []
    end = start
    for word in reader.words(whole):
        if word.end <= end:
            continue
        if (one := values.get(max(word.start, start))) is not None:
            symbols.append("|".join(sorted("/".join(key) for key in one.needs)))
            end = one.end
        elif word.start >= start:
            symbols.append(word.symbol)
    return symbols
