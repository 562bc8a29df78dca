"""The numbers of the formats on disk: a file of a newer version of shelftalk is refused, not misread.

A format is numbered by the key `format` of a JSON object. Files of version 0.1 have none, and a file without one has
format 1. A number is raised when an older version would misread what a newer one writes; a new key that an older
version may ignore does not raise it. What describes a folder has the number of the whole folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, NewerFormat


def require_known(held: Any, newest: int, path: Path) -> None:
    """Require that the JSON value `held` of the file `path` is an object of at most the format `newest`.

    Raises:
        Damaged: it is no object.
        NewerFormat: its number is higher, or is no whole number from 1.
    """
    if not isinstance(held, dict):
        raise Damaged(f"{path} holds no JSON object; make it again with the command that wrote it.")
    number = held.get("format", 1)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= newest:
        raise NewerFormat(
            f"{path} has format {str(number)[:40]}, and this version of shelftalk reads only up to {newest}; update "
            "shelftalk with: pip install --upgrade shelftalk"
        )
