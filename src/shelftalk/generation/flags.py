"""Detect faults of a generated text that are visible without knowledge of the product."""

from __future__ import annotations

import re

from shelftalk.records import Description

WORD = re.compile(r"\w+")
MOST_REPETITION = 0.1  # human texts are below 0.08, and loops above 0.2: see docs/experiments.md


def repetition(text: str, length: int = 4) -> float:
    """Return the share of a text's word n-grams of `length` that are repeated: 0 for none, near 1 for a loop."""
    words = WORD.findall(text.lower())
    ngrams = [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def flag(description: Description) -> tuple[str, str]:
    """Return the flag of a text, and a short explanation; both are empty where there is no fault.

    Of several faults the first is returned: empty, without a letter or digit; repetitive, with over a tenth of its
    four-word sequences repeated; cut, at the maximum length before the model ended it.
    """
    if not WORD.search(description.text):
        return "empty", "no words"
    repeated = repetition(description.text)
    if repeated > MOST_REPETITION:
        return "repetitive", f"{repeated:.0%} of its four-word runs are repeated"
    if not description.stopped:
        return "cut", f"not ended within {description.tokens} tokens"
    return "", ""
