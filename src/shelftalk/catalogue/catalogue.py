"""Open a prepared catalogue and read its products, the whole of it or a seeded sample, without loading the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shelftalk.catalogue.split import SPLITS, choose
from shelftalk.errors import Damaged
from shelftalk.records import Product
from shelftalk.workspace import read_json

CURE = "make it again with: shelftalk prepare"


class Catalogue:
    """A prepared catalogue on disk; `summary` is what stands in its catalogue.json."""

    def __init__(self, folder: Path, summary: dict[str, Any]) -> None:
        self.folder = folder
        self.summary = summary

    @classmethod
    def open(cls, folder: Path) -> Catalogue:
        """Open the catalogue in `folder`; its texts are read only when asked for.

        Raises:
            Damaged: catalogue.json or products.parquet is missing or broken, or one does not fit the other.
        """
        summary = read_json(folder / "catalogue.json")
        if not isinstance(summary, dict) or not {"kept", "split", "data_hash"} <= summary.keys():
            raise Damaged(f"{folder / 'catalogue.json'} is not a catalogue's summary; {CURE}.")
        catalogue = cls(folder, summary)
        with catalogue._table() as table:
            if table.metadata.num_rows != summary["kept"]:
                rows = table.metadata.num_rows
                raise Damaged(f"{catalogue._path} has {rows} rows instead of {summary['kept']}; {CURE}.")
        return catalogue

    @property
    def data_hash(self) -> str:
        """The SHA-256 of the products and their splits; see `prepare`."""
        return str(self.summary["data_hash"])

    def count(self, split: str | None = None) -> int:
        """Return how many products a split has, or the whole catalogue."""
        return int(self.summary["kept"] if split is None else self.summary["split"][_known(split)])

    def products(self, split: str | None = None) -> list[Product]:
        """Return a split's products, or all, in catalogue order.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        return self._take(self._rows(split))

    def sample(self, split: str | None, n: int | None, seed: int) -> list[Product]:
        """Return `n` products of a split in catalogue order, all of them where there are no more or `n` is None.

        The same arguments give the same products on every platform.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        rows = self._rows(split)
        if n is not None and n < len(rows):
            rows = rows[choose(np.arange(len(rows)), n, seed)]
        return self._take(rows)

    @property
    def _path(self) -> Path:
        return self.folder / "products.parquet"

    @contextmanager
    def _table(self) -> Iterator[Any]:
        try:
            with pq.ParquetFile(self._path, page_checksum_verification=True) as table:
                yield table
        except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise Damaged(f"{self._path} cannot be read ({reason}); {CURE}.") from error

    def _rows(self, split: str | None) -> NDArray[np.int64]:
        """Return the numbers of a split's rows, from 0."""
        if split is None:
            return np.arange(self.count())
        with self._table() as table:
            splits = table.read(columns=["split"])["split"].to_numpy()
        return np.flatnonzero(splits == _known(split))

    def _take(self, rows: NDArray[np.int64]) -> list[Product]:
        """Read the given rows, which rise, one row group at a time."""
        found: list[Product] = []
        with self._table() as table:
            first = 0
            for group in range(table.num_row_groups):
                end = first + table.metadata.row_group(group).num_rows
                wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, end)] - first
                if len(wanted):
                    columns = table.read_row_group(group, columns=["uid", "title", "description"]).take(wanted)
                    found += map(Product, *(columns[name].to_pylist() for name in ("uid", "title", "description")))
                first = end
        return found


def _known(split: str) -> str:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return split
