"""Read Portuguese numbers in digits ("1.200", "1,5") and words ("vinte e dois"), and the units after them."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from shelftalk.claims.measures import Quantity
from shelftalk.claims.portuguese.units import BARE_UNITS, NUMBERS, UNITS


def _any(low: int, high: int) -> str:
    words = (word for word, value in NUMBERS.items() if low <= value < high)
    return "|".join(sorted(words, key=len, reverse=True))


_BELOW_HUNDRED = rf"(?:(?:{_any(20, 100)})(?:[ ]e[ ](?:{_any(1, 10)})(?![^\W\d_]))?|{_any(0, 20)})"
_BELOW_THOUSAND = rf"(?:(?:{_any(100, 1000)})(?:[ ]e[ ]{_BELOW_HUNDRED}(?![^\W\d_]))?|{_BELOW_HUNDRED})"
WORD = rf"(?:mil|{_BELOW_THOUSAND}(?:[ ]mil)?)"
_DIGITS = r"[0-9]{1,3}(?:\.[0-9]{3}){1,4}(?![0-9])(?:,[0-9]{1,6})?|[0-9]{1,12}(?:[.,][0-9]{1,6})?"
_VULGAR = {"½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3)}
_SCALES = {"mil": 1000, "milhão": 1_000_000, "milhões": 1_000_000, "milhoes": 1_000_000}
_NUMBER = re.compile(
    rf"""(?:(?P<whole>[0-9]{{1,4}})[ ])?(?P<over>[1-9])/(?P<under>2|3|4|5|8|16|32)(?![0-9/]|,[0-9])
    |(?P<before>[0-9]{{0,6}})\ ?(?P<vulgar>[½¼¾⅓⅔])
    |(?P<digits>[-−]?(?:{_DIGITS}))(?![0-9])(?:\ (?P<scale>mil|milh(?:ão|ões|oes))(?![^\W\d_]))?
    |(?P<dozen>(?:(?P<dozens>meia|{WORD}|[0-9]{{1,3}})\ )d[úu]zias?)(?![^\W\d_])
    |(?P<half>mei[oa])(?![^\W\d_])
    |(?P<word>{WORD})(?![^\W\d_])""",
    re.VERBOSE | re.IGNORECASE,
)
_SPELLINGS = "|".join(re.escape(one) for one in sorted(UNITS, key=len, reverse=True))
_UNIT = re.compile(rf"[ \u00a0-]?(?P<unit>{_SPELLINGS})(?:(?<=[\"″”])|(?![^\W_]|[²³]))", re.IGNORECASE)
_AND_HALF = re.compile(r" e mei[oa](?![^\W\d_])", re.IGNORECASE)
SEPARATOR = re.compile(
    r"[ \u00a0]?(?P<kind>[-–—/]|\bao?\b|\be\b|\bou\b|\baté\b|,|[x×X]|\bpor\b)[ \u00a0]?(?=[-−0-9½¼¾a-zA-Z])"
)
_LISTING = ("-", "–", "—", "/", "a", "ao", "e", "ou", "até", ",")
_RANGING = ("-", "–", "a", "ao", "até", "ou")
# Letters that are units only in this case, so that "5 A" is amperes and "de 4 a 6" a range.
_CASED = {"a": "A", "v": "vV", "w": "wW", "h": "h", "t": "t", "s": "s", "g": "g", "m": "m"}


@lru_cache(maxsize=64)  # all readers match the same numbers
def match_number(text: str, at: int) -> re.Match[str] | None:
    """Match a number at `at`."""
    return _NUMBER.match(text, at)


def number_value(match: re.Match[str]) -> Fraction:
    """Return the value of a match of the number pattern."""
    if match["over"]:
        return Fraction(int(match["whole"] or 0)) + Fraction(int(match["over"]), int(match["under"]))
    if match["vulgar"]:
        return Fraction(int(match["before"] or 0)) + _VULGAR[match["vulgar"]]
    if match["digits"]:
        value = _digits_value(match["digits"])
        return value * _SCALES[match["scale"].lower()] if match["scale"] else value
    if match["dozen"]:
        return 12 * _words_value(match["dozens"].lower())
    return Fraction(1, 2) if match["half"] else _words_value(match["word"].lower())


def _digits_value(digits: str) -> Fraction:
    """Return the value of digits: a point before each three digits groups, any other point or comma is decimal."""
    plain = digits.replace("−", "-")
    grouped = re.fullmatch(r"-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?", plain)
    return Fraction((plain.replace(".", "") if grouped else plain).replace(",", "."))


def _words_value(words: str) -> Fraction:
    if words == "meia":
        return Fraction(1, 2)
    if words.isdigit():
        return Fraction(int(words))
    total = 0
    for word in words.split():
        if word == "mil":
            total = max(total, 1) * 1000
        elif word != "e":
            total += NUMBERS[word]
    return Fraction(total)


@lru_cache(maxsize=64)
def read_quantity(text: str, at: int) -> Quantity | None:
    """Read a number at `at`, and its unit where there is one; "um litro e meio" is 1.5 litres."""
    match = match_number(text, at)
    if match is None:
        return None
    value, end = number_value(match), match.end()
    word = match["digits"] is None and match["vulgar"] is None and match["over"] is None
    unit = _UNIT.match(text, end)
    if unit is None or not _fits(text, unit, word):
        return Quantity(value, end, word, None, end)
    if half := _AND_HALF.match(text, unit.end()):
        return Quantity(value + Fraction(1, 2), end, word, unit["unit"].lower(), half.end())
    return Quantity(value, end, word, unit["unit"].lower(), unit.end())


def _fits(text: str, unit: re.Match[str], word: bool) -> bool:
    spelling = unit["unit"]
    lower = spelling.lower()
    if word:
        return lower not in BARE_UNITS and unit.group()[0] != "-"  # meio-dia
    if lower in _CASED and spelling not in _CASED[lower]:
        return False
    if spelling in ('"', "”", "″"):
        return text[unit.start()] == spelling
    return spelling != "A" or not text[unit.end() : unit.end() + 2].strip().islower()


@lru_cache(maxsize=8)
def read_series(text: str, at: int) -> list[Quantity]:
    """Read numbers that share the last one's unit (de 6 a 25 cm, 110/220 V, 15, 20 e 25 g), or a range without unit."""
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
    if len(numbers) < 2 or (numbers[-1].unit and ("," not in steps or steps[-1] in ("e", "ou"))):
        return numbers
    return numbers[: 2 if steps[1] in _RANGING and not numbers[1].unit else 1]
