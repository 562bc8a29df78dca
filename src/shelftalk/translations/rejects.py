"""Details of rejected rows in the language of a page or document; texts of the data in them stay as they are."""

from __future__ import annotations

import re
from typing import NamedTuple

from shelftalk.translations.messages import translated_part

# The reasons whose details are words of shelftalk; those of others are a product's title, code or text.
EXPLAINED = ("invalid_json", "not_an_object", "invalid_csv", "invalid_xml", "invalid_utf8", "line_too_long")
REPEATED = ("duplicate_product", "duplicate_id", "near_duplicate")
SAME_ID = "duplicate_id"
HERE = re.compile(r"line (\d{1,12}): (.*)", re.DOTALL)
ELSEWHERE = re.compile(r"(.*?), line (\d{1,12}): (.*)", re.DOTALL)  # in another file


class Repeated(NamedTuple):
    """The row that a rejected one repeats: its file ("" for the same one), its line, and what is the same."""

    file: str
    line: int
    same: str


def read_repeated(reason: str, detail: str) -> Repeated | None:
    """Return the row that a rejected one repeats; None for another reason."""
    if reason in REPEATED:
        if found := HERE.fullmatch(detail):
            return Repeated("", int(found[1]), found[2])
        if found := ELSEWHERE.fullmatch(detail):
            return Repeated(found[1], int(found[2]), found[3])
    return None


def translated_detail(reason: str, detail: str, language: str) -> str:
    """Return the detail of a rejected row in a language."""
    if reason in EXPLAINED:
        return translated_part(detail, language)
    if (found := read_repeated(reason, detail)) is None:
        return detail
    file = f"{found.file}, " if found.file else ""
    place = f"line {found.line}"
    if reason == SAME_ID:
        return file + translated_part(f"{place}: {found.same}", language)
    return f"{file}{translated_part(place, language)}: {found.same}"
