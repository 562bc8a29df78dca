"""Keep every finished row of a long job on disk until the whole output stands: kill it anywhere, and it goes on.

A journal is JSON Lines: the job's own description first, then one line for each finished row, in the order in which
they were finished. A row is in the file once `append` returns, which outlives a SIGKILL; every second it is made to
outlive a power cut too. A last line that was torn is dropped. In memory there are eight bytes a row.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from shelftalk.errors import Damaged, InvalidSettings
from shelftalk.workspace import write_bytes, writing

SECONDS_BETWEEN_SYNCS = 1.0
SHOWN = 24  # characters of a value in a message
CURE = "remove that file to begin anew, or choose another --output"


class Journal:
    """The open journal of one job, a mapping from row numbers to what was kept; make one with `Journal.open`."""

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        self._path = path
        self._places = array("q")  # where each row's line begins, by its number; 0 for a row that is not there
        self._count = 0
        end = self._load(job)
        self._file = path.open("r+b", buffering=0)
        self._file.truncate(end)
        self._reader = path.open("rb")  # only now: what it reads ahead must not be cut off again
        self._synced = time.monotonic()

    @classmethod
    @contextmanager
    def open(cls, path: Path, job: Mapping[str, Any]) -> Iterator[Journal]:
        """Open the journal at `path`, or begin one, for the job that `job` describes in plain JSON values.

        A journal of another job is begun anew where it holds no row: nothing is lost then. The caller holds a lock: two
        writers are not kept apart here.

        Raises:
            InvalidSettings: the journal at `path` is of another job; the message says what differs.
            Damaged: the file at `path` is no journal, or is spoilt before its end.
            NotWritable: see `workspace.writing`.
        """
        if not path.exists() or _holds_no_row(path):
            write_bytes(path, _line({"job": job}))
        with writing(path):
            journal = cls(path, job)
        try:
            yield journal
            journal._sync()
        finally:
            journal._file.close()
            journal._reader.close()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return number < len(self._places) and self._places[number] > 0

    def __getitem__(self, number: int) -> dict[str, Any]:
        if number not in self:
            raise KeyError(number)
        self._reader.seek(self._places[number])
        entry: dict[str, Any] = orjson.loads(self._reader.readline())
        return entry

    def append(self, number: int, entry: Mapping[str, Any]) -> None:
        """Keep what became of a row.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        line = _line({"row": number, **entry})
        with writing(self._path):
            place, written = self._file.seek(0, os.SEEK_END), 0
            while written < len(line):  # a disk that fills up takes a part, and refuses the rest
                written += self._file.write(line[written:])
            if time.monotonic() - self._synced >= SECONDS_BETWEEN_SYNCS:
                self._sync()
        self._note(number, place)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _note(self, number: int, place: int) -> None:
        if number >= len(self._places):
            self._places.extend([0] * (number + 1 - len(self._places)))
        self._count += self._places[number] == 0
        self._places[number] = place

    def _load(self, job: Mapping[str, Any]) -> int:
        """Note where each row's line begins, and return where the last whole line ends."""
        with self._path.open("rb") as lines:
            place = len(header := lines.readline())
            self._require_same(_parsed(header), job)
            for line in lines:
                if (entry := _parsed(line)) is None:
                    break
                self._note(entry["row"], place)
                place += len(line)
            if lines.read(1):
                raise Damaged(f"{self._path} is spoilt at byte {place}; {CURE}.")
        return place

    def _require_same(self, header: Mapping[str, Any] | None, job: Mapping[str, Any]) -> None:
        have = (header or {}).get("job")
        if not isinstance(have, dict):
            raise Damaged(f"{self._path} is not a journal of shelftalk; {CURE}.")
        differences = [
            f"{name}: {str(have.get(name))[:SHOWN]}, now {str(job.get(name))[:SHOWN]}"
            for name in [*job, *(name for name in have if name not in job)]
            if have.get(name) != job.get(name)
        ]
        if differences:
            raise InvalidSettings(
                f"{self._path} is of another job that is not done ({'; '.join(differences)}); run that job's command "
                f"again, {CURE}."
            )


def _holds_no_row(path: Path) -> bool:
    with path.open("rb") as lines:
        header, row = _parsed(lines.readline()), lines.readline()
    return header is not None and "job" in header and not row.endswith(b"\n")


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return what a whole line says, None for one that is torn or spoilt."""
    try:
        value = orjson.loads(line) if line.endswith(b"\n") else None
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and ("row" in value or "job" in value) else None
