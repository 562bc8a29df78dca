"""Split texts into words and other symbols, so that equal symbols mean equal characters.

A word is a sequence of letters, digits and underscores with their combining marks, and with apostrophes and joiners
inside ("don't", "l’heure"); in scripts without spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer)
every character is a word. Case matters. Whitespace of any kind and length equals one space.

A text's symbols are its words, and the characters between two words unless they are one space: "a" then "b" is "a b",
and commas, dashes or an empty string ("你好") are separate symbols. So a text contains a sequence of symbols from word
to word exactly if it contains the same characters, beginning and ending with whole words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from shelftalk.catalogue.clean import SPACELESS

# Combining accents, and vowel signs of Hebrew, Arabic and Indic scripts, which Python does not count as letters.
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
LETTER = rf"[^\W{SPACELESS}]"
WORD = re.compile(rf"[{SPACELESS}]|{LETTER}+(?:[{MARKS}]*['’\u200c\u200d]?{LETTER}+)*[{MARKS}]*")
CHUNK = re.compile(r"\S+")


class Symbol(NamedTuple):
    """A word, or the characters between two; `start` and `end` are its offsets in the text, without outer spaces."""

    text: str
    start: int
    end: int
    is_word: bool


def cut(text: str) -> Iterator[Symbol]:
    """Yield the symbols of a text in order; each chunk between whitespace is split independently."""
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
    """Split a chunk between whitespace as `cut` does; most chunks are a plain word, and take a tenth of the time."""
    word = chunk.rstrip(".,;:!?")
    if word.isascii() and word.isalnum():
        return [word, f"{chunk[len(word) :]} "] if len(word) < len(chunk) else [word]
    return [symbol.text for symbol in cut(chunk)]


def start_of(text: str, number: int) -> int:
    """Return the character offset of the symbol with index `number`, from 0."""
    for chunk in CHUNK.finditer(text):
        count = len(cut_chunk(chunk[0]))
        if number < count:
            return chunk.start() + list(cut(chunk[0]))[number].start
        number -= count
    raise IndexError(number)
