"""Keep what `generate` wrote, beside its job's record in the run's folder: for review, write-back and training.

The output is for people: its format, names and escaping are theirs to choose. `texts.parquet` has the same rows, in the
same order, with the types and the unchanged texts that a program needs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.catalogue.table import ATTRIBUTES, TableWriter
from shelftalk.errors import Damaged
from shelftalk.generation.tables import REFERENCES, DescribedRow
from shelftalk.records import Attributes
from shelftalk.workspace import read_json

ROWS_IN_GROUP = 1_000  # so that one row is read in some milliseconds
NAMES = pa.list_(pa.string())
FORMAT = 1  # of an output's record
SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("uid", pa.string()),
        ("title", pa.string()),
        ("query", pa.string()),
        ("request", pa.string()),
        ("attributes", ATTRIBUTES),
        ("old", pa.string()),
        ("description", pa.string()),
        ("flag", pa.string()),
        ("detail", pa.string()),
        ("words", pa.int64()),
        ("unsupported", pa.int64()),
        ("contradicted", pa.int64()),
        ("untold", NAMES),
        ("broken_rules", NAMES),
        ("references", REFERENCES),
    ]
)


@dataclass(frozen=True, slots=True)
class Text:
    """One row of the input and what was written for it; see `titles.TitleRow` and `tables.DescribedRow`.

    `title` is as in the file, `query` cleaned; `request` identifies title and attributes as the model got them.
    `references` has uid, title and similarity of each.
    """

    line: int
    uid: str
    title: str
    query: str
    request: str
    attributes: Attributes
    old: str
    description: str
    flag: str
    detail: str
    words: int | None
    unsupported: int | None
    contradicted: int | None
    untold: Sequence[str]
    broken_rules: Sequence[str]
    references: Sequence[dict[str, Any]]


def next_number(folder: Path) -> int:
    """Return the number of a new record in `folder`, one more than the largest there.

    The newest output is found by it, and not by the times of files: a clock may be set back, and a copy has new times.
    """
    return 1 + max((record_number(record) for record in folder.glob("*.json")), default=0)


def recorded_paths(record: Path, source: Path, output: Path) -> dict[str, str]:
    """Return a job's paths as its record holds them: absolute, and from the record's folder.

    A copied workspace knows its own files by the second: the first still leads to the original's.
    """
    paths, folder = {"input": source.absolute(), "output": output.absolute()}, record.parent.absolute()
    relative = {f"{name}_from_here": os.path.relpath(path, folder) for name, path in paths.items()}
    return {name: str(path) for name, path in paths.items()} | relative


def record_number(record: Path) -> int:
    """Return the number of an output's record; 0 for a record of version 0.1, or a damaged one."""
    try:
        return int(read_json(record)["number"])
    except (Damaged, LookupError, TypeError, ValueError, OverflowError):
        return 0


def identify(request: str) -> str:
    """Return what identifies a request: 16 hexadecimal digits."""
    return sha256(request.encode()).hexdigest()[:16]


class TextsWriter:
    """A file of texts that is being written; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._rows = TableWriter(path, SCHEMA, rows_in_group=ROWS_IN_GROUP)

    def append(self, one: DescribedRow) -> None:
        """Add one row."""
        row = one.row
        self._rows.append(
            (
                *(row.line, row.uid, row.title, row.query, identify(row.request), row.attributes, row.old),
                *(one.description, one.flag, one.detail, one.words, one.unsupported, one.contradicted),
                *(one.untold, one.broken_rules, [reference._asdict() for reference in one.references]),
            )
        )

    def __enter__(self) -> TextsWriter:
        self._rows.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._rows.__exit__(*error)


class Texts:
    """A finished file of texts, of which single rows are read by their number, from 0. Several threads may use it.

    Raises:
        Damaged: the file is missing or cannot be read; also while it is read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # two threads that read with one pyarrow.ParquetFile end the process
        with _reading(path):
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        if not self._file.schema_arrow.equals(SCHEMA):
            raise Damaged(f"{path} has other columns than this version writes; write the texts again, with generate.")
        self._group = lru_cache(maxsize=4)(self._read_group)
        sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._ends = [sum(sizes[: group + 1]) for group in range(len(sizes))]

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __getitem__(self, number: int) -> Text:
        if not 0 <= number < len(self):
            raise IndexError(number)
        group = next(group for group, end in enumerate(self._ends) if number < end)
        first = self._ends[group - 1] if group else 0
        values = self._group(group).slice(number - first, 1).to_pylist()[0]
        return Text(**{**values, "attributes": tuple(values["attributes"])})

    def columns(self, *names: str) -> list[list[Any]]:
        """Return the values of whole columns."""
        with _reading(self._path), self._lock:
            table = self._file.read(columns=list(names))
        return [table[name].to_pylist() for name in names]

    def _read_group(self, group: int) -> Any:
        with _reading(self._path), self._lock:
            return self._file.read_row_group(group)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Translate pyarrow's exceptions for a file of texts.

    Raises:
        Damaged: it is missing or corrupt.
    """
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise Damaged(f"{path} cannot be read ({reason}); write the texts again, with generate.") from error
