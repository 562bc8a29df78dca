"""Tell whether descriptions are English, for rules and sentences that are."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

# Common in English and in no other language.
COMMON = frozenset(("the", "and", "of", "it", "for", "with", "this", "these", "to"))
SHARE = 0.08  # of the words; English texts have about 0.2
SAMPLE = 500  # texts


def look_english(texts: Iterable[str]) -> bool:
    """Return whether the first texts have as many common English words as English texts; false without words."""
    words = [word for text in islice(texts, SAMPLE) for word in text.lower().split()]
    return bool(words) and sum(word in COMMON for word in words) >= SHARE * len(words)
