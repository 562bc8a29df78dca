"""Convert the cells of a file, strings, numbers, missing values or anything else, into texts and ids."""

from __future__ import annotations

import re
from typing import Any

from shelftalk.catalogue.clean import plain
from shelftalk.catalogue.rows import Unusable

DETAIL_LENGTH = 200
SCRIPT = re.compile(r"\s*(?:(?:var|let|const)\s+\w+\s*=|\(?function\b|window\.\w|document\.\w).*[;{]", re.DOTALL)


def text_of(value: Any, reason: str) -> str:
    """Return a cell's text unchanged; '' for a missing value.

    Raises:
        Unusable: with `reason`, if the value is not a text.
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:  # tables write NaN for a missing text
        return ""
    raise Unusable(reason, f"{type(value).__name__}: {str(value)[:DETAIL_LENGTH]}")


def title_of(value: Any) -> str:
    """Return a cell's title unchanged; '' for a missing value.

    Raises:
        Unusable: title_not_text, if the value is not a text, or the text is a script, as in scraped pages.
    """
    title = value if isinstance(value, str) else text_of(value, "title_not_text")
    if ("{" in title or ";" in title) and SCRIPT.match(title):
        raise Unusable("title_not_text", f"script: {title[:DETAIL_LENGTH]}")
    return title


def uid_of(value: Any) -> str:
    """Return the id of a cell with a text or a whole number; '' for anything else.

    The ids of MongoDB are texts in an object: `{"$oid": "65f0"}`.
    """
    if isinstance(value, str) and value.isascii() and value.isalnum():  # as most ids, which need no cleaning
        return value
    if isinstance(value, dict) and value.keys() == {"$oid"}:
        value = value["$oid"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return plain(str(value))
    return ""
