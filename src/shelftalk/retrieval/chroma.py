"""A Chroma folder: built once from vectors, verified in a child process, and then only read.

A killed writer corrupts a Chroma folder, and a corrupt folder can crash the process that opens it. So a folder is
written once in a temporary location and never modified: Chroma adds a row to its SQLite file each time it opens, hence
a reader opens a private view of the folder. A record's id is the row of its vector. No embedding function, no server,
no telemetry.

    python -m shelftalk.retrieval.chroma FOLDER VECTORS.PARQUET      exits with 0 if the folder matches these vectors
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.config import Settings
from chromadb.errors import ChromaError

from shelftalk.errors import Damaged, NotWritable, ShelftalkError
from shelftalk.retrieval import vectors
from shelftalk.workspace import writing

VERSION: str = chromadb.__version__
COLLECTION = "products"
DATABASE = "chroma.sqlite3"
SELF_QUERIES = 1000


def build(folder: Path, blocks: Iterable[np.ndarray], count: int) -> None:
    """Build a Chroma database of `count` vectors, at least 1, in `folder`; `blocks` are float32 [rows, dimensions].

    Raises:
        Damaged: Chroma reported an error.
        NotWritable: the disk is full.
    """
    try:
        with closing(_client(folder)) as client:
            collection = client.create_collection(COLLECTION, embedding_function=None, configuration=_graph(count))
            batch, first = client.get_max_batch_size(), 0
            for block in blocks:
                for start in range(0, len(block), batch):
                    part = block[start : start + batch]
                    collection.add(ids=[str(row) for row in range(first, first + len(part))], embeddings=part)
                    first += len(part)
                _release_memory()
        with closing(sqlite3.connect(folder / DATABASE)) as database:
            # Without the log of the additions, 15 times the size of the rest; VACUUM alone needs temporary space.
            database.execute("VACUUM INTO ?", (str(folder / f"{DATABASE}.small"),))
        (folder / f"{DATABASE}.small").replace(folder / DATABASE)
    except (ChromaError, RuntimeError, ValueError, sqlite3.Error) as error:
        if "disk is full" in str(error):  # SQLite's word; Chroma passes it on without the number
            raise NotWritable(
                f"Cannot write {folder}: its disk or that of temporary files ({tempfile.gettempdir()}) is full; free "
                "some space and run the same command again."
            ) from error
        raise Damaged(f"Chroma could not build {folder} ({error}); run the same command again.") from error


def verify(folder: Path, vectors_file: Path) -> None:
    """Verify in a child process that `folder` opens and finds the vectors of `vectors_file`.

    Raises:
        Damaged: too few vectors were found, or the child process crashed.
    """
    command = [sys.executable, "-m", "shelftalk.retrieval.chroma", str(folder), str(vectors_file)]
    # Without this, Python would import modules from the working directory first.
    child = subprocess.run(
        command, env={**os.environ, "PYTHONSAFEPATH": "1"}, capture_output=True, text=True, check=False
    )
    if child.returncode:
        last_line = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise Damaged(f"The new Chroma folder {folder} fails its check ({last_line}); run the same command again.")


class Store:
    """A Chroma folder, open for reading; make one with `Store.open(folder)`."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self.count: int = collection.count()  # also makes Chroma load the graph

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open a private view of `folder`, a link to its graph and a copy of its database, and load it.

        The view is a temporary folder that is removed with the store. `folder` is not written to, may be read-only and
        may be removed after this returns.

        Raises:
            Damaged: a file is missing, or Chroma cannot read them.
            NotWritable: there is no space for temporary files.
        """
        with ExitStack() as undo:
            view = Path(tempfile.mkdtemp(prefix="shelftalk-index-"))  # its failure is no damage of `folder`
            undo.callback(shutil.rmtree, view, ignore_errors=True)
            try:
                with writing(view):
                    _create_view(folder, view)
                client = undo.enter_context(closing(_client(view)))
                store = cls(client.get_collection(COLLECTION, embedding_function=None))
            except (ChromaError, RuntimeError, ValueError, OSError) as error:
                raise Damaged(f"{folder} cannot be opened ({error}); delete it, it will be built again.") from error
            weakref.finalize(store, undo.pop_all().close)
            return store

    def nearest(self, queries: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
        """Return the `k` nearest rows with their cosines, nearest first, for each of `queries` [n, dimensions]."""
        found = self._collection.query(query_embeddings=queries, n_results=min(k, self.count), include=["distances"])
        return [
            [(int(row), 1 - distance) for row, distance in zip(rows, distances, strict=True)]
            for rows, distances in zip(found["ids"], found["distances"], strict=True)
        ]


def fault(store: Store, vectors_file: Path) -> str:
    """Return how `store` differs from the vectors of a file; '' where it does not.

    It must have the same number of vectors, and for at least 99 % of up to 1,000 evenly spaced vectors the nearest must
    be the same vector or an equal one.
    """
    count, _ = vectors.shape(vectors_file)
    if store.count != count:
        return f"it holds {store.count} vectors instead of {count}"
    rows = np.unique(np.linspace(0, count - 1, SELF_QUERIES).astype(int))
    queries = vectors.take_vectors(vectors_file, rows)
    nearest = np.array([answer[0][0] for answer in store.nearest(queries, 1)])
    found = vectors.take_vectors(vectors_file, nearest)
    share = float(np.isclose(queries, found, atol=1e-4).all(axis=1).mean())
    return "" if share >= 0.99 else f"only {share:.0%} of the vectors find themselves"


def main() -> None:
    """Check the Chroma folder in argument 1 against the vectors in argument 2; exit with the reason if it fails."""
    try:
        sys.exit(fault(Store.open(Path(sys.argv[1])), Path(sys.argv[2])) or 0)
    except ShelftalkError as error:
        sys.exit(str(error))


def _client(folder: Path) -> Any:
    # Without these, a .env in the working directory is read, and may select the Python implementation, which reads
    # pickles.
    implementation = "chromadb.api.rust.RustBindingsAPI"
    settings = Settings(_env_file=None, anonymized_telemetry=False, chroma_api_impl=implementation)
    # SQLite takes the first folder that it may write to, also one without space; Python tries to write.
    os.environ["SQLITE_TMPDIR"] = tempfile.gettempdir()
    return chromadb.PersistentClient(str(folder), settings=settings)


def _graph(count: int) -> dict[str, Any]:
    # Synchronised exactly once, at the last vector: without it, the graph would be rebuilt at each opening.
    # More vectors need a larger ef_search for a recall of 99 %; 6,000 takes 22 ms.
    ef_search = max(1000, min(6000, count // 225))
    return {"hnsw": {"space": "cosine", "sync_threshold": count, "batch_size": count, "ef_search": ef_search}}


def _release_memory() -> None:
    with suppress(AttributeError):  # only glibc keeps the memory that Chroma frees, as much as the vectors themselves
        ctypes.CDLL(None).malloc_trim(0)


def _create_view(folder: Path, view: Path) -> None:
    shutil.copyfile(folder / DATABASE, view / DATABASE)
    for entry in folder.iterdir():
        if entry.is_dir():  # the graph; Chroma tries to open its files for writing, but works if it cannot
            (view / entry.name).symlink_to(entry.resolve())


if __name__ == "__main__":
    main()
