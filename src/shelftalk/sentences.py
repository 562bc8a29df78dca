"""Cut a text into sentences: each ends with a full stop, an exclamation mark or a question mark, and white space.

No sentence begins with a digit or a small letter, so that "Rs. 499" and "approx. 3 kg" stay whole.
"""

from __future__ import annotations

import re

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?![a-z\d\s])")


def split_sentences(text: str) -> list[tuple[int, str]]:
    """Return where each sentence of a text begins, and the sentence, without the white space after it."""
    ends = [(one.start(), one.end()) for one in SENTENCE_END.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), len(text)]
    return [(start, text[start:stop]) for start, stop in zip(starts, stops, strict=True) if stop > start]


def text_before(text: str, place: int) -> str:
    """Return the sentences before the one at a place, without white space at their end."""
    before = [start for start, _ in split_sentences(text) if start <= place]
    return text[: before[-1]].rstrip() if before else ""


def without_sentence(text: str, place: int) -> str:
    """Return a text without the sentence at a place, and without the white space around it."""
    before = text_before(text, place)
    after = next((text[start:] for start, _ in split_sentences(text) if start > place), "")
    return f"{before} {after}".strip()
