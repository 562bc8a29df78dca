"""Turn an accepted text into the content of a cell, and judge whether a cell is empty and a text can be written."""

from __future__ import annotations

import html
import re
from typing import Any

from shelftalk.catalogue.draft import joined
from shelftalk.catalogue.rows import Unusable
from shelftalk.generation.tables import BEFORE_FORMULA, FORMULA_SIGNS

MOST_OF_GOOGLE = 5_000
# Markup that shows nothing; pictures, videos and tables are a person's work.
SHOWS_NOTHING = re.compile(
    r"</?(?:p|br|div|span|strong|em|b|i|u)(?:\s[^<>]*)?/?>|&nbsp;|&#160;|\s|[\u200b\ufeff]", re.I
)
# What XML cannot hold, and no table should: control characters but tab and line ends, and lone surrogates.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
FORMULA = re.compile(rf"{BEFORE_FORMULA}[{FORMULA_SIGNS}]")
LINE_END = re.compile(r"\r\n|\r")


def is_empty(value: Any) -> bool:
    """Return whether a description's cell holds nothing that a shop would show."""
    try:
        return not SHOWS_NOTHING.sub("", joined(value))
    except Unusable:
        return False


def fault_of(text: str, most: int, formulas: bool) -> str | None:
    """Return why a text of at most `most` characters cannot be written, one of REASONS of `plan`; None where it can.

    With `formulas` the text would stand in a cell as it is, and a spreadsheet might run it.
    """
    if not text.strip():
        return "empty"
    if len(text) > most:
        return "too_long"
    if UNWRITABLE.search(text):
        return "unwritable"
    return "formula" if formulas and FORMULA.match(text) else None


def with_line_feeds(text: str) -> str:
    """Return the text with a line feed for every end of a line."""
    return LINE_END.sub("\n", text)


def paragraphs(text: str) -> str:
    """Return the text as HTML in one line: a paragraph behind each blank line, a line break for each other end of line.

    A backslash is written as an entity: WooCommerce's importer reads a backslash and an n as the end of a line, and
    WordPress removes single backslashes.
    """
    found: list[list[str]] = [[]]
    for line in with_line_feeds(text).split("\n"):
        if line.strip():
            found[-1].append(html.escape(line.strip(), quote=False).replace("\\", "&#92;"))
        else:
            found.append([])
    return "".join(f"<p>{'<br>'.join(lines)}</p>" for lines in found if lines)


def in_one_line(text: str) -> str:
    """Return the text with single spaces for its ends of lines and tabs."""
    return " ".join(text.split())
