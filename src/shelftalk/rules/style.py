"""Find exclamation marks, words in capitals, emoji, the first person and superlatives in an English text.

What title and attributes state, and what the rules themselves ask for, is never found: see `Stated`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from shelftalk.rules.english import (
    ACRONYMS,
    ADJECTIVE,
    ADJECTIVES,
    AFTER_BEST,
    BEFORE_BEST,
    BEFORE_MINE,
    BEFORE_NUMERAL,
    BEFORE_PRONOUN,
    MEASURED,
    NO_SUPERLATIVES,
    NOUNS,
    PERSON,
    SUPERLATIVES,
)
from shelftalk.rules.words import APOSTROPHES, Word, begins_sentence, split_words

Place = tuple[int, int]  # the first character, and the one after the last

_MARKS = re.compile(r"[!！]+")
_WORD_BEFORE = re.compile(r"\w*$")
_LONGEST_WORD = 40  # characters before an exclamation mark that may be a name
# The characters that Unicode shows as emoji, without those that print as signs: arrows, checks, male and female.
_EMOJI = (
    "\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f1e6-\U0001f1ff\U0001f201-\U0001f251"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f900-\U0001faff"
    "\u231a\u231b\u23e9-\u23f3\u2600-\u2604\u260e\u2614\u2615\u2618\u261d\u2620\u2622\u2623\u262e\u262f\u2638-\u263a"
    "\u2648-\u2653\u2660\u2663\u2665\u2666\u2668\u267b\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26aa\u26ab"
    "\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8\u26ce\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd"
    "\u2705\u2708-\u270d\u270f\u2712\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764"
    "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\u3297\u3299"
)
# One emoji or several in a row; U+FE0F makes one of the sign before it, also of a digit with U+20E3 behind.
_EMOJIS = re.compile(rf"(?:[{_EMOJI}][\ufe0f\u200d\U0001f3fb-\U0001f3ff]*|[^\s\ufe0f]\ufe0f[\u20e3\u200d]*)+")
_NUMERAL = re.compile("[IVX]+")
SENTENCE_ENDS = frozenset(".!?:…")


class Stated(NamedTuple):
    """What the sources of a text state: words and pairs of words, in any case, and words as written.

    `marked` are words with exclamation marks behind them, `emoji` the emoji.
    """

    words: set[str]
    pairs: set[tuple[str, str]]
    written: set[str]
    marked: set[str]
    emoji: set[str]

    def has_beside(self, words: Sequence[Word], at: int) -> bool:
        """Return whether a source states a word with the word before or after it, as in a name."""
        word = words[at].folded
        before = words[at - 1].folded if at else ""
        after = words[at + 1].folded if at + 1 < len(words) else ""
        return (before, word) in self.pairs or (word, after) in self.pairs


def find_stated(sources: Iterable[str]) -> Stated:
    """Return what some texts state."""
    words: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    written: set[str] = set()
    marked: set[str] = set()
    emoji: set[str] = set()
    for text in sources:
        split = split_words(text)
        folded = [word.folded for word in split]
        words.update(folded)
        pairs.update(pairwise(folded))
        written.update(text[word.start : word.end] for word in split)
        marked.update(_with_word(text, one) for one in _MARKS.finditer(text))
        emoji.update(_EMOJIS.findall(text))
    return Stated(words, pairs, written, marked, emoji)


def find_exclamations(text: str, stated: Stated) -> Iterator[Place]:
    """Yield each exclamation mark, or several in a row, unless a source has them behind the same word: Yahtzee!"""
    for one in _MARKS.finditer(text):
        if _with_word(text, one) not in stated.marked:
            yield one.span()


def _with_word(text: str, marks: re.Match[str]) -> str:
    """Return exclamation marks with the word before them, in small letters."""
    before = _WORD_BEFORE.search(text[max(0, marks.start() - _LONGEST_WORD) : marks.start()])
    return f"{before.group() if before else ''}{marks.group()}".casefold()


def find_capitals(text: str, words: Sequence[Word], stated: Stated) -> Iterator[Place]:
    """Yield each run of two or more words in capitals; acronyms and words that a source writes so do not count.

    These, single capitals, and words with digits do not end a run either.
    """
    run: list[Word] = []
    for word in words:
        written = text[word.start : word.end]
        if written.isupper() and written.isalpha() and len(written) > 1:
            if word.folded not in ACRONYMS and written not in stated.written and not _NUMERAL.fullmatch(written):
                run.append(word)
        elif written in SENTENCE_ENDS or (written.isalpha() and not written.isupper()):
            if len(run) > 1:
                yield run[0].start, run[-1].end
            run = []
    if len(run) > 1:
        yield run[0].start, run[-1].end


def find_emoji(text: str, stated: Stated) -> Iterator[Place]:
    """Yield each emoji, or several in a row, that no source has."""
    for one in _EMOJIS.finditer(text):
        if one.group() not in stated.emoji:
            yield one.span()


def find_first_person(text: str, words: Sequence[Word], stated: Stated) -> Iterator[Place]:
    """Yield I, we, our and the like, with "'m" or the like behind.

    The US, the numeral of Part I, a coal mine, a pick-me-up, and a name with My in it are others.
    """
    for at, word in enumerate(words):
        if _is_person(text, words, at) and not stated.has_beside(words, at):
            yield word.start, _contraction_end(words, at)


def _is_person(text: str, words: Sequence[Word], at: int) -> bool:
    word = words[at]
    before = words[at - 1].folded if at else ""
    if word.folded == "i":
        return text[word.start : word.end] == "I" and _is_pronoun(text, words, at)
    if word.folded == "let":
        return _contraction_end(words, at) - word.end == 2 and words[at + 2].folded == "s"
    if word.folded == "mine":
        return before in BEFORE_MINE
    if word.folded not in PERSON or (written := text[word.start : word.end]) in ("US", "ME"):
        return False
    is_name = written.istitle() and not begins_sentence(words, at)  # of a book: Who Moved My Cheese?
    return not is_name and text[word.end : word.end + 1] != "-" and text[word.start - 1 : word.start] != "-"


def _is_pronoun(text: str, words: Sequence[Word], at: int) -> bool:
    """Return whether an I is the pronoun and no numeral: a word in small letters, or a contraction, follows it."""
    word = words[at]
    if _contraction_end(words, at) > word.end:
        return True
    after = text[word.end : word.end + 2]
    if not (after[:1].isspace() and after[1:].islower()):
        return False
    if at == 0 or words[at - 1].folded in BEFORE_NUMERAL:
        return at == 0
    before = words[at - 1]
    return not text[before.start].isupper() or before.folded in BEFORE_PRONOUN  # Elizabeth I, but: When I


def _contraction_end(words: Sequence[Word], at: int) -> int:
    """Return the end of a word, with what an apostrophe joins to it: I'm, we've, let's."""
    part = words[at : at + 3]
    joined = len(part) == 3 and part[1].folded in APOSTROPHES and part[0].end == part[1].start
    if joined and part[1].end == part[2].start and part[2].folded in ("m", "re", "ve", "ll", "d", "s"):
        return part[2].end
    return part[0].end


def find_superlatives(text: str, words: Sequence[Word], stated: Stated) -> Iterator[Place]:
    """Yield best, words in -est, and most with an adjective, unless a source has the same words."""
    for at, word in enumerate(words):
        if word.folded == "most":
            if _is_most(words, at) and (word.folded, words[at + 1].folded) not in stated.pairs:
                yield word.start, words[at + 1].end
        elif word.folded not in stated.words and _is_superlative(text, words, at):
            yield word.start, word.end


def _is_most(words: Sequence[Word], at: int) -> bool:
    """Return whether most stands before an adjective, or after the or a possessive before any word."""
    after = words[at + 1].folded if at + 1 < len(words) else ""
    before = words[at - 1].folded if at else ""
    if before in ("the", "s", "its", "our", "your"):
        return after.isalpha() and after not in ("of", "part", "from", "out", "in", "when", "to", "and")
    return after in ADJECTIVES or (ADJECTIVE.fullmatch(after) is not None and after not in NOUNS)


def _is_superlative(text: str, words: Sequence[Word], at: int) -> bool:
    word = words[at].folded
    if word not in SUPERLATIVES:
        if not (word.endswith("est") and len(word) > 4 and word.isalpha()) or word in NO_SUPERLATIVES:
            return False
        if not text[words[at].start].islower() and not begins_sentence(words, at):  # a name: Budapest
            return False
    following = [one.folded for one in words[at + 1 : at + 3] if one.folded != "-"]
    after = following[0] if following else ""
    if word == "best":
        return after not in AFTER_BEST and (at == 0 or words[at - 1].folded not in BEFORE_BEST)
    return after not in MEASURED and not after[:1].isdigit()  # the largest 10 mm
