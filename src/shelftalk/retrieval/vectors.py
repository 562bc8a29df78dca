"""The truth of an index: one Parquet file of products and their vectors, in the catalogue's order.

Columns: uid, title, description (text) and vector (a list of fixed size, float32). It knows no model and no database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.errors import Damaged, NotFound
from shelftalk.records import Product
from shelftalk.workspace import write_bytes

FILE = "vectors.parquet"
TEXT_COLUMNS = ("uid", "title", "description")


def write(path: Path, products: Sequence[Product], vectors: np.ndarray) -> None:
    """Write products and their vectors [n, dimensions] in the order given, whole or not at all.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    columns = [pa.array([getattr(product, name) for product in products], pa.large_string()) for name in TEXT_COLUMNS]
    columns.append(pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]))
    sink = pa.BufferOutputStream()
    # The checksums tell rotten bytes from a file that somebody replaced.
    pq.write_table(
        pa.table(columns, names=[*TEXT_COLUMNS, "vector"]), sink, compression="zstd", write_page_checksum=True
    )
    write_bytes(path, sink.getvalue().to_pybytes())


def read_texts(path: Path) -> tuple[str, Any]:
    """Return the file's SHA-256 and its uids, titles and descriptions as an Arrow table.

    Both are of one and the same file, also when another process replaces it meanwhile.

    Raises:
        NotFound: there is no such file; the message says how to make it.
        Damaged: it is no Parquet file, lacks a column, or a page does not have its checksum.
    """
    return _read(path, TEXT_COLUMNS)


def read_vectors(path: Path) -> np.ndarray:
    """Return the vectors: float32 [products, dimensions].

    Raises:
        NotFound, Damaged: see `read_texts`.
    """
    column = _read(path, ("vector",))[1]["vector"]
    if not pa.types.is_fixed_size_list(column.type) or column.type.value_type != pa.float32():
        raise _damaged(path, f"the vectors are {column.type}")
    flat = np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])
    return flat.reshape(len(column), column.type.list_size)


def read_products(path: Path) -> list[Product]:
    """Return the products in the file's order.

    Raises:
        NotFound, Damaged: see `read_texts`.
    """
    texts = read_texts(path)[1]
    return [Product(*row) for row in zip(*(texts[name].to_pylist() for name in TEXT_COLUMNS), strict=True)]


def _read(path: Path, columns: Sequence[str]) -> tuple[str, Any]:
    try:
        with pa.memory_map(str(path)) as file:
            digest = hashlib.sha256(file.read_buffer()).hexdigest()
            table = pq.read_table(file, columns=list(columns), page_checksum_verification=True)
    except FileNotFoundError as error:
        raise NotFound(f"There is no index in {path.parent}; make it with: {_cure(path)}") from error
    except (OSError, ValueError) as error:  # pyarrow's own errors are among these
        raise _damaged(path, str(error).splitlines()[0]) from error
    if not len(table):
        raise _damaged(path, "it holds no product")
    return digest, table


def _damaged(path: Path, reason: str) -> Damaged:
    return Damaged(f"{path} is damaged ({reason}); make it again with: {_cure(path)}")


def _cure(path: Path) -> str:
    return f"shelftalk index {path.resolve().parent.parent.name}"
