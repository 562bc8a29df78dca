"""Read around a phrase of a text: the nouns it describes, and the words that say what a measure measures.

All rules look at a few words before and after the phrase, and never beyond its sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from shelftalk.claims.gazetteer import FUNCTION_WORDS
from shelftalk.claims.terms import normalise
from shelftalk.claims.words import AMBIGUOUS_COLOURS, COLOURS, MATERIALS, listed

_WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
_JOINED = re.compile(r"[ \u00a0-]?")
_LABEL = re.compile(r":\s?")
_BOUNDARY = re.compile(r"[.;:!?\n•]")

VERBS = listed(
    """
    holds, hold, weighs, weigh, measures, measure, stands, sits, runs, run, burns, burn, fits, fit, keeps, keep, lets,
    takes, take, carries, carry, supports, gives, give, suits, suit, folds, fold, opens, open, closes, close, stays,
    stay, works, lasts, last, dries, dry, reaches, reach, turns, hangs, hang, looks, feels, needs, doubles, goes,
    charges, makes, shows, serves, lies, comes, come, sleeps, packs, including, containing, weighing, measuring
    """
)
_MADE = listed("made, cut, turned, cast, forged, carved, woven, sewn, knitted, built, crafted, moulded")
_TERMS = MATERIALS | COLOURS | AMBIGUOUS_COLOURS
_LINKS = listed("and, or, but, with, has, have, that, which, where, when, who, every, so, by, than, until, after, if")
_DETERMINERS = listed("the, a, an, its, their, this, these, each, every, your, with, and, has, have, our")
_NO_LABEL = listed("to, we, you, why, what, how, please")  # "Good to know:" names no thing
_PRONOUNS = listed("it, they, this, these, each, them, one")
_QUANTIFIERS = listed("set, pack, pair, range, lot, box, roll, piece, cup, layer, sheet, number, kind, touch, mix")
_SKIPPED = listed(
    """
    up, to, of, about, just, only, around, a, an, at, each, for, is, are, roughly, nearly, over, approximately, almost,
    under, maximum, max, total, from, between
    """
)
_AFTER_MEASURE = {
    "long": "length",
    "length": "length",
    "wide": "width",
    "width": "width",
    "broad": "width",
    "across": "diameter",
    "diameter": "diameter",
    "high": "height",
    "tall": "height",
    "height": "height",
    "deep": "depth",
    "depth": "depth",
    "thick": "thickness",
    "thickness": "thickness",
}
_BEFORE_MEASURE = {
    "weigh": "weight",
    "weighing": "weight",
    "weight": "weight",
    "hold": "capacity",
    "holding": "capacity",
    "capacity": "capacity",
    "take": "load",
    "carry": "load",
    "support": "load",
    "bear": "load",
    "load": "load",
    "stand": "height",
    "run": "running time",
    "last": "running time",
    "burn": "running time",
    "charge": "charging time",
    "dry": "drying time",
    "length": "length",
    "width": "width",
    "height": "height",
    "depth": "depth",
    "thickness": "thickness",
    "diameter": "diameter",
}
# The dimensions that a measure of each group may have.
DIMENSIONS = {
    **dict.fromkeys(("length", "width", "diameter", "height", "depth", "thickness"), listed("length")),
    **dict.fromkeys(("weight", "load"), listed("mass")),
    **dict.fromkeys(("capacity", "weight or capacity"), listed("mass, volume, pint, quart, gallon")),
    **dict.fromkeys(("running time", "charging time", "drying time"), listed("time, months")),
}
# The groups that a value of each group may also be told as: a diameter of 7 cm is "7 cm wide".
COMPATIBLE = {
    "diameter": listed("width"),
    "width": listed("diameter"),
    "capacity": listed("load, weight or capacity"),
    "load": listed("capacity, weight or capacity"),
    "weight": listed("weight or capacity"),
    "depth": listed("thickness"),
    "thickness": listed("depth"),
}


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word in lower case and the singular; a material's adjective becomes its noun."""
    lower = normalise(word)
    if lower.endswith(("ches", "shes", "xes", "sses")):
        return lower[:-2]
    if lower.endswith("ies") and len(lower) > 4:
        return f"{lower[:-3]}y"
    return lower[:-1] if len(lower) > 3 and lower.endswith("s") and not lower.endswith(("ss", "us", "is")) else lower


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words, numbers included."""
    return tuple(stem(one[0]) for one in _WORD.finditer(text))


class Word(NamedTuple):
    """A word of a text: `gap` is what stands between it and the word before."""

    start: int
    end: int
    raw: str
    stem: str
    gap: str

    @property
    def joined(self) -> bool:
        """Whether only a space or a hyphen separates the word from the one before."""
        return _JOINED.fullmatch(self.gap) is not None

    @property
    def content(self) -> bool:
        """Whether the word can be part of a noun phrase."""
        return not (self.raw in FUNCTION_WORDS or self.raw in VERBS or self.raw[0].isdigit())


@dataclass(frozen=True, slots=True)
class Subject:
    """The words that a phrase describes: `nouns` in their order, `first` and `last` the words' indexes in the text.

    `last_only` is true if only the last noun can name the thing (the lid of the box is V: box).
    """

    nouns: tuple[str, ...]
    first: int
    last: int
    last_only: bool


class Phrases:
    """A text's words, and what stands around its phrases, which are given by their first and last word's index."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[Word] = []
        end = 0
        for match in _WORD.finditer(text):
            raw = match.group().lower()
            self.words.append(Word(match.start(), match.end(), raw, stem(raw), text[end : match.start()]))
            end = match.end()

    @cached_property
    def _starts(self) -> list[int]:
        return [one.start for one in self.words]

    def indexes(self, start: int, end: int) -> tuple[int, int]:
        """Return the indexes of the first and the last word in `text[start:end]`.

        Of a claim without a word at the text's end they are the last word's.
        """
        first = min(bisect_left(self._starts, start), max(0, len(self.words) - 1))
        return first, max(first, bisect_left(self._starts, end) - 1)

    def find(self, wanted: tuple[str, ...]) -> list[tuple[int, int]]:
        """Return where the stems `wanted` stand in the text, as indexes of the first and last word."""
        if not wanted:
            return []
        size, all_stems = len(wanted), [one.stem for one in self.words]
        return [
            (at, at + size - 1)
            for at, one in enumerate(all_stems)
            if one == wanted[0]
            and tuple(all_stems[at : at + size]) == wanted
            and all(_BOUNDARY.search(word.gap) is None for word in self.words[at + 1 : at + size])
        ]

    def following(self, last: int, limit: int = 3) -> tuple[str, ...]:
        """Return the stems of the noun phrase right after a phrase; empty if there is none."""
        return tuple(one.stem for one in self._run_after(last, limit))

    def _run_after(self, last: int, limit: int) -> list[Word]:
        run: list[Word] = []
        for word in self.words[last + 1 : last + 1 + limit]:
            if not (word.joined and word.content):
                break
            run.append(word)
        return run

    def near(self, first: int, last: int, limit: int = 4) -> frozenset[str]:
        """Return the stems of the words before a phrase, back to a comma, "and" or a number, and of the nouns after."""
        found = set()
        for at in range(first - 1, max(-1, first - 1 - limit), -1):
            gap = self.words[at + 1].gap
            if gap.strip(" -\u00a0\"'“”(") and not _LABEL.fullmatch(gap):
                break
            if not _near(self.words[at]):
                break
            found.add(self.words[at].stem)
        return frozenset(found) | frozenset(self.following(last, limit))

    def described(self, first: int, last: int) -> Subject | None:
        """Return what a phrase V describes.

        V thing; the thing is V; a thing (made) of, from or in V; thing: V. None if none of these forms is there.
        """
        run = self._run_after(last, 3)
        if any(one.stem not in _TERMS for one in run):
            return Subject(tuple(one.stem for one in run), last + 1, last + len(run), last_only=False)
        at = first - 1
        if at < 0:
            return None
        gap = self.words[first].gap
        if _LABEL.fullmatch(gap):
            return self._label(at)
        if not self.words[first].joined:
            return None
        if at and self.words[at].content and self.words[at].joined:  # an adjective: is light oak
            at -= 1
        if self.words[at].raw in ("is", "are") and self.words[at].joined:
            return self._noun_phrase(at - 1) if at else None
        return self._made_of(at) if self.words[at].raw in ("of", "from", "in") else None

    def _made_of(self, at: int) -> Subject | None:
        """Return what is of, from or in V, or is made of it; the preposition's index is `at`."""
        preposition, made = self.words[at].raw, False
        at = self._step_back(at)
        if at >= 0 and self.words[at].raw in _MADE:
            made, at = True, self._step_back(at)
        if at >= 0 and self.words[at].raw in ("is", "are", "comes", "come"):
            made, at = True, self._step_back(at)
        if at < 0 or not (made or preposition != "from") or (not made and self.words[at].stem in _QUANTIFIERS):
            return None
        return self._noun_phrase(at)

    def _step_back(self, at: int) -> int:
        """Return the index of the word before; -1 if punctuation separates the two."""
        return at - 1 if at > 0 and self.words[at].joined else -1

    def _label(self, at: int) -> Subject | None:
        first = at
        while first > 0 and at - first < 3 and self.words[first].joined:
            first -= 1
        label = self.words[first : at + 1]
        if (first > 0 and self.words[first].joined) or any(one.raw in _NO_LABEL for one in label):
            return None
        return Subject(tuple(one.stem for one in label), first, at, last_only=True)

    def _noun_phrase(self, at: int) -> Subject | None:
        if self.words[at].raw in _PRONOUNS:
            return Subject((), at, at, last_only=True)
        first = at + 1
        while first > 0 and at + 1 - first < 3 and self.words[first - 1].content:
            first -= 1
            if not self.words[first].joined:
                break
        if first > at:
            return None
        opened = first == 0 or not self.words[first].joined or self.words[first - 1].raw in _DETERMINERS
        found = tuple(one.stem for one in self.words[first : at + 1])
        return Subject(found, first, at, last_only=True) if opened else None

    def measured(self, first: int, last: int, dimensions: Set[str]) -> tuple[str, int, int] | None:
        """Return what a measure measures (length, weight, capacity), and the indexes of the phrase with this word.

        None if no word says so, or not for a measure of these dimensions (takes 4 hours).
        """
        found = self._measured(first, last)
        return found if found and dimensions <= DIMENSIONS[found[0]] else None

    def _measured(self, first: int, last: int) -> tuple[str, int, int] | None:
        after = last + 1
        if after < len(self.words) and self.words[after].joined:
            if self.words[after].raw in ("in", "of") and after + 1 < len(self.words) and self.words[after + 1].joined:
                after += 1
            group = _AFTER_MEASURE.get(self.words[after].raw)
            if group is not None:
                return group, first, after
        at = first - 1
        while at >= 0 and first - at < 5 and self.words[at].raw in _SKIPPED and self._open(at + 1):
            at -= 1
        if at < 0 or not self._open(at + 1):
            return None
        group = _BEFORE_MEASURE.get(self.words[at].stem)
        if group == "weight" and any(one.raw == "up" for one in self.words[at + 1 : first]):
            group = "weight or capacity"
        return None if group is None else (group, at, last)

    def _open(self, at: int) -> bool:
        return self.words[at].joined or _LABEL.fullmatch(self.words[at].gap) is not None


def _near(word: Word) -> bool:
    return word.raw not in _LINKS and not word.raw[0].isdigit()
