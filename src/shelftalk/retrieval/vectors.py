"""Read and write files of vectors: an index's Parquet file, in catalogue order, and the shards of an unfinished build.

Columns: product (the digest of uid, title and description), uid, title, description (text) and vector (a list of fixed
size, float32); a shard has product and vector only. Files are written and read one row group at a time, so that
a million products take no more memory than a few thousand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.errors import Damaged, NotFound
from shelftalk.models.embedders import MINILM, EmbedderId
from shelftalk.records import Product
from shelftalk.workspace import staged_file

FILE = "vectors.parquet"
TEXT_COLUMNS = ("uid", "title", "description")
ROW_GROUP = 8192  # products, about 18 MB
DIGEST = np.dtype("S16")  # compares like 16 bytes
FINGERPRINT = b"content_sha256"  # in the footer
EMBEDDER = b"embedder"  # there too, where it is not all-MiniLM-L6-v2


def digest(products: Iterable[Product]) -> np.ndarray:
    """Return a 16-byte hash of each product's uid, title and description: `DIGEST` [products]."""
    return np.frombuffer(b"".join(map(_digest, products)), DIGEST)


def _digest(product: Product) -> bytes:
    # The lengths mark the boundaries between the texts.
    content = f"{len(product.uid)} {len(product.title)} {product.uid}{product.title}{product.description}"
    return hashlib.blake2b(content.encode(), digest_size=DIGEST.itemsize).digest()


def write(
    path: Path,
    digests: np.ndarray,
    vectors: np.ndarray,
    products: Sequence[Product] = (),
    embedder: EmbedderId = MINILM,
) -> None:
    """Write digests, vectors [n, dimensions] and products (none for a shard) in the order given.

    The file is written atomically. Equal arguments give equal bytes. The footer has a SHA-256 of the digests and the
    vectors, and names the embedder.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    texts = [(name, pa.large_string()) for name in TEXT_COLUMNS if products]
    vector = pa.list_(pa.float32(), vectors.shape[1])
    schema = pa.schema([("product", pa.binary(DIGEST.itemsize)), *texts, ("vector", vector)])
    content = hashlib.sha256()
    # Page checksums distinguish corrupt bytes from a replaced file; digests and floats would not compress.
    options = {"compression": {name: "zstd" for name, _ in texts}, "use_dictionary": False, "write_page_checksum": True}
    with staged_file(path) as staged, pq.ParquetWriter(staged, schema, **options) as file:
        for start in range(0, len(digests), ROW_GROUP):
            rows = slice(start, start + ROW_GROUP)
            names = np.ascontiguousarray(digests[rows])
            part = np.ascontiguousarray(vectors[rows], dtype=np.float32)
            content.update(names.tobytes())
            content.update(part.tobytes())
            columns = [pa.FixedSizeBinaryArray.from_buffers(schema.types[0], len(names), [None, pa.py_buffer(names)])]
            columns += [pa.array([getattr(one, name) for one in products[rows]], kind) for name, kind in texts]
            columns += [pa.FixedSizeListArray.from_arrays(part.ravel(), vectors.shape[1])]
            file.write_batch(pa.record_batch(columns, schema=schema), ROW_GROUP)
        named = {} if embedder == MINILM else {EMBEDDER: json.dumps(embedder._asdict())}
        file.add_key_value_metadata({FINGERPRINT: content.hexdigest(), **named})


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the file's digests and vectors from its footer; only the footer is read.

    Raises:
        NotFound: there is no such file; the message says how to make it.
        Damaged: it is not a Parquet file, or not of this kind.
    """
    with _opened(path) as file:
        found = (file.metadata.metadata or {}).get(FINGERPRINT)
        if not found:
            raise ValueError("its footer names no SHA-256")
        return str(found.decode())


def embedder_of(path: Path) -> EmbedderId:
    """Return the embedder that made the file's vectors; only the footer is read.

    Raises:
        NotFound, Damaged: see `fingerprint`.
    """
    with _opened(path) as file:
        named = (file.metadata.metadata or {}).get(EMBEDDER)
        if named is None:
            return MINILM
        held = json.loads(named)
        if not isinstance(held, dict) or not all(isinstance(held.get(one), str) for one in EmbedderId._fields):
            raise ValueError("its footer names no embedder")
        return EmbedderId(*(held[one] for one in EmbedderId._fields))


def shape(path: Path) -> tuple[int, int]:
    """Return the number of products in the file, and the dimensions of a vector; only the footer is read.

    Raises:
        NotFound, Damaged: see `fingerprint`.
    """
    with _opened(path) as file:
        return int(file.metadata.num_rows), int(_vector_type(file.schema_arrow).list_size)


def read_digests(path: Path) -> np.ndarray:
    """Return the digests of the file's products: `DIGEST` [products].

    Raises:
        NotFound, Damaged: see `fingerprint`; also Damaged if it is empty or the checksum of a page does not match.
    """
    column = pa.chunked_array([chunk for table in _tables(path, ["product"]) for chunk in table["product"].chunks])
    return np.concatenate([np.frombuffer(one.buffers()[1], DIGEST)[one.offset :][: len(one)] for one in column.chunks])


def read_vectors(path: Path) -> Iterator[np.ndarray]:
    """Yield the vectors, float32 [up to `ROW_GROUP`, dimensions], in the file's order.

    Raises:
        NotFound, Damaged: see `read_digests`; also Damaged where a vector is not finite.
    """
    for table in _tables(path, ["vector"]):
        block = np.concatenate([chunk.flatten() for chunk in table["vector"].chunks]).reshape(len(table), -1)
        if not np.isfinite(block).all():
            raise _damaged(path, "a vector is not finite")
        yield block


def take_vectors(path: Path, rows: np.ndarray) -> np.ndarray:
    """Return the vectors of `rows`, in the order of `rows`: float32 [len(rows), dimensions].

    Raises:
        NotFound, Damaged: see `read_digests`.
    """
    taken = np.empty((len(rows), shape(path)[1]), np.float32)
    gather(read_vectors(path), rows, taken)
    return taken


def gather(blocks: Iterable[np.ndarray], rows: np.ndarray, into: np.ndarray) -> None:
    """Copy `rows` of the concatenated blocks, in the order of `rows`, into the array `into`, one block at a time."""
    order = np.argsort(rows)
    first = done = 0
    for block in blocks:
        end = int(np.searchsorted(rows, first + len(block), sorter=order))
        in_block = order[done:end]
        into[in_block] = block[rows[in_block] - first]
        first, done = first + len(block), end


def read_texts(path: Path) -> Iterator[Any]:
    """Yield uids, titles and descriptions as Arrow tables of up to `ROW_GROUP` products, in the file's order.

    Raises:
        NotFound, Damaged: see `read_digests`.
    """
    return _tables(path, list(TEXT_COLUMNS))


def _tables(path: Path, columns: list[str]) -> Iterator[Any]:
    with _opened(path) as file:
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing or not file.metadata.num_rows:
            raise ValueError(f"it holds no {', '.join(missing) or 'product'}")
        _vector_type(file.schema_arrow)
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def _vector_type(schema: Any) -> Any:
    kind = schema.field("vector").type
    if not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
        raise ValueError(f"the vectors are {kind}")
    return kind


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError as error:
        raise NotFound(f"There is no index in {path.parent}; make it with: {_command(path)}") from error
    except (OSError, ValueError) as error:  # base classes of pyarrow's exceptions
        raise _damaged(path, str(error).splitlines()[0]) from error


def _damaged(path: Path, reason: str) -> Damaged:
    return Damaged(f"{path} is damaged ({reason}); make it again with: {_command(path)}")


def _command(path: Path) -> str:
    return f"shelftalk index {path.resolve().parent.parent.name}"
