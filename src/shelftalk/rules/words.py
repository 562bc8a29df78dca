"""Split a text into words with their places, and find words and phrases of a list in it, in any case.

The time is linear in the length of the text: a word is looked up, no pattern is tried. A sign is a word of its own; so
is a character of a script that is written without spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# Python's \w holds no marks, and in many scripts a word has some.
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff"
_WORD = re.compile(  # the first line is the second for ASCII, and three times as fast
    r"[A-Za-z0-9]+(?![A-Za-z0-9_]|[^\x00-\x7f])"
    rf"|(?:(?![{WITHOUT_SPACES}])[\w{MARKS}])+|[{WITHOUT_SPACES}]|[^\w\s]"
)
LONGEST_BEGINNING = 200  # characters of a word, as long as a phrase may be
JOINING = frozenset(",-–'’&/")
APOSTROPHES = frozenset("'’")
# What follows an apostrophe in English; a possessive 's leaves the word before it what it is.
_CONTRACTED = frozenset(("t", "re", "ve", "ll", "d", "m"))


class Word(NamedTuple):
    """A word or a sign of a text: the characters from `start` to `end`, without regard to case."""

    start: int
    end: int
    folded: str


def fold(text: str) -> str:
    """Return a text without regard to case and to how its accents are encoded."""
    folded = text.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def split_words(text: str) -> list[Word]:
    """Return the words and signs of a text in order."""
    return [Word(one.start(), one.end(), fold(one.group())) for one in _WORD.finditer(text)]


def folded_words(text: str) -> tuple[str, ...]:
    """Return the words and signs of a text in order, without their places and regardless of case."""
    return tuple(word.folded for word in split_words(text))


class _Node:
    """What may follow the words up to here: a whole word, or the beginning of one; `phrase` ends here."""

    __slots__ = ("beginnings", "following", "phrase")

    def __init__(self) -> None:
        self.following: dict[str, _Node] = {}
        self.beginnings: dict[str, str] = {}
        self.phrase: str | None = None


class Found(NamedTuple):
    """A phrase in a list of words: from the word `first` to before the word `after`."""

    first: int
    after: int
    phrase: str


class Phrases:
    """Words and phrases to find, in any case; * at the end of one stands for the rest of a word."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._root = _Node()
        for phrase in phrases:
            *words, last = folded_words(phrase.removesuffix("*"))
            node = self._root
            for word in words:
                node = node.following.setdefault(word, _Node())
            if phrase.endswith("*"):
                node.beginnings[last] = phrase
            else:
                node.following.setdefault(last, _Node()).phrase = phrase

    def find(self, words: Sequence[Word]) -> Iterator[Found]:
        """Yield the phrases in `words` from left to right, the longest at each place, without overlaps."""
        first = 0
        while first < len(words):
            longest = max(self._at(words, first), key=lambda one: one[0], default=None)
            if longest is not None:
                yield Found(first, *longest)
            first = first + 1 if longest is None else longest[0]

    def found_in(self, words: Sequence[Word]) -> set[str]:
        """Return the phrases in `words`, also those that overlap."""
        return {phrase for first in range(len(words)) for _, phrase in self._at(words, first)}

    def _at(self, words: Sequence[Word], first: int) -> Iterator[tuple[int, str]]:
        """Yield the word after each phrase that begins at a word, and the phrase; those of whole words come first."""
        if _is_contracted(words, first):
            return
        node = self._root
        for after in range(first + 1, len(words) + 1):
            word, beginnings = words[after - 1].folded, node.beginnings
            following = node.following.get(word)
            if following is not None and following.phrase is not None and not _is_contracted(words, after + 1):
                yield after, following.phrase
            if beginnings:
                for end in range(min(len(word), LONGEST_BEGINNING), 0, -1):
                    if phrase := beginnings.get(word[:end]):
                        yield after, phrase
            if following is None:
                return
            node = following


def _is_contracted(words: Sequence[Word], at: int) -> bool:
    """Return whether the word is the "t" of "can't" or the like, so that what stands before is another word."""
    if not 2 <= at < len(words) or words[at - 1].folded not in APOSTROPHES:
        return False
    before, sign, word = words[at - 2 : at + 1]
    return word.folded in _CONTRACTED and before.end == sign.start and sign.end == word.start


def begins_sentence(words: Sequence[Word], at: int) -> bool:
    """Return whether a word begins a sentence, a line of a list or a quotation."""
    return at == 0 or (not words[at - 1].folded.isalnum() and words[at - 1].folded not in JOINING)


def in_case_of(word: str, model: str) -> str:
    """Return `word` with the case of `model`: all in capitals, a first capital, or as it is."""
    letters = [one for one in model if one.isalpha()]
    if len(letters) > 1 and all(one.isupper() for one in letters):
        return word.upper()
    if letters and letters[0].isupper():
        return word[:1].upper() + word[1:]
    return word
