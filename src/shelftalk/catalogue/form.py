"""Say how a file was read, where that is not the usual way: UTF-8, commas, doubled quotes, names in line 1."""

from __future__ import annotations

from shelftalk.catalogue.dialect import Dialect

DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars"}
QUOTES = {"backslash": "a backslash before each quote in a field", "none": "quotes as characters like others"}


def unusual_form(encoding: str, dialect: Dialect | None, sheet: str = "") -> str:
    """Return what is unusual about a file as a list of nouns; an `encoding` of '' is that of a file of no text.

    `sheet` is the name of the sheet that was read, '' where the file has only one, or is no spreadsheet.
    """
    found = [f"encoding {encoding}"] if encoding not in ("utf-8", "") else []
    found += [f"its sheet {sheet!r}"] if sheet else []
    if dialect:
        delimiter, quoting, line = dialect
        found += [DELIMITERS.get(delimiter, repr(delimiter))] if delimiter != "," else []
        found += [QUOTES[quoting]] if quoting in QUOTES else []
        if line != 1:
            found.append(f"the names of its columns in line {line}" if line else "no line with names of columns")
    return ", ".join(found)
