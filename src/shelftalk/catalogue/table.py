"""Write Parquet files of products row by row, in bounded memory, the same bytes for the same rows."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DRAFT = pa.schema([("uid", pa.string()), ("title", pa.string()), ("description", pa.string()), ("line", pa.int64())])
PRODUCTS = DRAFT.insert(3, pa.field("split", pa.string()))

ROWS_IN_GROUP = 10_000
CHARACTERS_IN_GROUP = 16 << 20


class TableWriter:
    """A Parquet file under construction; a row group ends at 10,000 rows or 16 Mi characters of description."""

    def __init__(self, path: Path, schema: Any) -> None:
        self._schema = schema
        self._description = schema.get_field_index("description")
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
        self._rows: list[tuple[Any, ...]] = []
        self._characters = 0

    def append(self, row: tuple[Any, ...]) -> None:
        """Add one row; its values stand in the schema's order."""
        self._rows.append(row)
        self._characters += len(row[self._description])
        if len(self._rows) >= ROWS_IN_GROUP or self._characters >= CHARACTERS_IN_GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._characters = [], 0

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()
