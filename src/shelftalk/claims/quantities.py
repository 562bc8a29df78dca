"""Read numbers in digits and words, and the units after them."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from shelftalk.claims.measures import Quantity
from shelftalk.claims.units import BARE_UNITS, NUMBERS, UNITS

_SMALL = "|".join(word for word, value in NUMBERS.items() if value < 20)
_TENS = "|".join(word for word, value in NUMBERS.items() if value >= 20)
_DIGIT_WORDS = "|".join(word for word, value in NUMBERS.items() if 0 < value < 10)
WORD = rf"(?:(?:{_TENS})(?:[- ](?:{_DIGIT_WORDS}))?|{_SMALL})"
_DIGITS = r"[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9])(?:\.[0-9]{1,6})?|[0-9]{1,12}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}"
_VULGAR = {"½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3)}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
NUMBER = re.compile(
    rf"""(?:(?P<whole>[0-9]{{1,6}})[ -])?(?P<over>[0-9]{{1,3}})/(?P<under>[1-9][0-9]{{0,2}})(?![0-9/]|,[0-9])
    |(?P<before>[0-9]{{0,6}})\ ?(?P<vulgar>[½¼¾⅓⅔])
    |(?P<digits>[-−]?(?:{_DIGITS}))(?![0-9])(?:\ (?P<scale>thousand|million|billion)(?![a-z]))?
    |(?P<word>(?:half\ )?a\ dozen|{WORD}\ dozen
        |{WORD}[ -](?:hundred|thousand|million|billion)(?:\ and\ {WORD})?
        |{WORD}(?:\ and\ a\ half)?)(?![a-z])""",
    re.VERBOSE | re.IGNORECASE,
)
SPELLINGS = "|".join(re.escape(one) for one in sorted(UNITS, key=len, reverse=True))
_UNIT = re.compile(rf"""[\s-]?(?P<unit>{SPELLINGS})(?:(?<=["″”])|(?![A-Za-z0-9²³]))(?!'[a-z])""", re.IGNORECASE)
FRACTION = re.compile(
    rf"(?P<part>half|(?:a|one|three)[ ]quarters?[ ]of)[ -](?:an?[ ])?(?P<unit>{SPELLINGS})(?![A-Za-z])", re.IGNORECASE
)
_INCH = re.compile(
    r"\.?\s?(?:$|[.,;:)(/x×*-]|(?:tall|long|wide|deep|high|thick|diameter|each|across|by|square|and|screen|blade)\b)",
    re.I,
)
SEPARATOR = re.compile(
    r"[ \u00a0]?(?P<kind>[-–—/]|\bto\b|\band\b|\bor\b|,|[x×X]|-?\bby\b-?|&)[ \u00a0]?(?=[0-9.½¼¾a-zA-Z])"
)
_LISTING = ("-", "–", "—", "/", "to", "and", "or", ",", "&")
_RANGING = ("-", "–", "to")


def number_value(match: re.Match[str]) -> Fraction:
    """Return the value of a match of the number pattern."""
    if match["over"]:
        return Fraction(int(match["whole"] or 0)) + Fraction(int(match["over"]), int(match["under"]))
    if match["vulgar"]:
        return Fraction(int(match["before"] or 0)) + _VULGAR[match["vulgar"]]
    if match["digits"]:
        value = Fraction(match["digits"].replace(",", "").replace("−", "-"))
        return value * _SCALES[match["scale"].lower()] if match["scale"] else value
    return _spelled_value(match["word"].lower())


def _spelled_value(words: str) -> Fraction:
    total = Fraction(0)
    for word in re.split("[ -]", words.replace(" and a half", " half")):
        if word in _SCALES:
            total = max(total, Fraction(1)) * _SCALES[word]
            total = total / 2 if words.startswith("half") else total
        elif word == "half" and not words.startswith("half"):
            total += Fraction(1, 2)
        else:
            total += NUMBERS.get(word, 0)
    return total


@lru_cache(maxsize=64)  # all readers match the same numbers
def match_number(text: str, at: int) -> re.Match[str] | None:
    """Match a number at `at`."""
    return NUMBER.match(text, at)


@lru_cache(maxsize=64)
def read_quantity(text: str, at: int) -> Quantity | None:
    """Read a number at `at`, and its unit where there is one."""
    match = match_number(text, at)
    if match is None:
        return None
    word, end = match["word"] is not None, match.end()
    unit = _UNIT.match(text, end)
    if unit is None or not _fits(text, unit, match):
        return Quantity(number_value(match), end, word, None, end)
    return Quantity(number_value(match), end, word, unit["unit"].lower(), unit.end())


def _fits(text: str, unit: re.Match[str], number: re.Match[str]) -> bool:
    spelling = unit["unit"]
    if number["word"] is not None and spelling.lower() in BARE_UNITS:
        return spelling == "seconds" or (spelling in ("min", "sec") and unit.group()[0] == "-")
    if spelling in ('"', "”", "″"):
        opened = text.rfind("“" if spelling == "”" else '"', max(0, unit.start() - 200), unit.start())
        return unit.start() == number.end() and (opened < 0 or _closed(text, opened, unit.start()))
    if spelling.lower() == "in":
        return spelling == "in" and _INCH.match(text, unit.end()) is not None
    if len(spelling) == 1 and spelling in "aAcCfFtThHvVwW":
        return spelling in "ACFVWhvw" and not (
            spelling == "A" and re.match(r" [a-z]", text[unit.end() : unit.end() + 2])
        )
    if spelling.lower() == "second":
        return unit.group()[0] == "-"
    return spelling not in ("G", "M")


def _closed(text: str, opened: int, at: int) -> bool:
    """Return whether the quotation marks before `at` are balanced; marks after a digit are inches and do not count."""
    marks = [index for index in range(max(0, opened - 200), at) if text[index] in '"“”']
    return sum(not (index and text[index - 1].isdigit()) for index in marks) % 2 == 0


@lru_cache(maxsize=8)
def read_series(text: str, at: int) -> list[Quantity]:
    """Read numbers that share the last one's unit (6 to 25 cm, 220-240 V, 15, 20 and 25 g), or a range without unit."""
    numbers: list[Quantity] = []
    steps = [""]
    while len(numbers) < 6 and (one := read_quantity(text, at)):
        numbers.append(one)
        step = None if one.unit else SEPARATOR.match(text, one.end)
        if step is None or step["kind"].lower() not in _LISTING:
            break
        steps.append(step["kind"].lower())
        at = step.end()
    steps = steps[: len(numbers)]
    if len(numbers) < 2 or (numbers[-1].unit and ("," not in steps or steps[-1] in ("and", "or", "&"))):
        return numbers
    return numbers[: 2 if steps[1] in _RANGING and not numbers[1].unit else 1]
