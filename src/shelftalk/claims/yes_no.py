"""Find what a text says of attributes that are yes or no: "Dishwasher Safe: No", "Mattress Included: Yes".

A text says such an attribute by its name, with little between the words ("the mattress is included"), and denies it
with a "not" among them or just before. In a list of specifications the answer follows ("Dishwasher Safe: No").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

YES, NO = ("yes", "true"), ("no", "false")
BETWEEN = r"(?:\W+(?:is|are|be|not|also|fully))*\W+"
DENIAL = re.compile(r"\b(?:not|no|never|without|cannot)\b|n['’]t\b", re.IGNORECASE)
ANSWER = re.compile(rf"[\s:=-]*\b({'|'.join((*YES, *NO))})\b", re.IGNORECASE)
BEFORE = 25  # characters before the name in which a denial counts


@dataclass(frozen=True, slots=True)
class Said:
    """Where a text names an attribute: `text[start:end]`, and whether it affirms it."""

    start: int
    end: int
    affirmed: bool


def is_yes_no(value: str) -> bool:
    """Return whether an attribute's value is only a yes or a no."""
    return value.strip().lower() in (*YES, *NO)


def affirms(value: str) -> bool:
    """Return whether such a value is a yes."""
    return value.strip().lower() in YES


def places_said(text: str, name: str) -> list[Said]:
    """Return where `text` names the attribute `name`, in order."""
    words = [re.escape(word) for word in name.split()]
    if not words:
        return []
    found = re.finditer(rf"\b{BETWEEN.join(words)}\b", text, re.IGNORECASE)
    return [Said(one.start(), one.end(), _affirmed(text, one)) for one in found]


def _affirmed(text: str, name: re.Match[str]) -> bool:
    if answer := ANSWER.match(text, name.end()):
        return affirms(answer[1])
    return not DENIAL.search(_before(text, name.start()) + name.group())


def _before(text: str, start: int) -> str:
    """Return what stands before `start` in the same clause, at most `BEFORE` characters."""
    begun = text[max(0, start - BEFORE) : start]
    return re.split(r"[.!?;:,]", begun)[-1]
