"""Group search results that are nearly the same product, such as one in several sizes, so that one stands for all.

Two are alike if they share half of the words of their titles and three quarters of the word pairs of their descriptions
(Jaccard similarities). So one placeholder description does not join different products, and two short descriptions are
alike only if they are equal but for case and punctuation. It is judged by the texts, so it is the same for every
embedder.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from shelftalk.catalogue.clean import comparables

TITLES = 0.5
DESCRIPTIONS = 0.75  # as near-duplicates of a catalogue
CHARACTERS = 2_000  # of a description that are compared


class _Words(NamedTuple):
    title: frozenset[bytes]
    pairs: frozenset[tuple[bytes, bytes]]


class Group(NamedTuple):
    """The position of the result that is shown, and how many later ones are like it."""

    shown: int
    alike: int


def group(texts: Iterable[tuple[str, str]], most: int) -> tuple[list[Group], bool]:
    """Return up to `most` groups of the results with these titles and descriptions, nearest first.

    Each result belongs to the first group whose shown result it is like. Also whether the last result belongs to one of
    the groups: then further results may, too.
    """
    shown: list[tuple[int, _Words]] = []
    alike: list[int] = []
    last = False
    for position, (title, description) in enumerate(texts):
        words = _words(title, description)
        place = next((place for place, (_, other) in enumerate(shown) if _are_alike(words, other)), None)
        last = place is not None
        if place is not None:
            alike[place] += 1
        elif len(shown) < most:
            shown.append((position, words))
            alike.append(0)
            last = True
    return [Group(position, more) for (position, _), more in zip(shown, alike, strict=True)], last


def _words(title: str, description: str) -> _Words:
    own, told = (text.split() for text in comparables([title, description[:CHARACTERS]]))
    return _Words(frozenset(own), frozenset(pairwise(told)) or frozenset((word, b"") for word in told))


def _are_alike(one: _Words, other: _Words) -> bool:
    return _similarity(one.pairs, other.pairs) >= DESCRIPTIONS and _similarity(one.title, other.title) >= TITLES


def _similarity(one: frozenset[object], other: frozenset[object]) -> float:
    return len(one & other) / (len(one | other) or 1) if one or other else 1.0
