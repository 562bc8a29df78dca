"""Append records to JSON Lines files and read them; a record is on disk when `append_record` returns.

A damaged line does not affect the others. A line without a key `format` has format 1, see `format_numbers`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shelftalk.format_numbers import require_known
from shelftalk.workspace import writing

FORMAT = 1  # of a line


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Append a record to the file as one line of JSON; an incomplete last line is ended first.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    append_records(path, [record])


def append_records(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Append several records with one write: after a kill the file has all of them, or the first ones.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    # ASCII: a form may send an unpaired surrogate, which UTF-8 cannot encode.
    if lines := "\n".join(map(json.dumps, records)):
        append_line(path, f"\n{lines}" if _ends_without_newline(path) else lines)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return the file's records, oldest first; skip lines that cannot be parsed; return [] if there is no file.

    Raises:
        NewerFormat: a newer version of shelftalk wrote a line.
    """
    if not path.is_file():
        return []
    records = [record for line in path.read_bytes().split(b"\n") if (record := _parse(line)) is not None]
    for record in records:
        require_known(record, FORMAT, path)
    return records


def append_line(path: Path, line: str) -> None:
    """Append a line to a file and fsync it, so that it is on disk before anything that is written later.

    A kill or a full disk may leave an incomplete last line.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    data = f"{line}\n".encode()
    with writing(path, len(data)), path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _ends_without_newline(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
