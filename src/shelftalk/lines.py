"""Files of JSON Lines that grow: a line is on the disk when `append_record` returns, and one that was torn costs itself
alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from shelftalk.workspace import append_line


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Add a record to the file as a line of JSON, on a line of its own also where the last one was torn.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    line = json.dumps(record)  # in ASCII, so that the half of a character that a form may send can be written too
    append_line(path, f"\n{line}" if _is_torn(path) else line)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return the file's records, oldest first, without lines that cannot be read; none where there is no file."""
    if not path.is_file():
        return []
    return [record for line in path.read_bytes().split(b"\n") if (record := _parsed(line)) is not None]


def _is_torn(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
