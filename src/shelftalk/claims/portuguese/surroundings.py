"""Read around a phrase of a Portuguese text: what a measure measures, what is near it, and what a term describes.

All rules look at a few words before and after the phrase, and never beyond its clause.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from shelftalk.claims.found import Found
from shelftalk.claims.portuguese.attributes import GROUPS, meaning, meanings
from shelftalk.claims.portuguese.inflection import stem
from shelftalk.claims.words import listed

_WORD = re.compile(r"[^\W_]+(?:[.,][0-9]+)*")
_JOINED = re.compile(r"[ \u00a0\"“”'(-]?")
_LABEL = re.compile(r":\s?")
_GROUPS = frozenset(meaning(one) for one in GROUPS)
_SKIPPED = listed(
    """
    de, do, da, com, até, é, apenas, só, máxima, máximo, total, aproximadamente, cerca, tem, para, seus, suas, em, no,
    na, uns, umas, mais, menos, por, entre, medindo, carga, peso, os, as, um, uma, ideal
    """
)
_VERBS = listed(
    """
    tem, têm, vem, vêm, é, são, mede, medem, pesa, combina, traz, leva, acompanha, inclui, fica, feito, feita, feitos,
    feitas, disponível, disponíveis, usa, vai, cabe, possui, conta, oferece, produzido, produzida, confeccionado,
    confeccionada, fabricado, fabricada, todo, toda
    """
)
_BEFORE_TERM = listed(
    "de, em, na, no, cor, cores, tom, com, acabamento, legítimo, legítima, maciço, maciça, puro, pura"
)
_COLOUR_OF = listed("cor, cores, tom")
_FUNCTION = listed("a, o, as, os, um, uma, seu, sua, e, ou, que, este, esta, cada, não, por, para, mais")
_SETS = frozenset(stem(one) for one in listed("jogo, kit, conjunto, par, caixa, pacote, trio, set, mini, novo, nova"))


class Word(NamedTuple):
    """A word of a text: `gap` is what stands between it and the word before."""

    start: int
    end: int
    raw: str
    meaning: str
    gap: str


def read_words(text: str) -> list[Word]:
    """Return the words of a text in their order, numbers included."""
    words: list[Word] = []
    end = 0
    for match in _WORD.finditer(text):
        raw = match.group().lower()
        words.append(Word(*match.span(), raw, meaning(stem(raw)), text[end : match.start()]))
        end = match.end()
    return words


class Surroundings:
    """A text's words, and what stands around its claims."""

    def __init__(self, text: str, found: Sequence[Found]) -> None:
        self.words = read_words(text)
        self._starts = [one.start for one in self.words]
        self._terms = {
            at for one in found if one.kind in ("material", "colour") for at in range(*self._range(one.start, one.end))
        }

    def _range(self, start: int, end: int) -> tuple[int, int]:
        """Return the index of the first word in `text[start:end]`, and the one behind the last."""
        first = bisect_left(self._starts, start)
        return first, max(first + 1, bisect_left(self._starts, end))

    def _joined(self, at: int) -> bool:
        """Return whether nothing separates the words before and at `at`; a label's colon joins."""
        gap = self.words[at].gap
        return _JOINED.fullmatch(gap) is not None or _LABEL.fullmatch(gap) is not None

    def has_noun(self, found: Found) -> bool:
        """Return whether a claim has more than its number."""
        first, end = self._range(found.start, found.end)
        return not all(one.raw[0].isdigit() for one in self.words[first:end])

    def near(self, found: Found, before: int = 4, after: int = 4) -> frozenset[str]:
        """Return the meanings of the words around a claim, within its clause and up to the next number, and in it."""
        first, end = self._range(found.start, found.end)
        words = [one.meaning for one in self.words[first:end]]
        for at in range(first - 1, max(-1, first - 1 - before), -1):
            if not self._joined(at + 1) or self.words[at].raw[0].isdigit() or self.words[at].raw in ("e", "ou"):
                break
            words.append(self.words[at].meaning)
        return frozenset(words) | self.following(found, after)

    def following(self, found: Found, limit: int = 3) -> frozenset[str]:
        """Return the meanings of the words right after a claim, up to a number, a comma or an "e"."""
        _, end = self._range(found.start, found.end)
        words = []
        for at in range(end, min(end + limit, len(self.words))):
            if not self._joined(at) or self.words[at].raw[0].isdigit() or self.words[at].raw in ("e", "ou", "com"):
                break
            words.append(self.words[at].meaning)
        return frozenset(words)

    def measured(self, found: Found) -> str | None:
        """Return what a measure measures: "24 cm de altura", "pesa 2 kg", "comprimento de 1 m"; None if unsaid."""
        first, end = self._range(found.start, found.end)
        after = self.words[end : end + 2]
        if len(after) == 2 and after[0].raw in ("de", "em") and self._joined(end) and after[1].meaning in _GROUPS:
            return after[1].meaning
        at = first - 1
        while at >= 0 and first - at < 5 and self.words[at].meaning not in _GROUPS:
            if self.words[at].raw not in _SKIPPED or not self._joined(at + 1):
                return None
            at -= 1
        if at < 0 or not self._joined(at + 1) or self.words[at].meaning not in _GROUPS:
            return None
        return self.words[at].meaning

    def described(self, found: Found) -> str | None:
        """Return the meaning of the noun that a material or colour describes: "" is the product, None is unknown.

        Nouns stand before: "alça de couro marrom", "a tampa é de bambu". "Na cor preta", "feito de pinho" and "em
        couro" at the start of a clause describe the product.
        """
        first, _ = self._range(found.start, found.end)
        at, colour_of = first - 1, False
        while at >= 0 and first - at < 8 and self._joined(at + 1):
            word = self.words[at]
            if at in self._terms or word.raw in _BEFORE_TERM:
                colour_of = colour_of or word.raw in _COLOUR_OF
            elif word.raw in _VERBS:
                return self._subject(at)
            elif word.raw == "e" and at - 1 in self._terms:
                pass
            elif word.raw in _FUNCTION or word.raw[0].isdigit():
                return "" if colour_of else None
            else:
                return word.meaning
            at -= 1
        opened = at < 0 or not self._joined(at + 1)
        return "" if opened and first - at > 1 else None

    def _subject(self, verb: int) -> str | None:
        """Return what stands before a verb: "a tampa é de", "" at the start of a clause."""
        if verb == 0 or not self._joined(verb):
            return ""
        word = self.words[verb - 1]
        if word.raw in _VERBS or word.raw in ("e", "que"):
            return "" if word.raw in _VERBS else None
        return None if word.raw in _FUNCTION else word.meaning


def heads(title: str, types: Sequence[str]) -> frozenset[str]:
    """Return the nouns that name the product: the title's first, and that of an attribute's type; a set's content."""
    found = set()
    for source in (title, *types):
        words = meanings(source)
        found |= set(words[:1] if not words or words[0] not in _SETS else words[:2])
    return frozenset(found) | {stem(one) for one in listed("peça, produto, modelo, conjunto, kit")}
