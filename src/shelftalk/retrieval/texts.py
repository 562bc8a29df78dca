"""The texts of an index, derived from vectors.parquet: a memory-mapped Arrow file, which needs no memory to open."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from shelftalk.errors import Damaged

FILE = "texts.arrow"


def write(path: Path, tables: Iterable[Any]) -> None:
    """Write one or more Arrow tables with the same schema, one after the other."""
    tables = iter(tables)
    first = next(tables)
    with pa.ipc.new_file(path, first.schema) as file:
        file.write_table(first)
        for table in tables:
            file.write_table(table)


def read(path: Path) -> Any:
    """Return the file's table, whose pages are read on access; the file may be removed while it is in use.

    Raises:
        Damaged: the file is missing, or not an Arrow file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be opened ({error}); delete it, it will be built again.") from error
