"""Search an index for the products nearest to a text, with their similarities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from shelftalk.errors import InvalidSettings
from shelftalk.records import Progress, Reference, no_progress
from shelftalk.retrieval.chroma import Store
from shelftalk.retrieval.index import open_index


class TextEmbedder(Protocol):
    """An object that embeds texts as vectors of length 1: float32 [texts, dimensions], in the order of the texts."""

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray: ...


class Index:
    """An open index; make one with `Index.open(folder, embedder)`. Its vectors are in memory.

    Several threads may search concurrently; a lock serialises them, because tokenizer and Chroma require it.
    """

    def __init__(self, texts: Any, store: Store, embedder: TextEmbedder) -> None:
        self._texts = texts
        self._store = store
        self._embedder = embedder
        self._lock = Lock()

    @classmethod
    def open(cls, folder: Path, embedder: TextEmbedder) -> Index:
        """Open the index in `folder`, whose products were embedded with `embedder`.

        A valid index is not written to and may be read-only. A missing, stale or corrupt Chroma folder is built again
        from vectors.parquet first.

        Raises:
            NotFound: there is no index.
            Damaged: vectors.parquet is not readable.
            Busy: another process has been building the index for a minute.
            NotWritable: Chroma's folder must be built again, and `folder` cannot be written to.
        """
        texts, store = open_index(folder)
        return cls(texts, store, embedder)

    def search(self, text: str, k: int = 3) -> list[Reference]:
        """Return the `k` products nearest to `text`, nearest first; all products if there are fewer.

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
        with self._lock:
            found = self._store.nearest(self._embedder.embed(texts), k)
        return [self._references(one) for one in found]

    def uids(self) -> set[str]:
        """Return the uids of all products of the index."""
        return set(self._texts["uid"].to_pylist())

    def _references(self, found: list[tuple[int, float]]) -> list[Reference]:
        rounded = [(row, round(min(1.0, max(-1.0, cosine)), 4)) for row, cosine in found]
        # The order of equal vectors in Chroma changes with every build.
        return [self._reference(row, cosine) for row, cosine in sorted(rounded, key=lambda pair: (-pair[1], pair[0]))]

    def _reference(self, row: int, cosine: float) -> Reference:
        uid, title, description = (self._texts[name][row].as_py() for name in ("uid", "title", "description"))
        return Reference(uid, title, description, cosine)
