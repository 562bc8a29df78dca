"""Find claims that begin with a number: measures, dimensions, ages, percentages, prices, counts and years.

Every pattern is matched at one position and bounded in length, so that the time is linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from shelftalk.claims.found import Found, Key
from shelftalk.claims.gazetteer import FUNCTION_WORDS
from shelftalk.claims.measures import Quantity, joined_measures, measure_key
from shelftalk.claims.quantities import (
    FRACTION,
    SEPARATOR,
    WORD,
    match_number,
    number_value,
    read_quantity,
    read_series,
)
from shelftalk.claims.units import BARE_UNITS, UNITS
from shelftalk.claims.words import COLOURS, MATERIALS, listed

_START = re.compile(
    r"(?<![A-Za-zÀ-ɏ0-9_#])(?<![0-9][.,/:])(?<![A-Za-z0-9]-)"
    rf"(?:[-−]?\.?[0-9]|[½¼¾⅓⅔]|(?:half|an? (?:dozen|quarter)|{WORD})(?![a-z]))",
    re.IGNORECASE,
)
_SIDE = re.compile(r"\s?[WDHLwdhl](?![A-Za-z])")
_PERCENT = re.compile(r"\s?(?:%|percent\b|per\s?cent\b)", re.IGNORECASE)
_CURRENCY = re.compile(r"\s?(?P<unit>euros?|dollars?|usd|eur|gbp|€|pence|cents)(?![a-z])", re.IGNORECASE)
_PENCE = re.compile(r"(?P<unit>p)(?![A-Za-z0-9])")
_CURRENCIES = {"p": "pence", "€": "euro", "eur": "euro", "$": "dollar", "usd": "dollar", "gbp": "£", "cent": "cent"}
_AGE_BEFORE = re.compile(
    r"(?:\b(?P<word>ages?|aged|age of)\s?:?\s?(?:from |between )?"
    r"|\b(?:child|children|kids|toddlers|players|readers|boys|girls|babies|infants|flyers|anyone)"
    r"(?: of| from| over| under)? )$",
    re.IGNORECASE,
)
_AGE_UNIT = re.compile(r"[\s-]?(?P<unit>years?|yrs?|months?|mos?|weeks?)\b", re.IGNORECASE)
_AGE_AFTER = re.compile(
    r"(?:[\s-]olds?\b|\s?(?:of age|and up|and over|and above|and older|or older|and upwards|& up|plus)\b|\s?\+)", re.I
)
_FROM = re.compile(r"\bfrom (?:about )?$", re.IGNORECASE)
_SERIES_BEFORE = re.compile(
    r"\b(?P<what>book|volume|vol\.?|part|no\.|number|episode|season|series|chapter|issue|size|page|grade|level) ?$",
    re.I,
)
_PACK_BEFORE = re.compile(
    r"\b(?P<what>sets?|packs?|box(?:es)?|cases?|tins?|bundles?|bags?|lots?|pairs?|cartons?|rolls?|pieces?|series"
    r"|family|team) of (?:about )?$",
    re.I,
)
_NEXT_WORD = re.compile(r"[ -](?P<word>[A-Za-z]+(?:['’][a-z]+)?)")
_OUT_OF = re.compile(r" out of (?P<total>[0-9]{1,4}|[a-z]+)\b")
_PACK_AFTER = re.compile(r"[ -]?(?:packs?|pieces?|pcs?|pp|count|sets?|ply|x)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[0-9]{3}|20[0-9]{2})(?![0-9.,]?[0-9]|s)")
_NOTHING = re.compile(r"24/7|20/20|50/50|9/11")
_CLOCK = re.compile(r"(?:-[0-9]{2,6}){2}|:[0-9]{2}| ?[ap]m\b| o'clock")
_AGE_STEP = re.compile(r" ?(?:-|–|to|and) ?")
_PHRASE_END = re.compile(r"\s?(?:$|[.,;:)!?]|or\b|and\b)")
_COMPOUND = re.compile(r"(?:,? and | )")
_OF_DIGITS = re.compile(r" (?:of )?[0-9]")
_HYPHENED = re.compile(r"-(?P<word>[A-Za-z]{2,})(?![A-Za-z-])")
_MORE = re.compile(r"\+(?= )")
_SIGN = re.compile(r"[$£€¥]\s?$")
_RATED = re.compile(r" (?:stars|cups|servings|points|teaspoons|tablespoons)\b")
_LONG_DIGITS = re.compile(r"(?:0[0-9]{2,}|[0-9]{8,})(?![0-9.,]*[0-9])")
_PLURALS = listed("people, children, men, women, teeth, mice, feet, geese, dice, pence, pcs, pc")
_NO_PLURALS = listed(
    "is, was, has, this, its, as, us, yes, plus, less, his, hers, always, perhaps, thus, does, across, various, ones"
)
_IDIOM_AFTER = re.compile(r"-(?:odd|ish|something|fold)\b| odd\b|/7\b|/20\b")


def find_numbers(text: str) -> Iterator[Found]:
    """Yield claims that begin with a number, in the order of positions; skip numbers that claim nothing."""
    at = 0
    while start := _START.search(text, at):
        position = start.start()
        found = next((one for reader in _READERS if (one := reader(text, position))), None)
        if found is not None and found.kind:
            yield found
        at = max(found.end if found else 0, _end_of_number(text, position))


def _end_of_number(text: str, at: int) -> int:
    match = match_number(text, at)
    return match.end() if match else at + 1


def _before(text: str, at: int, pattern: re.Pattern[str]) -> re.Match[str] | None:
    return pattern.search(text[max(0, at - 28) : at])


def read_idiom(text: str, at: int) -> Found | None:
    """Skip numbers that claim nothing: twenty-odd, 24/7, number one, page one, telephone numbers, clock times."""
    match = match_number(text, at)
    end = match.end() if match else at
    before = _before(text, at, _SERIES_BEFORE)
    ranked = before is not None and before["what"].lower() in ("page", "number", "no.") and number_is(match, 1)
    if ranked or _NOTHING.match(text, at):
        return Found(at, max(end, at + 4), "", frozenset())
    if match and (_IDIOM_AFTER.match(text, end) or _CLOCK.match(text, end)):
        return Found(at, end + 3, "", frozenset())
    return None


def number_is(match: re.Match[str] | None, value: int) -> bool:
    """Return whether a match of the number pattern has the value `value`."""
    return match is not None and number_value(match) == value


def read_fraction(text: str, at: int) -> Found | None:
    """Read a fraction of a unit: half an hour, a quarter of a kilo."""
    match = FRACTION.match(text, at)
    if match is None or match["unit"].lower() in BARE_UNITS - {"second"}:
        return None
    part = match["part"].lower()
    share = Fraction(1, 2) if part == "half" else Fraction(3 if part.startswith("three") else 1, 4)
    return Found(at, match.end(), "measure", frozenset([measure_key(share, match["unit"].lower(), UNITS)]))


def read_price(text: str, at: int) -> Found | None:
    """Read a price, with the currency before or after the number."""
    match = match_number(text, at)
    if match is None:
        return None
    if sign := _SIGN.search(text[max(0, at - 2) : at]):
        key = price_key(sign.group()[0], number_value(match))
        return Found(at - len(sign.group()), match.end(), "price", frozenset([key]))
    after = _CURRENCY.match(text, match.end()) or (
        _PENCE.match(text, match.end()) if number_value(match) < 100 else None
    )
    if after is not None:
        key = price_key(after["unit"].lower().rstrip("s"), number_value(match))
        return Found(at, after.end(), "price", frozenset([key]))
    return None


def price_key(currency: str, value: Fraction) -> Key:
    """Return a price's key: a currency's sign, code and name are equivalent."""
    return ("price", _CURRENCIES.get(currency, currency), str(value))


def read_percentage(text: str, at: int) -> Found | None:
    """Read a percentage, or a series of them."""
    numbers = read_series(text, at)
    if not numbers:
        return None
    for last in range(len(numbers), 0, -1):
        if sign := _PERCENT.match(text, numbers[last - 1].end):
            return Found(
                at, sign.end(), "percentage", frozenset(("percentage", str(one.value)) for one in numbers[:last])
            )
    return None


def read_dimensions(text: str, at: int) -> Found | None:
    """Read dimensions (40 x 30 cm) or a number of equal quantities (2 x 10 kg)."""
    sides: list[Quantity] = []
    start = end = at
    while len(sides) < 4 and (one := read_quantity(text, at)):
        sides.append(one)
        letter = _SIDE.match(text, one.unit_end)
        end = letter.end() if letter and one.unit else one.unit_end
        step = SEPARATOR.match(text, end)
        if step is None or not (step["kind"] in "x×X" or "by" in step["kind"]):
            break
        at = step.end()
    return joined_measures(sides, start, end, UNITS) if len(sides) > 1 else None


def read_age(text: str, at: int) -> Found | None:
    """Read an age or a range of ages; a number counts only with age words: ages 3 to 6, 8-year-olds, 3 and up."""
    numbers = _age_numbers(text, at)
    if not numbers:
        return None
    before = _before(text, at, _AGE_BEFORE)
    unit = _AGE_UNIT.match(text, numbers[-1].end)
    end = unit.end() if unit else numbers[-1].end
    after = _AGE_AFTER.match(text, end)
    months = [int(one.value * _months(one.unit or (unit["unit"] if unit else "y"))) for one in numbers]
    bare_range = before is not None and max(months) <= 216 and _is_bare_range(text, numbers)
    if not bare_range and not _states_age(text, at, months, before, unit, after):
        return None
    start = at - (len(before.group()) if before and before["word"] else 0)
    while after:
        end = after.end()
        after = _AGE_AFTER.match(text, end)
    return Found(start, end, "age", frozenset(("age", str(one)) for one in months))


def _age_numbers(text: str, at: int) -> list[Quantity]:
    first = read_quantity(text, at)
    if first is None or first.value > 120 or first.value.denominator > 2:
        return []
    own = _AGE_UNIT.match(text, first.end)
    step = _AGE_STEP.match(text, own.end() if own else first.end)
    second = read_quantity(text, step.end()) if step else None
    if second is None or second.value > 120 or (own is None and second.value <= first.value):
        return [first]
    if step and "and" in step.group() and not text.endswith("between ", 0, at):
        return [first]
    return [first, second]


def _months(unit: str) -> Fraction:
    return (
        Fraction(1)
        if unit.lower().startswith("mo")
        else Fraction(1, 4)
        if unit.lower().startswith("w")
        else Fraction(12)
    )


def _states_age(
    text: str,
    at: int,
    months: list[int],
    before: re.Match[str] | None,
    unit: re.Match[str] | None,
    after: re.Match[str] | None,
) -> bool:
    young = max(months) <= 216
    if before is not None and (before["word"] or unit or after or young):
        return before["word"] is not None or unit is not None or after is not None or _ends_phrase(text, at)
    if unit is not None and after is not None:
        return True
    if unit is not None:
        return young and not unit["unit"].startswith("w") and (len(months) == 2 or _before(text, at, _FROM) is not None)
    return after is not None and young and after.group().strip() != "+" and after.group().strip() != "plus"


def _is_bare_range(text: str, numbers: list[Quantity]) -> bool:
    """Return whether two numbers measure and count nothing: children of 2 to 4 can, but not babies from 4 to 16 kg."""
    return len(numbers) == 2 and numbers[-1].unit is None and _counted(text, numbers[-1].end) is None


def _ends_phrase(text: str, at: int) -> bool:
    """Return whether the number at `at` ends its phrase: children of 6, but not children over 10 miles."""
    match = match_number(text, at)
    return match is not None and _PHRASE_END.match(text, match.end()) is not None


def read_measure(text: str, at: int) -> Found | None:
    """Read numbers with a unit; two units of one dimension form one measure: 5 ft 9 in, 2 hours 30 minutes."""
    numbers = read_series(text, at)
    if not numbers or (unit := numbers[-1].unit) is None:
        return None
    last = numbers[-1]
    if last.value == 1 and last.word and UNITS[unit][0] in ("time", "months"):
        return None
    step = _COMPOUND.match(text, last.unit_end)
    more = read_quantity(text, step.end()) if step and len(numbers) == 1 else None
    if more and more.unit and _same_dimension(unit, more.unit):
        factor = UNITS[more.unit][1] / UNITS[unit][1]
        key = measure_key(last.value + more.value * factor, unit, UNITS)
        return Found(at, more.unit_end, "measure", frozenset([key]))
    return Found(at, last.unit_end, "measure", frozenset(measure_key(one.value, unit, UNITS) for one in numbers))


def _same_dimension(larger: str, smaller: str) -> bool:
    return UNITS[larger][0] == UNITS[smaller][0] and UNITS[larger][1] > UNITS[smaller][1]


def read_year(text: str, at: int) -> Found | None:
    """Read four digits as a year, unless a counted noun follows."""
    match = _YEAR.match(text, at)
    if match is None or _counted(text, match.end()):
        return None
    return Found(at, match.end(), "date", frozenset([("word", match.group())]))


def read_position(text: str, at: int) -> Found | None:
    """Read a position in a series: Book 2, Volume Three, No. 8."""
    before, match = _before(text, at, _SERIES_BEFORE), match_number(text, at)
    if before is None or match is None or number_value(match).denominator > 1:
        return None
    kind = "size" if before["what"].lower() == "size" else "count"
    if before["what"].lower() in ("page", "number") or (match["word"] and not before["what"][0].isupper()):
        return None
    key: Key = ("size", str(number_value(match))) if kind == "size" else ("position", str(number_value(match)))
    return Found(at - len(before.group()), match.end(), kind, frozenset([key]))


def read_count(text: str, at: int) -> Found | None:
    """Read a count: of the noun that follows, of a set or pack, or just digits."""
    numbers = read_series(text, at)
    if not numbers or numbers[0].value < 0:
        return None
    first, pack = numbers[0], _before(text, at, _PACK_BEFORE)
    if _LONG_DIGITS.match(text, at):
        return Found(at, first.end, "code", frozenset([("code", text[at : first.end])]))
    ranged = numbers[1:2] if len(numbers) > 1 and numbers[1].unit is None else []
    end = ranged[0].end if ranged else first.end
    if total := _OUT_OF.match(text, first.end):
        return Found(at, total.end(), "count", frozenset([("count", str(first.value))]))
    noun = _counted(text, end)
    whole = first.value.denominator == 1 or "/" in text[at:end] or _RATED.match(text, end)
    if (not noun and text[end : end + 1].isalnum()) or not whole:
        return None
    keys = frozenset[Key](("count", str(one.value)) for one in (first, *ranged))
    if pack is not None:
        return Found(at - len(pack.group()), noun or end, "count", keys)
    if first.value == 1 and first.word:
        return None
    if noun or ranged or not first.word or _OF_DIGITS.match(text, end):
        return Found(at, noun or end, "count", keys)
    return None


def _counted(text: str, at: int) -> int | None:
    """Return the end of the noun that a number before `at` counts; None if there is no noun within three words."""
    if hyphened := _HYPHENED.match(text, at):
        return hyphened.end()
    if plus := _MORE.match(text, at):
        at = plus.end()
    if pack := _PACK_AFTER.match(text, at):
        return pack.end()
    end, plain = at, True
    for _ in range(3):
        match = _NEXT_WORD.match(text, end)
        if match is None or match["word"].lower() in FUNCTION_WORDS:
            return None
        word, end = match["word"].lower(), match.end()
        if is_plural(word):
            return end if plain else at
        plain = plain and word not in MATERIALS and word not in COLOURS and word.removesuffix("en") not in MATERIALS
    return None


def is_plural(word: str) -> bool:
    """Guess from the spelling whether a lower-case word is a plural noun."""
    return word in _PLURALS or (
        len(word) > 3
        and word.endswith("s")
        and not word.endswith(("ss", "us", "ous", "'s"))
        and word not in _NO_PLURALS
    )


_READERS: tuple[Callable[[str, int], Found | None], ...] = (
    read_idiom,
    read_fraction,
    read_price,
    read_percentage,
    read_age,
    read_dimensions,
    read_measure,
    read_position,
    read_year,
    read_count,
)
