"""Find what a text says of attributes that are yes or no: "Dishwasher Safe: No", "Acompanha colchão: Sim".

A text says such an attribute by its name, with little between the words ("the mattress is included"), and denies it
with a "not" among them or just before. In a list of specifications the answer follows ("Dishwasher Safe: No").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shelftalk.records import Attributes

BEFORE = 25  # characters before the name in which a denial counts
BETWEEN = 6  # most words between two words of the name: a text of nothing else is still read in linear time


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a language: values, those that may stand between the words of a name, denials, and answers."""

    yes: tuple[str, ...]
    no: tuple[str, ...]
    between: str
    denial: re.Pattern[str]
    answer: re.Pattern[str]


def _answer(*words: str) -> re.Pattern[str]:
    return re.compile(rf"[\s:=-]*\b({'|'.join(words)})\b", re.IGNORECASE)


_ENGLISH = _Words(
    ("yes", "true"),
    ("no", "false"),
    rf"(?:\W+(?:is|are|be|not|also|fully)){{0,{BETWEEN}}}\W+",
    re.compile(r"\b(?:not|no|never|without|cannot)\b|n['’]t\b", re.IGNORECASE),
    _answer("yes", "true", "no", "false"),
)
_PORTUGUESE = _Words(
    ("sim", "verdadeiro", "yes", "true"),
    ("não", "nao", "falso", "no", "false"),
    rf"(?:\W+(?:é|são|está|não|também|de|à|ao|na|no|o|a|totalmente)){{0,{BETWEEN}}}\W+",
    re.compile(r"\b(?:não|nao|nunca|sem|nem)\b", re.IGNORECASE),
    _answer("sim", "verdadeiro", "não", "nao", "falso"),  # "no" is "in the"
)
_LANGUAGES = {"pt": _PORTUGUESE}


@dataclass(frozen=True, slots=True)
class Said:
    """Where a text names an attribute: `text[start:end]`, and whether it affirms it."""

    start: int
    end: int
    affirmed: bool


def _words_of(language: str) -> _Words:
    """Return the words of a language; those of English for one that is not known."""
    return _LANGUAGES.get(language, _ENGLISH)


def is_yes_no(value: str, language: str) -> bool:
    """Return whether an attribute's value is only a yes or a no."""
    spoken = _words_of(language)
    return value.strip().lower() in (*spoken.yes, *spoken.no)


def affirms(value: str, language: str) -> bool:
    """Return whether such a value is a yes."""
    return value.strip().lower() in _words_of(language).yes


def places_said(text: str, name: str, language: str) -> list[Said]:
    """Return where `text` names the attribute `name`, in order, by the words of its language, or of English."""
    spoken = _words_of(language)
    words = [re.escape(word) for word in name.split()]
    if not words:
        return []
    found = re.finditer(rf"\b{spoken.between.join(words)}\b", text, re.IGNORECASE)
    return [Said(one.start(), one.end(), _affirmed(text, one, spoken)) for one in found]


def denied(text: str, attributes: Attributes, language: str) -> list[tuple[int, int, str]]:
    """Return where a text denies an attribute that is yes, or affirms one that is no, with the attribute's name."""
    return [
        (said.start, said.end, name)
        for name, value in attributes
        if is_yes_no(value, language)
        for said in places_said(text, name, language)
        if said.affirmed != affirms(value, language)
    ]


def _affirmed(text: str, name: re.Match[str], spoken: _Words) -> bool:
    if answer := spoken.answer.match(text, name.end()):
        return answer[1].lower() in spoken.yes
    return not spoken.denial.search(_before(text, name.start()) + name.group())


def _before(text: str, start: int) -> str:
    """Return what stands before `start` in the same clause, at most `BEFORE` characters."""
    begun = text[max(0, start - BEFORE) : start]
    return re.split(r"[.!?;:,]", begun)[-1]
