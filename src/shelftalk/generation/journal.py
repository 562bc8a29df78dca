"""Store every finished row of a long job on disk until the output is complete, so that a killed job can resume.

A journal is JSON Lines: its format and the job's description first, then one line for each finished row, in the order
in which they were finished; of two lines of one row the later one counts. A row is in the file once `append` returns,
so it survives a SIGKILL; an fsync every second protects against a power failure too. An incomplete last line is
discarded. In memory a row takes eight bytes.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from shelftalk.errors import Damaged, InvalidSettings
from shelftalk.format_numbers import require_known
from shelftalk.workspace import write_bytes, writing

FORMAT = 1
SECONDS_BETWEEN_SYNCS = 1.0
SHOWN = 24  # characters of a value in a message
Complete = Callable[[dict[str, Any]], dict[str, Any]]
ADVICE = "remove that file to start again, or choose another --output"


class Journal:
    """The open journal of one job, a mapping from row numbers to entries; created with `Journal.open`."""

    def __init__(self, path: Path, job: Mapping[str, Any], complete: Complete) -> None:
        self._path = path
        self._complete = complete
        self.is_earlier = False  # whether an earlier version wrote its first line
        self._offsets = array("q")  # byte offset of each row's line, by its number; 0 for a missing row
        self._count = 0
        end = self._load(job)
        self._file = path.open("r+b", buffering=0)
        self._file.truncate(end)
        self._reader = path.open("rb")  # after truncation, because a reader buffers data
        self._synced = time.monotonic()

    @classmethod
    @contextmanager
    def open(cls, path: Path, job: Mapping[str, Any], complete: Complete = lambda job: job) -> Iterator[Journal]:
        """Open or create the journal at `path` for the job that `job` describes in plain JSON values.

        `complete` returns the description that this version would have written for one of an earlier version, and any
        other as it is. A journal of another job without any row is replaced. The caller holds a lock: the journal does
        not detect a second writer.

        Raises:
            InvalidSettings: the journal at `path` is of another job; the message lists the differences.
            NewerFormat: a newer version of shelftalk wrote it.
            Damaged: the file at `path` is no journal, or is corrupt before its last line.
            NotWritable: see `workspace.writing`.
        """
        if not path.exists() or _holds_no_row(path):
            write_bytes(path, _line({"format": FORMAT, "job": job}))
        with writing(path):
            journal = cls(path, job, complete)
        try:
            yield journal
            journal._sync()
        finally:
            journal._file.close()
            journal._reader.close()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return number < len(self._offsets) and self._offsets[number] > 0

    def __getitem__(self, number: int) -> dict[str, Any]:
        if number not in self:
            raise KeyError(number)
        self._reader.seek(self._offsets[number])
        entry: dict[str, Any] = orjson.loads(self._reader.readline())
        return entry

    def append(self, number: int, entry: Mapping[str, Any]) -> None:
        """Append the entry of a finished row.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        line = _line({"row": number, **entry})
        with writing(self._path):
            offset, written = self._file.seek(0, os.SEEK_END), 0
            while written < len(line):  # on a full disk the first write is partial, and the next one raises
                written += self._file.write(line[written:])
            if time.monotonic() - self._synced >= SECONDS_BETWEEN_SYNCS:
                self._sync()
        self._set_offset(number, offset)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _set_offset(self, number: int, offset: int) -> None:
        if number >= len(self._offsets):
            self._offsets.extend([0] * (number + 1 - len(self._offsets)))
        self._count += self._offsets[number] == 0
        self._offsets[number] = offset

    def _load(self, job: Mapping[str, Any]) -> int:
        """Read the offset of each row's line, and return the offset after the last complete line."""
        with self._path.open("rb") as lines:
            offset = len(header := lines.readline())
            self._require_same(_parsed(header), job)
            for line in lines:
                if (entry := _parsed(line)) is None:
                    break
                self._set_offset(entry["row"], offset)
                offset += len(line)
            if lines.read(1):
                raise Damaged(f"{self._path} is corrupt at byte {offset}; {ADVICE}.")
        return offset

    def _require_same(self, header: Mapping[str, Any] | None, job: Mapping[str, Any]) -> None:
        have = (header or {}).get("job")
        if not isinstance(have, dict):
            raise Damaged(f"{self._path} is not a journal of shelftalk; {ADVICE}.")
        completed = self._complete(have)
        self.is_earlier, have = completed != have, completed
        differences = [
            f"{name}: {str(have.get(name))[:SHOWN]}, now {str(job.get(name))[:SHOWN]}"
            for name in [*job, *(name for name in have if name not in job)]
            if have.get(name) != job.get(name)
        ]
        if differences:
            raise InvalidSettings(
                f"{self._path} is of another job that is not done ({'; '.join(differences)}); run that job's command "
                f"again, {ADVICE}."
            )


def _holds_no_row(path: Path) -> bool:
    with path.open("rb") as lines:
        header, row = _parsed(lines.readline()), lines.readline()
    if header is None:
        return False
    require_known(header, FORMAT, path)
    return "job" in header and not row.endswith(b"\n")


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Parse a line; return None for one that is incomplete or corrupt."""
    try:
        value = orjson.loads(line) if line.endswith(b"\n") else None
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and ("row" in value or "job" in value) else None
