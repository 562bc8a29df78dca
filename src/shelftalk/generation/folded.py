"""Fold a text for display: a model that repeats itself fills a page with equal lines."""

from __future__ import annotations

from typing import NamedTuple

from shelftalk.sentences import SENTENCE_END

FEWEST = 3  # empty lines and repetitions that are worth folding


class Folded(NamedTuple):
    """What is shown of a text, and the numbers of empty lines and of repeated lines and sentences that are not."""

    text: str
    empty: int
    repeated: int


def fold(text: str) -> Folded:
    """Return a text without empty lines and without lines and sentences that stand in it before.

    A text with fewer than three of them is returned unchanged.
    """
    seen: set[str] = set()
    lines, empty, repeated = [], 0, 0
    for line in text.splitlines():
        if not line.strip():
            empty += 1
            continue
        sentences = SENTENCE_END.split(line.strip())
        new = [one for one in sentences if one not in seen]
        seen.update(sentences)
        repeated += len(sentences) - len(dict.fromkeys(new))
        if new:
            lines.append(" ".join(dict.fromkeys(new)))
    if empty + repeated < FEWEST:
        return Folded(text, 0, 0)
    return Folded("\n".join(lines), empty, repeated)
