"""Make texts and ids of what stands in a file's cells: of a string, a number, a missing value, or anything else."""

from __future__ import annotations

from typing import Any

from shelftalk.catalogue.clean import plain
from shelftalk.catalogue.rows import Unusable

DETAIL_LENGTH = 200


def text_of(value: Any, reason: str) -> str:
    """Return a cell's text as it stands there; '' for a missing one.

    Raises:
        Unusable: for `reason`, since the value is no text.
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:  # tables write NaN for a missing text
        return ""
    raise Unusable(reason, f"{type(value).__name__}: {str(value)[:DETAIL_LENGTH]}")


def uid_of(value: Any) -> str:
    """Return a cell's id, a text or a whole number; '' for anything else."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return plain(str(value))
    return ""
