"""Errors and notices in the language of a page.

They are made in English, and are English on the command line, in logs and in files. A page translates what it shows:
the table of its language has each message under its English form, in which the values are {1}, {2} and so on.

A message is read in the way in which most of its characters are words of the table; what is not in the table stays
as it is. The time grows with the length of a message times the number of forms: texts are only searched for pieces of
forms, from the left or from the right, and the number of readings is limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

from shelftalk.presets import parse_toml

HOLE = re.compile(r"\{(\d+)(?::(said|number))?\}")
TABLES = ("messages", "parts", "words", "system")  # and reasons, from which forms are made
LISTS = {"; ": "; ", " and ": " e ", ", ": ", "}  # what stands between several values, and the same in Portuguese
SENTENCES = re.compile(r"(?<=[.?]) ")
NUMBER = re.compile(r"\d{1,3}(,\d{3})*(\.\d+)?")
LONGEST = 20_000  # characters of a message; a longer one stays in English
MOST_DEPTH = 8  # of messages in messages
MOST_FORMS = 6  # that are tried of those that fit, the longest first
MOST_SENTENCES = 200
JOINED = 4  # sentences that one form may have
MOST_READINGS = 1000
FEW = 8  # characters of a form such as "{1} is {2}."
BEGINNING = 4  # characters of a form by which it is found


class Form(NamedTuple):
    """A message in two languages: its English pieces between the values, and the other language's text."""

    pieces: tuple[str, ...]
    known: int
    target: str


class Reading(NamedTuple):
    """A translation, and how many characters of the message are words of the table."""

    text: str
    known: int


def has_messages(language: str) -> bool:
    """Return whether messages are translated into this language; those in English are as they are made."""
    return bool(_file(language).is_file())


@lru_cache(maxsize=512)
def translated(message: str, language: str) -> str:
    """Return a message in a language; what of it is not known stays in English."""
    if not has_messages(language) or len(message) > LONGEST:
        return message
    return _Reader(language).sentences(message, 0, parts=False).text


@lru_cache(maxsize=512)
def translated_part(part: str, language: str) -> str:
    """Return a part of a message, such as the reason why a row is left out, in a language; one word is data."""
    if not has_messages(language) or len(part) > LONGEST or " " not in part.strip():
        return part
    return _Reader(language).said(part, 0).text


@cache
def read_table(language: str) -> dict[str, dict[str, str]]:
    """Return the table of a language: the other language's text by English form, for each of `TABLES`."""
    file = _file(language)
    found = parse_toml(file.read_text(encoding="utf-8"), file.name)
    for reason, said in found.pop("reasons").items():
        found["words"] |= {reason: said, reason.replace("_", " "): said, f"{{1}} {reason}": f"{{1}} × {said}"}
    found["system"] |= {said.lower(): other for said, other in found["system"].items()}
    return found


class _Forms:
    """Forms by how they begin, so that few of them are compared with a text."""

    def __init__(self, entries: dict[str, str]) -> None:
        self._beginning: dict[str, list[Form]] = {}
        for english, target in entries.items():
            pieces = tuple(HOLE.sub("\0", english).split("\0"))
            form = Form(pieces, sum(map(len, pieces)), target)
            self._beginning.setdefault(pieces[0][:BEGINNING], []).append(form)

    def like(self, text: str) -> list[Form]:
        """Return the forms that begin and end as a text does and hold no other piece, those with most words first."""
        beginnings = {text[:length] for length in range(BEGINNING + 1)}
        found = [
            form
            for beginning in beginnings
            for form in self._beginning.get(beginning, [])
            if text.endswith(form.pieces[-1]) and text.startswith(form.pieces[0])
        ]
        found = [form for form in found if all(piece in text for piece in form.pieces[1:-1])]
        return sorted(found, key=lambda one: -one.known)


@cache
def _forms(language: str, parts: bool) -> _Forms:
    """Return the forms of whole messages; with `parts` those of all tables."""
    table = read_table(language)
    return _Forms({key: target for name in (TABLES if parts else TABLES[:1]) for key, target in table[name].items()})


def _file(language: str) -> Any:  # a Traversable, whose module differs between versions of Python
    return files("shelftalk.translations") / f"messages.{language}.toml"


class _Reader:
    """Reads one message; counts its readings, so that a text made to have many of them takes no longer."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._readings = 0
        self._known: dict[tuple[str, int, bool], Reading | None] = {}

    def sentences(self, text: str, depth: int, parts: bool) -> Reading:
        """Return a text as one form or as several in a row."""
        whole = self._whole(text, depth, parts) or Reading(text, 0)
        starts = [0, *(one.end() for one in SENTENCES.finditer(text)), len(text) + 1]
        if not 2 < len(starts) < MOST_SENTENCES:
            return whole
        alone = [self._whole(text[begin : end - 1], depth, parts) for begin, end in pairwise(starts)]
        best = [Reading("", 0)]  # of the text up to each start
        for end in range(1, len(starts)):
            readings = []
            for begin in range(max(0, end - JOINED), end):
                if begin < end - 1 and all(alone[begin:end]):  # sentences that are all known are not joined
                    continue
                piece = text[starts[begin] : starts[end] - 1]
                read = self._whole(piece, depth, parts) or Reading(piece, 0)
                before = best[begin]
                joined = f"{before.text} {read.text}" if begin else read.text
                readings.append(Reading(joined, before.known + read.known))
            best.append(max(readings, key=_words))
        return max(whole, best[-1], key=_words)

    def said(self, text: str, depth: int) -> Reading:
        """Return a value of a message: a part, sentences, or several parts with separators between them."""
        body = text.strip()
        if not body or depth > MOST_DEPTH:
            return Reading(text, 0)
        best = self.sentences(body, depth, True)
        for separator, other in LISTS.items():
            parts = body.split(separator)
            if 1 < len(parts) < MOST_SENTENCES:
                read = [self._whole(one, depth, True) for one in parts]
                if not all(read):  # then a part of one word may be data that happens to be a word of the table
                    read = [one if " " in part else None for one, part in zip(read, parts, strict=True)]
                pieces = [one or Reading(part, 0) for one, part in zip(read, parts, strict=True)]
                joined = other.join(one.text for one in pieces)
                best = max(best, Reading(joined, sum(one.known for one in pieces)), key=_words)
        before, _, after = text.partition(body)
        return Reading(f"{before}{best.text}{after}", best.known)

    def _whole(self, text: str, depth: int, parts: bool) -> Reading | None:
        """Return the best reading of a text as one form; None if none fits."""
        key = (text, depth, parts)
        if key not in self._known:
            filled = [
                self._filled(form, values, depth)
                for form in _forms(self._language, parts).like(text)[:MOST_FORMS]
                for values in _splits(form.pieces, text)
                if self._readings < MOST_READINGS
            ]
            self._known[key] = max(filter(None, filled), key=_words, default=None)
        return self._known[key]

    def _filled(self, form: Form, values: list[str], depth: int) -> Reading | None:
        """Return a form with its values; None where it has few words of its own, and its values say nothing known."""
        self._readings += 1
        known, pieces, at = form.known, [], 0
        for hole in HOLE.finditer(form.target):
            value = values[int(hole[1]) - 1]
            if hole[2] == "said":
                read = self.said(value, depth + 1)
                if form.known < FEW and not read.known:
                    return None
                value, known = read.text, known + read.known
            elif hole[2] == "number" and NUMBER.fullmatch(value):
                value = value.translate(str.maketrans(",.", ".,"))
            pieces += [form.target[at : hole.start()], value]
            at = hole.end()
        return Reading("".join([*pieces, form.target[at:]]), known)


def _words(reading: Reading) -> int:
    return reading.known


def _splits(pieces: tuple[str, ...], text: str) -> Iterator[list[str]]:
    """Yield the values between the pieces of a form, found from the left, and found from the right if they differ."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        if text == first:
            yield []
        return
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return
    inner = text[len(first) : len(text) - len(last)]
    left = _from_left(pieces[1:-1], inner)
    if left is None:
        return
    yield left
    right = _from_right(pieces[1:-1], inner)
    if right != left:
        yield right


def _from_left(pieces: tuple[str, ...], text: str) -> list[str] | None:
    values, start = [], 0
    for piece in pieces:
        at = text.find(piece, start)
        if at < 0:
            return None
        values.append(text[start:at])
        start = at + len(piece)
    return [*values, text[start:]]


def _from_right(pieces: tuple[str, ...], text: str) -> list[str]:
    """Return the values with each piece as far right as it can stand; the pieces are known to be there."""
    values, end = [], len(text)
    for piece in reversed(pieces):
        at = text.rfind(piece, 0, end)
        values.append(text[at + len(piece) : end])
        end = at
    return [text[:end], *reversed(values)]
