"""Write Parquet files of products in bounded memory; the same rows or tables in the same order give the same bytes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

ATTRIBUTES = pa.map_(pa.string(), pa.string())  # as lists of (name, value) in Python
PRODUCTS = pa.schema(
    [
        ("uid", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("split", pa.string()),
        ("line", pa.int64()),
        ("attributes", ATTRIBUTES),
    ]
)

ROWS_IN_GROUP = 10_000
BYTES_IN_GROUP = 16 << 20


class TableWriter:
    """A Parquet file that is being written, from rows or from tables.

    A row group ends with the row or the table that brings it to `rows_in_group` or about 16 MiB. `longest` is the
    column of the longest texts.
    """

    def __init__(
        self, path: Path | IO[bytes], schema: Any, longest: str = "description", rows_in_group: int = ROWS_IN_GROUP
    ) -> None:
        self._schema = schema
        self._longest = schema.get_field_index(longest)
        self._rows_in_group = rows_in_group
        repeated = (
            ["split"] if "split" in schema.names else False
        )  # texts rarely repeat, and a dictionary of them takes time
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd", use_dictionary=repeated, write_page_checksum=True
        )
        self._rows: list[tuple[Any, ...]] = []
        self._characters = 0
        self._tables = [schema.empty_table()]
        self._begun = False

    def append(self, row: tuple[Any, ...]) -> None:
        """Add one row, with its values in the schema's order."""
        self._rows.append(row)
        self._characters += len(row[self._longest])
        if len(self._rows) >= self._rows_in_group or self._characters >= BYTES_IN_GROUP:
            self._gather_rows()

    def extend(self, table: Any) -> None:
        """Add an Arrow table with the same schema."""
        if self._rows:
            self._gather_rows()
        self._tables.append(table)
        rows, size = (sum(getattr(one, name) for one in self._tables) for name in ("num_rows", "nbytes"))
        if rows >= self._rows_in_group or size >= BYTES_IN_GROUP:
            self._end_group()

    def _gather_rows(self) -> None:
        columns = list(zip(*self._rows, strict=True))
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._rows, self._characters = [], 0
        self.extend(pa.Table.from_arrays(arrays, schema=self._schema))

    def _end_group(self) -> None:
        group = pa.concat_tables(self._tables).combine_chunks()
        self._writer.write_table(group, row_group_size=max(len(group), 1))
        self._tables, self._begun = [self._schema.empty_table()], True

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if self._rows:
                    self._gather_rows()
                if len(self._tables) > 1 or not self._begun:
                    self._end_group()
        finally:
            self._writer.close()
