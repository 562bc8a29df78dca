"""Find claims with a pattern that need not begin with a number: named sizes, dates, codes, positions in a series."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shelftalk.claims.found import Found, Key
from shelftalk.claims.units import MONTHS, ORDINALS

_SIZE = re.compile(
    r"""\b(?:(?P<sheet>[AB][0-7](?![\w.-]))
    |(?P<letters>(?:X{1,4}|[2-6]X)[SL](?![\w-]))
    |(?P<word>[Ss]izes?:?\ (?P<what>[SML]|[0-9]{1,2}(?:\.5)?|[Ss]mall|[Mm]edium|[Ll]arge)(?![\w/.-]*[0-9]))(?!\w)
    |(?<=,\ )(?P<in_list>[SML])(?=,\ (?:and\ |or\ )?X{0,3}[SML]\b|\ (?:and|or|to)\ X{0,3}[SML]\b)
    |(?P<region>(?:UK|EU|EUR|US)\ ?(?:[0-9]{1,2}(?:\.5)?)(?:\s?[-–/]\s?[0-9]{1,2}(?:\.5)?)?)(?![\w.]*[0-9])
    |(?P<bed>(?:[Ss]uper\ )?[KkQqTtSsDd](?:ing|ueen|win|ingle|ouble)[- ][Ss]ized?\b))""",
    re.VERBOSE,
)
_MONTH = "|".join(sorted((name.capitalize() for name in MONTHS), key=len, reverse=True))
_YEAR = "(?:1[0-9]{3}|20[0-9]{2})"
_DAY = "[0-9]{1,2}(?:st|nd|rd|th)?"
_DATE = re.compile(  # no \b at the start: a pattern that begins with a character set is searched ten times as fast
    rf"""(?:{_MONTH})\.?\ (?:{_DAY},?\ )?{_YEAR}(?![0-9])|(?:{_MONTH})\ {_DAY}(?![\w.:,]?[0-9])
    |[0-9]{{1,2}}(?:st|nd|rd|th)?\ (?:of\ )?(?:{_MONTH})(?:,?\ {_YEAR})?(?![A-Za-z0-9])
    |(?:1[0-9]|20)?[0-9]0s(?![A-Za-z0-9])""",
    re.VERBOSE,
)
_CENTURY = re.compile(r"[Cc]entur(?:y|ies)(?![a-z])")
_CENTURY_BEFORE = re.compile(rf"\b(?:[0-9]{{1,2}}(?:st|nd|rd|th)|(?i:{'|'.join(ORDINALS)}))[- ]$")
_DATE_WORD = re.compile(r"[0-9]+s?|[A-Za-z]+")
_ISBN = re.compile(r"\bISBN(?:-?1[03])?:?\s?(?P<code>[0-9][0-9 -]{8,16}[0-9X])")
_STANDARD = re.compile(r"\b(?:EN|DIN|BS|ISO|ASTM|ANSI|IEC|IP|UL)\s?(?:[A-Z]-)?[0-9]{2,5}(?:-[0-9]{1,4})?\b")
_CODE = re.compile(
    r"(?<![\w./-])(?=[A-Za-z-]{0,12}[0-9])(?=[0-9-]{0,12}[A-Z])[A-Z0-9][A-Za-z0-9]{0,15}(?:[-/][A-Za-z0-9]{1,12}){0,3}(?![\w-])"
)
_NO_CODE = re.compile(
    r"(?i)(?:[0-9]+(?:st|nd|rd|th|s|d|k|x|p|c|f|m|g|l|v|w|a|h|mm|cm|ml|kg|gb|tb|mb|in|oz|ct|pcs?|pk|hz|ghz|mah|wh|hr)?|mp[34]|h2o|co2|[a-z]|[a-z]-[0-9])"
)
_ISSUE = re.compile(
    r"(?:[Ee]ditions?|[Vv]olume|[Bb]ook|[Aa]lbum|[Ss]eason|[Ss]eries|[Gg]eneration|[Nn]ovel|[Ii]nstall?ment)(?![a-z])"
)
_ORDINAL_BEFORE = re.compile(
    rf"\b(?:(?P<word>(?i:{'|'.join(ORDINALS)}))|(?P<digits>[0-9]{{1,3}})(?:st|nd|rd|th)) (?:studio )?$"
)
_BIRTH = re.compile(r"\bfrom birth\b", re.IGNORECASE)
_POSITION = re.compile(r"\b(?:Book|Volume|Vol\.?|Part|Episode|Season) (?P<roman>I{1,3}|IV|VI{0,3}|IX|X)(?![\w.'’])")
_ROMAN = dict(zip(("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"), range(1, 11), strict=True))


def find_sizes(text: str) -> Iterator[Found]:
    """Yield named sizes: A4, XL, size M, EU 39, king size."""
    for match in _SIZE.finditer(text):
        yield Found(match.start(), match.end(), "size", frozenset(_size_keys(match)))


def _size_keys(match: re.Match[str]) -> Iterator[Key]:
    if match["region"]:
        region = match["region"][:2]
        yield from (("size", region, number) for number in re.findall(r"[0-9.]+", match["region"]))
    elif what := match["what"] or match["in_list"]:
        yield ("size", what[0].lower() if what[0].isalpha() else what)
    else:
        yield ("size", re.sub(r"[- ]sized?$", "", match.group().lower()))


def find_dates(text: str) -> Iterator[Found]:
    """Yield dates other than a single year: 12 May 2003, November 1998, the 1960s, the 19th century."""
    for match in _DATE.finditer(text):
        if not text[max(0, match.start() - 1) : match.start()].isalnum():
            yield Found(match.start(), match.end(), "date", frozenset(_date_keys(match.group())))
    for match in _CENTURY.finditer(text):
        if before := _CENTURY_BEFORE.search(text[max(0, match.start() - 14) : match.start()]):
            start = match.start() - len(before.group())
            yield Found(start, match.end(), "date", frozenset(_date_keys(text[start : match.end()])))


def _date_keys(date: str) -> Iterator[Key]:
    for word in _DATE_WORD.findall(date.lower()):
        if word in MONTHS:
            yield ("month", str(MONTHS[word]))
        elif word in ORDINALS:
            yield ("word", str(ORDINALS[word]))
        elif word[0].isdigit():
            yield ("word", word)
        elif word.startswith("centur"):
            yield ("word", "century")


def find_standards(text: str) -> Iterator[Found]:
    """Yield ISBNs and the numbers of standards: EN 71, ASTM D-4236."""
    for match in _ISBN.finditer(text):
        yield Found(match.start(), match.end(), "code", frozenset([code_key(match["code"])]))
    for match in _STANDARD.finditer(text):
        yield Found(match.start(), match.end(), "code", frozenset([code_key(match.group())]))


def find_codes(text: str) -> Iterator[Found]:
    """Yield model and part numbers: words that mix capitals and digits."""
    for match in _CODE.finditer(text):
        if not _NO_CODE.fullmatch(match.group()):
            yield Found(match.start(), match.end(), "code", frozenset([code_key(match.group())]))


def code_key(code: str) -> Key:
    """Return a code's key, which ignores hyphens, slashes, spaces and case."""
    return ("code", re.sub(r"[\s/-]", "", code).upper())


def find_positions(text: str) -> Iterator[Found]:
    """Yield positions in a series that are not plain numbers (third edition, Volume IV), and "from birth" as an age."""
    for match in _ISSUE.finditer(text):
        if before := _ORDINAL_BEFORE.search(text[max(0, match.start() - 20) : match.start()]):
            value = ORDINALS[before["word"].lower()] if before["word"] else int(before["digits"])
            start = match.start() - len(before.group())
            yield Found(start, match.end(), "count", frozenset([("position", str(value))]))
    for match in _POSITION.finditer(text):
        yield Found(match.start(), match.end(), "count", frozenset([("position", str(_ROMAN[match["roman"]]))]))
    for match in _BIRTH.finditer(text):
        yield Found(match.start(), match.end(), "age", frozenset([("age", "0")]))
