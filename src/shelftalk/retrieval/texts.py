"""The texts of an index, derived from vectors.parquet: an Arrow file that is mapped, and takes no memory to open."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from shelftalk.errors import Damaged

FILE = "texts.arrow"


def write(path: Path, tables: Iterable[Any]) -> None:
    """Write Arrow tables of one schema, one after the other; at least one."""
    tables = iter(tables)
    first = next(tables)
    with pa.ipc.new_file(path, first.schema) as file:
        file.write_table(first)
        for table in tables:
            file.write_table(table)


def read(path: Path) -> Any:
    """Return the file's table; what is not asked for is not read, and the file may be removed meanwhile.

    Raises:
        Damaged: it is missing, or no Arrow file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be opened ({error}); delete it, it will be built again.") from error
