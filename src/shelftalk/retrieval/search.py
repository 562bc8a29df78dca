"""Search an index for the products nearest to a text, with their similarities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from shelftalk.errors import InvalidSettings
from shelftalk.models.embedders import find_same, is_near, open_for_questions
from shelftalk.records import Progress, Reference, no_progress
from shelftalk.retrieval import vectors
from shelftalk.retrieval.alike import group
from shelftalk.retrieval.chroma import Store
from shelftalk.retrieval.index import open_index
from shelftalk.workspace import Workspace

# Results that are fetched at first, for each wanted one and at least; while variants fill them, four times as many.
FETCHED, FEWEST, MOST = 4, 32, 2048


class TextEmbedder(Protocol):
    """An object that embeds texts as vectors of length 1: float32 [texts, dimensions], in the order of the texts."""

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray: ...


class Index:
    """An open index; make one with `Index.open(folder, embedder)`. Its vectors are in memory.

    Several threads may search concurrently; a lock serialises them, because tokenizer and Chroma require it.
    """

    def __init__(self, texts: Any, store: Store, embedder: TextEmbedder, name: str = "") -> None:
        self._texts = texts
        self._store = store
        self._embedder = embedder
        self._name = name
        self._lock = Lock()

    @classmethod
    def open(cls, folder: Path, embedder: TextEmbedder, name: str = "") -> Index:
        """Open the index in `folder`, whose products were embedded with `embedder`, which has that name.

        A valid index is not written to and may be read-only. A missing, stale or corrupt Chroma folder is built again
        from vectors.parquet first.

        Raises:
            NotFound: there is no index.
            Damaged: vectors.parquet is not readable.
            Busy: another process has been building the index for a minute.
            NotWritable: Chroma's folder must be built again, and `folder` cannot be written to.
        """
        texts, store = open_index(folder)
        return cls(texts, store, embedder, name)

    def search(self, text: str, k: int = 3) -> list[Reference]:
        """Return the `k` products nearest to `text`, nearest first; all products if there are fewer.

        Of products that are nearly the same one is returned, the nearest, with the number of the others: see `alike`.
        The similarity is the cosine, between -1 and 1, rounded to four decimals.

        Raises:
            InvalidSettings: `k` is less than 1.
        """
        return self.search_all([text], k)[0]

    def search_all(self, texts: Sequence[str], k: int = 3) -> list[list[Reference]]:
        """Return the result of `search` for each text, in order; the texts are embedded as one batch.

        Raises:
            InvalidSettings: `k` is less than 1.
        """
        if k < 1:
            raise InvalidSettings(f"The number of references must be at least 1, got {k}.")
        if not texts:
            return []
        size = max(FETCHED * k, FEWEST)
        with self._lock:
            queries = self._embedder.embed(texts)
            found = self._store.nearest(queries, size)
        return [self._distinct(query, one, k) for query, one in zip(queries, found, strict=True)]

    def nearest_uids(self, text: str, k: int) -> set[str]:
        """Return the uids of the `k` products nearest to `text`, also of those that are nearly the same."""
        with self._lock:
            [found] = self._store.nearest(self._embedder.embed([text]), k)
        return {self._texts["uid"][row].as_py() for row, _ in found}

    def uids(self) -> set[str]:
        """Return the uids of all products of the index."""
        return set(self._texts["uid"].to_pylist())

    def _distinct(self, query: np.ndarray, found: list[tuple[int, float]], k: int) -> list[Reference]:
        while True:
            rounded = [(row, round(min(1.0, max(-1.0, cosine)), 4)) for row, cosine in found]
            # The order of equal vectors in Chroma changes with every build.
            ordered = sorted(rounded, key=lambda pair: (-pair[1], pair[0]))
            groups, more = group((self._text(row) for row, _ in ordered), k)
            size = min(4 * len(found), MOST, self._store.count)
            if size <= len(found) or not (more or len(groups) < k):
                return [self._reference(*ordered[one.shown], one.alike) for one in groups]
            with self._lock:
                [found] = self._store.nearest(query[None], size)

    def _text(self, row: int) -> tuple[str, str]:
        return self._texts["title"][row].as_py(), self._texts["description"][row].as_py()

    def _reference(self, row: int, cosine: float, alike: int) -> Reference:
        uid = self._texts["uid"][row].as_py()
        return Reference(uid, *self._text(row), cosine, is_near(cosine, self._name), alike)


def open_search(folder: Path, workspace: Workspace) -> Index:
    """Open the index in `folder` with the embedder that made it.

    Raises:
        NotFound, Damaged, Busy, NotWritable: see `Index.open`.
        InvalidSettings, Unreachable: see `models.embedders.find_same`.
    """
    while True:
        identity = vectors.embedder_of(folder / vectors.FILE)
        index = Index.open(folder, open_for_questions(find_same(identity, workspace)), identity.name)
        # Another process may have indexed with another embedder since: their vectors may have the same dimensions.
        if vectors.embedder_of(folder / vectors.FILE) == identity:
            return index
