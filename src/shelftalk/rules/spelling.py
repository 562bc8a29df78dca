"""Find words in the other spelling of English, British or American, with the spelling that the rules want."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from shelftalk.claims.words import listed
from shelftalk.rules.spellings import BOTH, BRITISH_ONLY, ISE, TIRE_AFTER, TIRE_BEFORE
from shelftalk.rules.style import Place, Stated
from shelftalk.rules.words import Word, begins_sentence, in_case_of

_ISE_ENDINGS = listed("e, es, ed, er, ers, ing, able, ation, ations, ational")
# A meter is a metre behind one of these, or behind a number; a parking meter is one in Britain, too.
_BEFORE_METER = listed("square, cubic, per, one, two, three, four, five, six, seven, eight, nine, ten, half, few")
_BEFORE_TIRE, _AFTER_TIRE = listed(TIRE_BEFORE), listed(TIRE_AFTER)


def find_spellings(text: str, words: Sequence[Word], spelling: str, stated: Stated) -> Iterator[tuple[Place, str]]:
    """Yield each word that is spelt otherwise in "British" or "American", and how it is spelt there.

    A word that a source has, and one that begins with a capital within a sentence, as names do, is left as it is.
    """
    others = other_spellings(spelling)
    for at, word in enumerate(words):
        if word.folded in others and word.folded not in stated.words and _is_meant(words, at):
            written = text[word.start : word.end]
            if not written.istitle() or begins_sentence(words, at):
                yield (word.start, word.end), in_case_of(others[word.folded], written)


@cache
def other_spellings(spelling: str) -> Mapping[str, str]:
    """Return the words that are spelt otherwise in "British" or "American", each as it is spelt there."""
    both = dict(_expanded(BOTH))
    both.update((f"{stem}is{end}", f"{stem}iz{end}") for stem in listed(ISE) for end in _ISE_ENDINGS)
    if spelling == "British":
        return {**{american: british for british, american in both.items()}, "tire": "tyre", "tires": "tyres"}
    return {**both, **dict(_expanded(BRITISH_ONLY))}


def _expanded(lines: str) -> Iterator[tuple[str, str]]:
    """Yield the British and the American form of each word in the lines; `spellings` says what they mean."""
    for line in lines.strip().splitlines():
        words, _, endings = line.partition(":")
        british, american = words.split()
        yield british, american
        for one in endings.split():
            if one.startswith("+"):
                yield f"{one[1:]}{british}", f"{one[1:]}{american}"
            else:
                yield f"{british}{one}", f"{american}{one}"


def _is_meant(words: Sequence[Word], at: int) -> bool:
    """Return whether the words beside a meter or a tire say that it is the unit or the one of a wheel."""
    word = words[at].folded
    before = words[at - 1].folded if at else ""
    after = words[at + 1].folded if at + 1 < len(words) else ""
    if before == "-":
        before = words[at - 2].folded if at > 1 else ""
    if word in ("meter", "meters"):
        return before in _BEFORE_METER or before.isdecimal()
    if word in ("tire", "tires"):
        return before in _BEFORE_TIRE or after in _AFTER_TIRE
    return True
