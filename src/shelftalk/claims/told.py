"""Find which attributes a text tells.

An attribute is told if the text states its value: the words in their order, without regard to case, articles,
punctuation, singular and plural, number words and units (0.35 l is 350 ml, four is 4). Up to two words may stand
between two of them. A value that is a number only must have the attribute's name near it; one that is yes or no is told
by its name (yes_no.py). What the text says the value of is not checked otherwise; relations.py does that.
"""

from __future__ import annotations

from shelftalk.claims.phrases import Phrases, Word
from shelftalk.claims.search import search
from shelftalk.claims.units import NUMBERS
from shelftalk.claims.words import listed
from shelftalk.claims.yes_no import affirms, is_yes_no, places_said
from shelftalk.records import Attributes

_IGNORED = listed("a, an, the")
_GAP = 2
_NEAR = 4


def attributes_told(text: str, attributes: Attributes) -> list[str]:
    """Return the names of the attributes whose value `text` states, in the order of `attributes`."""
    return list(places_told(text, attributes))


def places_told(text: str, attributes: Attributes) -> dict[str, float]:
    """Return where `text` first states each attribute that it tells, from 0 to 1, in the order of `attributes`."""
    values, words = _symbols(text), _words(text)
    found = {}
    for name, value in attributes:
        if is_yes_no(value):
            said = [one for one in places_said(text, name) if one.affirmed == affirms(value)]
            if said:
                found[name] = said[0].start / len(text)
            continue
        place = _place(values, _symbols(value, name), name)
        place = _place(words, _words(value), name) if place is None else place
        if place is not None:
            found[name] = place
    return found


def _place(told: list[str], wanted: list[str], name: str) -> float | None:
    names = set(_words(name))
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


def _words(text: str) -> list[str]:
    """Return the words' stems without articles, and number words as digits."""
    return [_symbol(word) for word in Phrases(text).words if word.raw not in _IGNORED]


def _symbol(word: Word) -> str:
    return str(NUMBERS.get(word.raw, word.stem))


def _symbols(text: str, name: str = "") -> list[str]:
    """Return what `_words` returns, but one symbol for each measure, size, age, percentage and price.

    `name`, the name of the attribute with this value, makes a number an age or a measure where it says so (ages: 3).
    """
    start = len(name) + 2 if name else 0
    whole = f"{name}: {text}" if name else text
    values = {
        max(one.start, start): one
        for one in search(whole, "")
        if one.kind in ("measure", "size", "age", "percentage", "price") and one.end > start
    }
    symbols: list[str] = []
    end = start
    for word in Phrases(whole).words:
        if word.end <= end:
            continue
        if (one := values.get(max(word.start, start))) is not None:
            symbols.append("|".join(sorted("/".join(key) for key in one.needs)))
            end = one.end
        elif word.start >= start and word.raw not in _IGNORED:
            symbols.append(_symbol(word))
    return symbols
