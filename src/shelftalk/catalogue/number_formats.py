"""Read the number formats of a sheet in .xlsx, and write numbers in them: 0.12 as "12%", 71 as "0071", 2 as "2.0 kg".

The library that reads the values leaves the formats out. So the sheet's XML is read a second time, row by row, where a
format says more than the number itself. Dates are values of their own; groups of thousands stay joined, since their
separator depends on the country. See ECMA-376, part 1, 18.8.31 (numFmts).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import deque
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import IO, NamedTuple
from xml.parsers import expat

CHUNK_BYTES = 1 << 16
MOST_ROWS = 1 << 20  # of a sheet
# Those that say more than a number, in every country.
BUILT_IN = {2: "0.00", 4: "#,##0.00", 9: "0%", 10: "0.00%", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)"}
MOST_NUMBER, MOST_DECIMALS = 1e15, 10  # of a number that is written in a format
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[(?:[A-Z][a-z]+|Color\d+)\]'
    r"|(?P<number>[0#?][0#?,.]*)|(?P<literal>[-+() %:€$£¥])"
)
SECTION = re.compile(r'(?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])*')


class NumberFormat(NamedTuple):
    """How a number is written: `parts` are texts, and None for each group of digits.

    `zeros` has the least digits of each group; `least` to `most` digits are behind the decimal point. Each of the
    `percents` multiplies by 100. A format with several `sections` is for positive numbers, with three also not for 0.
    """

    parts: tuple[str | None, ...]
    zeros: tuple[int, ...]
    least: int = 0
    most: int = 0
    percents: int = 0
    sections: int = 1

    def is_for(self, number: float) -> bool:
        """Return whether a number is written in this format."""
        if number < 0:
            return self.sections == 1 and number > -MOST_NUMBER
        return number < MOST_NUMBER and (number > 0 or self.sections < 3)

    def write(self, number: float) -> str:
        """Return a number as text, rounded as a spreadsheet does, without separators of thousands."""
        value = Decimal(f"{abs(number):.15g}") * 100**self.percents
        digits = f"{value.quantize(Decimal(1).scaleb(-self.most), ROUND_HALF_UP):f}"
        whole, _, decimals = digits.partition(".")
        decimals = decimals[: self.least] + decimals[self.least :].rstrip("0")
        groups: list[str] = []
        for zeros in reversed(self.zeros[1:]):  # of a telephone number, for instance
            whole = whole.zfill(zeros)
            groups.insert(0, whole[-zeros:])
            whole = whole[:-zeros]
        groups.insert(0, whole.lstrip("0").zfill(self.zeros[0]))
        groups[-1] += f".{decimals}" if decimals else ""
        remaining = iter(groups)
        text = "".join(next(remaining) if part is None else part for part in self.parts)
        return f"-{text.strip()}" if number < 0 else text.strip()


def number_format(code: str) -> NumberFormat | None:
    """Return the format of positive numbers in a code of a spreadsheet.

    It is None where a code says no more than the number, or where it is for dates, fractions, exponents or the like.
    """
    sections = [found[0] for found in SECTION.finditer(code)][: code.count(";") + 1]
    tokens = list(TOKEN.finditer(sections[0]))
    if "".join(token[0] for token in tokens) != sections[0]:
        return None
    groups = [token["number"].replace("?", "#") for token in tokens if token["number"]]
    texts = [token["quoted"] or token["escaped"] or token["currency"] or token["literal"] or "" for token in tokens]
    parts = [None if token["number"] else text for token, text in zip(tokens, texts, strict=True)]
    wholes = [group.partition(".")[0].replace(",", "") for group in groups]
    decimals = groups[-1].partition(".")[2] if groups else ""
    if not groups or groups[-1].endswith(",") or (len(groups) > 1 and set("".join(groups)) != {"0"}):
        return None
    if set(decimals) - {"0", "#"} or len(decimals) > MOST_DECIMALS:
        return None
    zeros = tuple(whole.count("0") for whole in wholes)
    percents = sum(token["literal"] == "%" for token in tokens)
    says_more = any(parts) or len(zeros) > 1 or zeros[0] > 1 or "0" in decimals
    if not says_more or percents > 1:
        return None
    return NumberFormat(tuple(parts), zeros, decimals.count("0"), len(decimals), percents, len(sections))


def formats_by_row(path: Path, sheet: str) -> Iterator[dict[int, NumberFormat]]:
    """Yield the formats of each row of a sheet by column, both from the first of the sheet, until they cannot be read.

    A file that is no .xlsx, or has no formats that say more than a number, has none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            formats = _formats(_elements(archive, "xl/styles.xml"))
            if any(formats):
                with archive.open(_part_of(archive, sheet)) as stream:
                    yield from _Rows(formats).read(stream)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, RuntimeError, expat.ExpatError):
        return  # the library that reads the values says what is wrong


def _elements(archive: zipfile.ZipFile, name: str) -> list[tuple[str, dict[str, str]]]:
    """Return the names, without their prefix, and the attributes of all elements of a file, in order."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: found.append((tag.rpartition(":")[2], attributes))
    parser.Parse(archive.read(name), True)
    return found


def _formats(styles: list[tuple[str, dict[str, str]]]) -> list[NumberFormat | None]:
    """Return the format of each style of a cell."""
    codes = {**BUILT_IN}
    codes.update({int(one["numFmtId"]): one["formatCode"] for tag, one in styles if tag == "numFmt"})
    known = {number: number_format(code) for number, code in codes.items()}
    tags = [tag for tag, _ in styles]
    if "cellXfs" not in tags:
        return []
    after = styles[tags.index("cellXfs") + 1 :]
    end = next((place for place, (tag, _) in enumerate(after) if tag in ("cellStyles", "dxfs")), len(after))
    return [known.get(int(one.get("numFmtId", 0))) for tag, one in after[:end] if tag == "xf"]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the file of a sheet in its archive."""
    sheets = {one["name"]: one for tag, one in _elements(archive, "xl/workbook.xml") if tag == "sheet"}
    relation = next(value for key, value in sheets[sheet].items() if key.endswith(":id"))
    relations = _elements(archive, "xl/_rels/workbook.xml.rels")
    target = next(one["Target"] for _, one in relations if one.get("Id") == relation)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


class _Rows:
    """The rows of a sheet's XML, of which one may lack its number, and a cell its place."""

    def __init__(self, formats: list[NumberFormat | None]) -> None:
        self._formats = formats
        self._rows: deque[dict[int, NumberFormat]] = deque()  # begun, and not yet yielded
        self._row = self._column = -1
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start

    def read(self, stream: IO[bytes]) -> Iterator[dict[int, NumberFormat]]:
        """Yield the formats of each row, also of those that are left out because they are empty."""
        while chunk := stream.read(CHUNK_BYTES):
            self._parser.Parse(chunk, False)
            while len(self._rows) > 1:
                yield self._rows.popleft()
        yield from self._rows

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith("row") and tag.rpartition(":")[2] == "row":
            number = int(attributes.get("r", self._row + 2)) - 1
            if not self._row <= number < MOST_ROWS:
                raise ValueError("rows out of order")
            while self._row < number:
                self._row += 1
                self._rows.append({})
            self._column = -1
        elif tag.rpartition(":")[2] == "c" and self._rows:
            self._column = _column(attributes["r"]) if "r" in attributes else self._column + 1
            style = int(attributes.get("s", 0))
            if style < len(self._formats) and (found := self._formats[style]):
                self._rows[-1][self._column] = found


def _column(place: str) -> int:
    """Return the number of the column, from 0, of a place such as "AB12"."""
    number = 0
    for letter in place.rstrip("0123456789"):
        number = 26 * number + ord(letter) - 64
    return number - 1
