"""What a word is, and how a text is cut into symbols, so that equal symbols mean equal characters.

A word is a run of letters, digits and underscores with the marks that belong to them, and with apostrophes and joiners
inside ("don't", "l’heure"); in scripts that set no spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer)
every character is one. Case counts. Whitespace of any kind and length counts as one space.

A text's symbols are its words and whatever stands between two words unless that is one space: "a" then "b" is "a b",
and commas, dashes or nothing at all ("你好") are symbols of their own. So a sequence of symbols from word to word is
found elsewhere exactly if its characters stand there, beginning and ending with whole words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from shelftalk.catalogue.clean import SPACELESS

# Accents apart from their letters, and vowels of Hebrew, Arabic and Indic scripts, which Python counts as no letters.
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
LETTER = rf"[^\W{SPACELESS}]"
WORD = re.compile(rf"[{SPACELESS}]|{LETTER}+(?:[{MARKS}]*['’\u200c\u200d]?{LETTER}+)*[{MARKS}]*")
CHUNK = re.compile(r"\S+")


class Symbol(NamedTuple):
    """A word, or what stands between two; `start` and `end` are where its characters but spaces stand in the text."""

    text: str
    start: int
    end: int
    is_word: bool


def cut(text: str) -> Iterator[Symbol]:
    """Cut a text into symbols, in its order; each chunk between whitespace is cut as if it stood alone."""
    for chunk in CHUNK.finditer(text):
        begin, end = chunk.span()
        done = begin
        for word in WORD.finditer(text, begin, end):
            start, stop = word.span()
            if start > done:
                yield Symbol(f"{' ' if done == begin else ''}{text[done:start]}", done, start, False)
            elif start > begin:
                yield Symbol("", start, start, False)
            yield Symbol(word[0], start, stop, True)
            done = stop
        if done < end:
            yield Symbol(f"{' ' if done == begin else ''}{text[done:end]} ", done, end, False)


def cut_chunk(chunk: str) -> list[str]:
    """Cut what stands between whitespace as `cut` does; most chunks are a plain word, and are cut ten times as fast."""
    word = chunk.rstrip(".,;:!?")
    if word.isascii() and word.isalnum():
        return [word, f"{chunk[len(word) :]} "] if len(word) < len(chunk) else [word]
    return [symbol.text for symbol in cut(chunk)]


def start_of(text: str, number: int) -> int:
    """Return where in a text its symbol of that number, from 0, begins."""
    for chunk in CHUNK.finditer(text):
        count = len(cut_chunk(chunk[0]))
        if number < count:
            return chunk.start() + list(cut(chunk[0]))[number].start
        number -= count
    raise IndexError(number)
