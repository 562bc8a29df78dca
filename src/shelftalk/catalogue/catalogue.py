"""Open a prepared catalogue and read all of its products or a seeded sample, without loading the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shelftalk.catalogue.clean import plain
from shelftalk.catalogue.split import SPLITS, choose
from shelftalk.errors import Damaged
from shelftalk.format_numbers import require_known
from shelftalk.records import Product
from shelftalk.workspace import read_json

FORMAT = 1  # of a catalogue's folder
PIECES = 5  # places in the catalogue where neighbours stand
REMEDY = "make it again with: shelftalk prepare"


class Catalogue:
    """A prepared catalogue on disk; `summary` is the content of its catalogue.json."""

    def __init__(self, folder: Path, summary: dict[str, Any]) -> None:
        self.folder = folder
        self.summary = summary

    @classmethod
    def open(cls, folder: Path) -> Catalogue:
        """Open the catalogue in `folder`; its texts are read only on request.

        Raises:
            NewerFormat: a newer version of shelftalk wrote it.
            Damaged: catalogue.json or products.parquet is missing or corrupt, or they do not match.
        """
        summary = read_json(folder / "catalogue.json")
        require_known(summary, FORMAT, folder / "catalogue.json")
        if not {"kept", "split", "data_hash"} <= summary.keys():
            raise Damaged(f"{folder / 'catalogue.json'} is not a catalogue's summary; {REMEDY}.")
        catalogue = cls(folder, summary)
        with catalogue._table() as table:
            if table.metadata.num_rows != summary["kept"]:
                rows = table.metadata.num_rows
                raise Damaged(f"{catalogue._path} has {rows} rows instead of {summary['kept']}; {REMEDY}.")
        return catalogue

    @property
    def data_hash(self) -> str:
        """The SHA-256 of the products and their splits; see `prepare`."""
        return str(self.summary["data_hash"])

    @property
    def language(self) -> str:
        """The language of the texts, as an ISO 639-1 code: English where it is not known, as before version 0.2."""
        return str(self.summary.get("language") or "en")

    def count(self, split: str | None = None) -> int:
        """Return the number of products in a split, or in the whole catalogue."""
        return int(self.summary["kept"] if split is None else self.summary["split"][_valid_split(split)])

    def products(self, split: str | None = None) -> list[Product]:
        """Return the products of a split, or all products, in catalogue order.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        return self.take(self._rows(split))

    def sample(
        self, split: str | None, n: int | None, seed: int, fits: Callable[[Product], bool] | None = None
    ) -> list[Product]:
        """Return `n` random products of a split in catalogue order; all if the split has fewer or `n` is None.

        Only those are taken that `fits` returns true for, if it is given. The same arguments give the same products on
        every platform.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        rows = self._rows(split)
        if fits is not None:
            rows = rows[np.fromiter(map(fits, self.take(rows)), bool, len(rows))]
        if n is not None and n < len(rows):
            rows = rows[choose(np.arange(len(rows)), n, seed)]
        return self.take(rows)

    def neighbours(self, n: int) -> list[Product]:
        """Return all products of a small catalogue, or about `n` that stand together in five places, in its order.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        total = self.count()
        if total <= n:
            return self.take(np.arange(total))
        begins = [piece * total // PIECES for piece in range(PIECES)]
        pieces = [np.arange(begin, min(begin + n // PIECES + 1, total)) for begin in begins]
        return self.take(np.unique(np.concatenate(pieces)))

    def attribute_names(self) -> list[str]:
        """Return the names of the products' attributes, the commonest first, at most `prepare.MOST_NAMES`."""
        return list(self.summary.get("attributes", ()))

    def find(self, text: str = "", split: str | None = None, in_descriptions: bool = False) -> NDArray[np.int64]:
        """Return the numbers of the rows whose title contains `text` or whose uid equals it, in catalogue order.

        Case is ignored in titles and descriptions. `text` is normalised like the catalogue's texts: NFC, single spaces,
        none at the ends. It is not a pattern. An empty text matches every row. One row group is in memory at a time.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        wanted = plain(text)
        if not wanted:
            return self._rows(split)
        searched = ["title", "description"] if in_descriptions else ["title"]
        found = [np.empty(0, dtype=np.int64)]
        with self._table() as table:
            for group, first, _ in _groups(table):
                texts = table.read_row_group(group, columns=["uid", *searched, *(["split"] if split else [])])
                held = _holds(texts, wanted, searched)
                if split:
                    held = pc.and_(held, pc.equal(texts["split"], _valid_split(split)))
                found.append(first + np.flatnonzero(held.to_numpy()))
        return np.concatenate(found)

    def with_uids(self, uids: Sequence[str]) -> list[Product]:
        """Return the products with these ids, in catalogue order; ids that no product has are left out.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        wanted = pa.array(uids, pa.string())
        found = [np.empty(0, dtype=np.int64)]
        with self._table() as table:
            for group, first, _ in _groups(table):
                held = pc.is_in(table.read_row_group(group, columns=["uid"])["uid"], value_set=wanted)
                found.append(first + np.flatnonzero(held.to_numpy()))
        return self.take(np.concatenate(found))

    def take(self, rows: NDArray[np.int64]) -> list[Product]:
        """Return the products of the given rows: numbers from 0, in ascending order.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        *texts, attributes = self._columns(rows, ("uid", "title", "description", "attributes"))
        return list(map(Product, *texts, map(tuple, attributes)))

    def splits_of(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the splits of the given rows: numbers from 0, in ascending order.

        Raises:
            Damaged: products.parquet cannot be read.
        """
        return self._columns(rows, ("split",))[0]

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
            raise Damaged(f"{self._path} cannot be read ({reason}); {REMEDY}.") from error

    def _rows(self, split: str | None) -> NDArray[np.int64]:
        """Return the numbers of a split's rows, from 0."""
        if split is None:
            return np.arange(self.count())
        with self._table() as table:
            splits = table.read(columns=["split"])["split"].to_numpy()
        return np.flatnonzero(splits == _valid_split(split))

    def _columns(self, rows: NDArray[np.int64], names: tuple[str, ...]) -> list[list[Any]]:
        """Return the values of the given ascending rows, one list per column; read one row group at a time.

        A catalogue that was prepared before there were attributes has no such column: its products have none.
        """
        found: list[list[Any]] = [[] for _ in names]
        with self._table() as table:
            held = [name for name in names if name in table.schema_arrow.names or name != "attributes"]
            for group, first, end in _groups(table):
                wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, end)] - first
                if len(wanted):
                    columns = table.read_row_group(group, columns=held).take(wanted)
                    for values, name in zip(found, names, strict=True):
                        values += columns[name].to_pylist() if name in held else [()] * len(wanted)
        return found


def _groups(table: Any) -> Iterator[tuple[int, int, int]]:
    """Yield each row group's number, its first row and the row after its last."""
    end = 0
    for group in range(table.num_row_groups):
        first, end = end, end + table.metadata.row_group(group).num_rows
        yield group, first, end


def _holds(texts: Any, wanted: str, columns: list[str]) -> Any:
    """Return a mask of the rows of an Arrow table whose uid is `wanted` or that contain it in one of the columns."""
    found = pc.equal(texts["uid"], wanted)
    for name in columns:
        found = pc.or_(found, pc.match_substring(texts[name], wanted, ignore_case=True))
    return found


def _valid_split(split: str) -> str:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return split
