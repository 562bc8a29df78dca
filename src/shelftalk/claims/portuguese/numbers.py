"""Find Portuguese claims that begin with a number: measures, dimensions, ages, percentages, prices, counts and dates.

Every pattern is matched at one position and bounded in length, so that the time is linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from shelftalk.claims.found import Found, Key
from shelftalk.claims.measures import Quantity, joined_measures, measure_key
from shelftalk.claims.portuguese.quantities import (
    SEPARATOR,
    WORD,
    match_number,
    number_value,
    read_quantity,
    read_series,
)
from shelftalk.claims.portuguese.units import MONTHS, UNITS
from shelftalk.claims.words import listed

_START = re.compile(
    r"(?<![^\W_])(?<![0-9][.,/:])(?<![A-Za-z0-9]-)"
    rf"(?:[-−]?[0-9]|[½¼¾⅓⅔]|(?:mei[oa]|{WORD})(?![^\W\d_]))",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"\s?(?:%|por\s?cento\b)", re.IGNORECASE)
_SIGN = re.compile(r"(?P<sign>R\$|US\$|[$€£])\s?$")
_CURRENCY = re.compile(r"\s?(?P<unit>reais|real|euros?|d[óo]lares|d[óo]lar|€)(?![^\W\d_])", re.IGNORECASE)
_CURRENCIES = {"R$": "real", "reais": "real", "US$": "dollar", "$": "dollar", "dólares": "dollar", "dolares": "dollar"}
_CURRENCIES |= {"dólar": "dollar", "dolar": "dollar", "€": "euro", "euros": "euro"}
_AGE_UNIT = re.compile(r" ?(?P<unit>anos?|m[êe]s(?:es)?)(?![^\W\d_])", re.IGNORECASE)
_AGE_AFTER = re.compile(r" (?:ou mais|em diante|de idade|e acima|acima)(?![^\W\d_])", re.IGNORECASE)
_AGE_BEFORE = re.compile(
    r"(?P<words>\b(?:a partir d[eo]s?|maiores de|menores de|acima d[eo]s?|com mais de|idade:?(?: d[eo]s?)?"
    r"|faixa et[áa]ria:?(?: de)?) )$",
    re.IGNORECASE,
)
_CHILD = re.compile(
    r"\b(?:crian[çc]as?|beb[êe]s?|meninos|meninas|idade|jogadores|leitores|filhos?)\b[^.;:]{0,14}$", re.I
)
_FROM = re.compile(r"\b(?:de|para) $", re.IGNORECASE)
_AGE_STEP = re.compile(r" ?(?:-|–|a|até|e|ou) ?", re.IGNORECASE)
_SIZE_BEFORE = re.compile(r"\b(?:n[úu]mero|n[º°]|numera[çc][ãa]o|aro|do|tamanhos?) ?$", re.IGNORECASE)
_RANK_BEFORE = re.compile(
    r"\b(?:p[áa]gina|n[úu]mero|vers[ãa]o|windows|wi-fi|bluetooth|volume|livro|densidade) ?$", re.I
)
_PACK_BEFORE = re.compile(
    r"\b(?:jogo|kit|conjunto|pacote|caixa|embalagem|par|trio|estojo|cartela|fardo|pote|set)"
    r" (?:com|de|tem|traz) (?:at[ée] )?$",
    re.IGNORECASE,
)
_NOUN = re.compile(r"[ -](?P<word>[^\W\d_]{2,}(?:-[^\W\d_]+)?)")
_OF_NOUN = re.compile(r" de (?P<word>[^\W\d_]{3,})", re.IGNORECASE)
_PACK_AFTER = re.compile(r" ?(?:p[çc]s?|pe[çc]as?|un(?:id)?s?|und|unidades?|pares)\b", re.IGNORECASE)
_NOTHING = re.compile(  # 24/7, 12/2026, 3 em 1, dois a dois, 10x
    r"24/7|[0-9]{1,2}/(?:[0-9]{1,2}/)?[0-9]{4}(?![0-9])"
    r"|(?P<first>[0-9]{1,2}|\w{2,5}) (?:em|a|por) (?:1|um|uma|(?P=first))(?![^\W_])|[0-9]{1,2}x\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:-[0-9]{2,6}){2}|:[0-9]{2}|h[0-9]{2}\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[0-9]{3}|20[0-9]{2})(?![0-9.,]?[0-9])")
_MONTH = "|".join(MONTHS)
_DAY = re.compile(
    rf"(?P<day>[0-9]{{1,2}})[º°]? de (?P<month>{_MONTH})(?: de (?P<year>[12][0-9]{{3}}))?(?![^\W_])", re.I
)
_MONTH_BEFORE = re.compile(rf"(?P<month>{_MONTH}) de $", re.IGNORECASE)
_LONG_DIGITS = re.compile(r"(?:0[0-9]{2,}|[0-9]{8,})(?![0-9.,]*[0-9])")
_NO_NOUNS = listed(
    """
    mais, menos, vezes, dos, das, nos, nas, aos, às, pelos, pelas, os, as, uns, umas, após, atrás, antes, depois,
    apenas, seus, suas, outros, outras, mas, sempre, além, anos, meses, dias, horas, deles, delas, nós, todos, todas
    """
)
_NO_ADJECTIVES = listed(
    """
    em, de, da, do, na, no, com, sem, para, por, e, ou, a, o, é, são, tem, que, ao, à, se, um, uma, cada, até, entre,
    sobre, como, pela, pelo, mas, já, só, não, seu, sua, este, esta, esse, essa, mede, pesa, vem, fica
    """
)


def find_numbers(text: str, bare: bool = False) -> Iterator[Found]:
    """Yield claims that begin with a number, in the order of positions; skip numbers that claim nothing.

    With `bare`, for sources, digits without a noun are counts too ("Panelas, 5").
    """
    at = 0
    while start := _START.search(text, at):
        position = start.start()
        found = next((one for reader in _READERS if (one := reader(text, position))), None)
        if found is not None and found.kind and (bare or not _is_bare(text, found)):
            yield found
        number = match_number(text, position)
        at = max(found.end if found else 0, number.end() if number else position + 1)


def _before(text: str, at: int, pattern: re.Pattern[str], length: int = 32) -> re.Match[str] | None:
    return pattern.search(text[max(0, at - length) : at])


def _read_nothing(text: str, at: int) -> Found | None:
    """Skip numbers that claim nothing: 3 em 1, 24/7, página 3, número um, telephone numbers, clock times, 12x."""
    match = match_number(text, at)
    if match is None:
        return None
    if nothing := _NOTHING.match(text, at):
        return Found(at, nothing.end(), "", frozenset())
    ranked = _before(text, at, _RANK_BEFORE) and not _measured(text, at) and not _size_number(text, at)
    if ranked or _CLOCK.match(text, match.end()):
        return Found(at, match.end() + 3, "", frozenset())
    return None


def _measured(text: str, at: int) -> bool:
    one = read_quantity(text, at)
    return one is not None and one.unit is not None


def _size_number(text: str, at: int) -> bool:
    one = read_quantity(text, at)
    return one is not None and not one.word and 14 <= one.value <= 60 and one.value.denominator == 1


def _read_price(text: str, at: int) -> Found | None:
    match = match_number(text, at)
    if match is None:
        return None
    if sign := _SIGN.search(text[max(0, at - 4) : at]):
        key = _price_key(sign["sign"], number_value(match))
        return Found(at - len(sign.group()), match.end(), "price", frozenset([key]))
    if unit := _CURRENCY.match(text, match.end()):
        return Found(at, unit.end(), "price", frozenset([_price_key(unit["unit"].lower(), number_value(match))]))
    return None


def _price_key(currency: str, value: Fraction) -> Key:
    return ("price", _CURRENCIES.get(currency, currency), str(value))


def _read_percentage(text: str, at: int) -> Found | None:
    numbers = read_series(text, at)
    for last in range(len(numbers), 0, -1):
        if sign := _PERCENT.match(text, numbers[last - 1].end):
            keys = frozenset[Key](("percentage", str(one.value)) for one in numbers[:last])
            return Found(at, sign.end(), "percentage", keys)
    return None


def _read_age(text: str, at: int) -> Found | None:
    """Read an age or a range of ages: a partir de 3 anos, crianças de 2 a 5 anos, 10 anos ou mais."""
    first = read_quantity(text, at)
    if first is None or first.value > 120 or first.value.denominator > 2:
        return None
    own = _AGE_UNIT.match(text, first.end)
    step = _AGE_STEP.match(text, own.end() if own else first.end)
    second = read_quantity(text, step.end()) if step else None
    last = _AGE_UNIT.match(text, second.end) if second else None
    numbers = [first, second] if second and last and second.value <= 120 else [first]
    unit = last if len(numbers) > 1 else own
    if unit is None:
        return None
    after = _AGE_AFTER.match(text, unit.end())
    before = _before(text, at, _AGE_BEFORE)
    child = _before(text, at, _CHILD, 40)
    young_range = len(numbers) > 1 and _before(text, at, _FROM) is not None and numbers[-1].value <= 18
    if not (after or before or child or young_range):
        return None
    start = at - (len(before["words"]) if before else 0)
    ages = [int(one.value * _months(of)) for one, of in zip(numbers, (own or unit, unit), strict=False)]
    keys = frozenset[Key](("age", str(age)) for age in ages)
    return Found(start, after.end() if after else unit.end(), "age", keys)


def _months(unit: re.Match[str]) -> int:
    return 12 if unit["unit"].lower().startswith("a") else 1


def _read_dimensions(text: str, at: int) -> Found | None:
    """Read dimensions: 40 x 30 cm, 1,20 m por 0,60 m."""
    sides: list[Quantity] = []
    start, end = at, at
    while len(sides) < 4 and (side := read_quantity(text, at)):
        sides.append(side)
        end = side.unit_end
        step = SEPARATOR.match(text, end)
        if step is None or step["kind"].lower() not in ("x", "×", "por"):
            break
        at = step.end()
    return joined_measures(sides, start, end, UNITS) if len(sides) > 1 else None


def _read_measure(text: str, at: int) -> Found | None:
    numbers = read_series(text, at)
    if not numbers or (unit := numbers[-1].unit) is None:
        return None
    last = numbers[-1]
    if last.value == 1 and last.word and UNITS[unit][0] in ("time", "months"):
        return None
    return Found(at, last.unit_end, "measure", frozenset(measure_key(one.value, unit, UNITS) for one in numbers))


def _read_date(text: str, at: int) -> Found | None:
    """Read a date: 12 de maio de 2003, maio de 1998, 1950; a year only where no counted noun follows."""
    if day := _DAY.match(text, at):
        keys: set[Key] = {("word", day["day"].lstrip("0")), ("month", str(MONTHS[day["month"].lower()]))}
        return Found(at, day.end(), "date", frozenset(keys | ({("word", day["year"])} if day["year"] else set())))
    match = _YEAR.match(text, at)
    if match is None or _counted(text, match.end()):
        return None
    year: Key = ("word", match.group())
    if month := _before(text, at, _MONTH_BEFORE):
        key: Key = ("month", str(MONTHS[month["month"].lower()]))
        return Found(at - len(month.group()), match.end(), "date", frozenset([year, key]))
    return Found(at, match.end(), "date", frozenset([year]))


def _read_size_number(text: str, at: int) -> Found | None:
    """Read the number of a shoe, a garment or a wheel: número 38, do 38 ao 43, aro 29."""
    before = _before(text, at, _SIZE_BEFORE)
    if before is None or not _size_number(text, at):
        return None
    numbers = read_series(text, at)
    ranged = len(numbers) > 1
    if before.group().strip().lower() == "do" and not ranged:
        return None
    start = at - (0 if before.group().strip().lower() == "do" else len(before.group()))
    return Found(start, numbers[-1].end, "size", frozenset(("size", str(one.value)) for one in numbers))


def _read_count(text: str, at: int) -> Found | None:
    """Read a count: of the noun that follows, of a set or pack, or just digits."""
    numbers = read_series(text, at)
    match = match_number(text, at)
    if not numbers or match is None or numbers[0].value <= 0 or match["half"] or _LONG_DIGITS.match(text, at):
        return None
    first = numbers[0]
    ranged = numbers[1:2] if len(numbers) > 1 and numbers[1].unit is None else []
    end = ranged[0].end if ranged else first.end
    noun = _counted(text, end)
    if first.value.denominator > 1 or (not noun and text[end : end + 1].isalnum()):
        return None
    keys = frozenset[Key](("count", str(one.value)) for one in (first, *ranged))
    if match["dozen"]:
        of = _OF_NOUN.match(text, end)
        return Found(at, of.end() if of else end, "count", keys)
    if first.word and (first.value <= 1 or not (noun or _before(text, at, _PACK_BEFORE))):
        return None
    if _times(text, end):
        return None
    return Found(at, noun or end, "count", keys)


def _is_bare(text: str, found: Found) -> bool:
    """Return whether a count is only digits, behind no set or label: "iPhone 15", but not "kit com 6", "gavetas: 4"."""
    if found.kind != "count" or not text[found.end - 1].isdigit():
        return False
    return text[max(0, found.start - 2) : found.start] != ": " and not _before(text, found.start, _PACK_BEFORE)


def _times(text: str, at: int) -> bool:
    word = _NOUN.match(text, at)
    return word is not None and word["word"].lower() in ("vezes", "vez", "em", "por")


def _counted(text: str, at: int) -> int | None:
    """Return the end of the noun that a number before `at` counts; None if no plural is among the next two words."""
    if pack := _PACK_AFTER.match(text, at):
        return pack.end()
    end = at
    for _ in range(2):
        match = _NOUN.match(text, end)
        if match is None or match["word"].lower() in _NO_NOUNS | _NO_ADJECTIVES:
            return None
        end = match.end()
        if match["word"].lower().endswith("s"):
            return end
    return None


_READERS: tuple[Callable[[str, int], Found | None], ...] = (
    _read_nothing,
    _read_price,
    _read_percentage,
    _read_age,
    _read_dimensions,
    _read_measure,
    _read_size_number,
    _read_date,
    _read_count,
)
