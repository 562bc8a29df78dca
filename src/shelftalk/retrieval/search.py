"""Ask an index: the products that stand nearest to a text, with their similarity."""

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


class Embeds(Protocol):
    """Whatever turns texts into vectors of length 1: float32 [texts, dimensions], in the order given."""

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray: ...


class Index:
    """An open index; make one with `Index.open(folder, embedder)`. Its vectors are in memory.

    Several threads may search at once; they take turns, which tokenizer and Chroma want.
    """

    def __init__(self, texts: Any, store: Store, embedder: Embeds) -> None:
        self._texts = texts
        self._store = store
        self._embedder = embedder
        self._turn = Lock()

    @classmethod
    def open(cls, folder: Path, embedder: Embeds) -> Index:
        """Open the index in `folder`, whose products `embedder` embedded.

        A sound index is not written to and may be read-only. A missing, stale or broken Chroma folder is built again
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
        """Return the `k` products nearest to `text`, nearest first; all of them if there are no more than `k`.

        The similarity is the cosine, between -1 and 1, rounded to four decimals.

        Raises:
            InvalidSettings: `k` is less than 1.
        """
        return self.search_all([text], k)[0]

    def search_all(self, texts: Sequence[str], k: int = 3) -> list[list[Reference]]:
        """Return what `search` returns for each text, in the order given; several texts are embedded at once.

        Raises:
            InvalidSettings: `k` is less than 1.
        """
        if k < 1:
            raise InvalidSettings(f"The number of references must be at least 1, got {k}.")
        if not texts:
            return []
        with self._turn:
            found = self._store.nearest(self._embedder.embed(texts), k)
        return [self._references(one) for one in found]

    def uids(self) -> set[str]:
        """Return the uids of all products of the index."""
        return set(self._texts["uid"].to_pylist())

    def _references(self, found: list[tuple[int, float]]) -> list[Reference]:
        rounded = [(row, round(min(1.0, max(-1.0, cosine)), 4)) for row, cosine in found]
        # Chroma gives equals in an order that changes with every build.
        return [self._reference(row, cosine) for row, cosine in sorted(rounded, key=lambda pair: (-pair[1], pair[0]))]

    def _reference(self, row: int, cosine: float) -> Reference:
        uid, title, description = (self._texts[name][row].as_py() for name in ("uid", "title", "description"))
        return Reference(uid, title, description, cosine)
