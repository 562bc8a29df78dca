"""Texts as the source makes them, with holes for values, and the forms that the tables of messages have of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

COMMANDS = ("shelftalk ", "pip install ", "https:")  # what begins so stays as it is
SENTENCE = re.compile(r"[A-Za-z]+[,;:]? [A-Za-z(<]{2,}")
WORD = re.compile(r"(^| )[A-Za-z]{2,}( |:|$)")  # beside a value


@dataclass(frozen=True)
class Hole:
    """A value in a message: `texts` are what it can say, as far as that is known; `is_number` that it has commas."""

    source: str
    texts: frozenset[Text]
    is_number: bool


class Text(NamedTuple):
    """A message that can be said: its literal pieces and its holes in order."""

    pieces: tuple[str | Hole, ...]


def merged(pieces: tuple[str | Hole, ...]) -> tuple[str | Hole, ...]:
    """Return pieces with literal ones that follow each other as one."""
    found: list[str | Hole] = []
    for one in pieces:
        if isinstance(one, str) and found and isinstance(found[-1], str):
            found[-1] += one
        elif one != "":
            found.append(one)
    return tuple(found)


def spelled(text: Text) -> list[Text]:
    """Return a text with the texts of those holes filled in whose beginning cannot be seen in it.

    These are a hole that is the whole text, one behind another hole with nothing or a space between, and those in a
    text without words of its own.
    """
    pieces = text.pieces
    wordless = not any(isinstance(one, str) and re.search("[A-Za-z]", one) for one in pieces)
    for at, one in enumerate(pieces):
        behind = wordless or isinstance(pieces[at - 1], Hole) or (pieces[at - 1] == " " and at > 1)
        if isinstance(one, Hole) and one.texts and (len(pieces) == 1 or (at and behind and is_said(one))):
            parts = [part for part in one.texts if len(pieces) == 1 or part.pieces in ((), ("",)) or is_sentence(part)]
            filled = [Text(merged((*pieces[:at], *part.pieces, *pieces[at + 1 :]))) for part in parts]
            return [found for part in filled for found in spelled(part)]
    return [text]


def is_sentence(text: Text) -> bool:
    """Return whether a text has several words, or a hole with such a text."""
    if text.pieces and str(text.pieces[0]).startswith(COMMANDS):
        return False
    if any(isinstance(one, str) and SENTENCE.search(one) for one in text.pieces):
        return True
    if len(text.pieces) > 1 and any(isinstance(one, str) and WORD.search(one) for one in text.pieces):
        return True
    return any(isinstance(one, Hole) and is_said(one) for one in text.pieces)


def is_said(hole: Hole) -> bool:
    """Return whether a value is, or may be, words to be translated."""
    return any(is_sentence(one) for text in hole.texts for one in spelled(text))


def template(text: Text) -> str:
    """Return a text as a key of the table of messages: its holes are {1}, {2} and so on."""
    numbers = iter(range(1, len(text.pieces) + 1))
    return "".join(one if isinstance(one, str) else f"{{{next(numbers)}}}" for one in text.pieces).strip()


def kinds(text: Text) -> list[str]:
    """Return of each hole of a text whether its value is "said", a "number" with commas, or anything else, ""."""
    holes = [one for one in text.pieces if isinstance(one, Hole)]
    return ["said" if is_said(one) else "number" if one.is_number else "" for one in holes]
