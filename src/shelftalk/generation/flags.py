"""Say what is wrong with a generated text, as far as that can be seen without knowing the product."""

from __future__ import annotations

import re

from shelftalk.records import Description

WORD = re.compile(r"\w+")
MOST_REPETITION = 0.1  # people stay below 0.08, and what loops begins at 0.2: see docs/experiments.md


def repetition(text: str, length: int = 4) -> float:
    """Return the share of a text's word runs of `length` that occurred in it before: 0 for none, near 1 for a loop."""
    words = WORD.findall(text.lower())
    runs = [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def flag(description: Description) -> tuple[str, str]:
    """Return the flag of a text, and a few words on it; both are empty where nothing is wrong.

    Of several faults the first counts: empty, without a letter or digit; repetitive, with over a tenth of its four-word
    runs repeated; cut, at the longest length allowed instead of where the model would have ended it.
    """
    if not WORD.search(description.text):
        return "empty", "no words"
    repeated = repetition(description.text)
    if repeated > MOST_REPETITION:
        return "repetitive", f"{repeated:.0%} of its four-word runs are repeated"
    if not description.stopped:
        return "cut", f"not ended within {description.tokens} tokens"
    return "", ""
