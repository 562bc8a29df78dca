"""Tell whether descriptions are English, for rules and sentences that are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

# Common in English and hardly used in any other language.
COMMON = frozenset(
    (
        *("the", "and", "of", "it", "for", "with", "this", "these", "to", "from", "your", "you", "are", "its", "that"),
        *("each", "they", "which", "when", "without", "only", "yet", "until", "keeps", "holds"),
    )
)
SHARE = 0.05  # of the words; English prose has about 0.2, a terse list with a sentence in it about 0.1
SAMPLE = 500  # texts
WORD = re.compile(r"[^\W\d_]{2,}")


def look_english(texts: Iterable[str]) -> bool:
    """Return whether the first texts have as many common English words as English texts; false without words."""
    words = [word for text in islice(texts, SAMPLE) for word in WORD.findall(text.lower())]
    return bool(words) and sum(word in COMMON for word in words) >= SHARE * len(words)
