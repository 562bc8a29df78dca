"""Embed texts with a function that can be sent to another process or machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from shelftalk.models.embedder import Embedder


def embed_texts(texts: Sequence[str]) -> np.ndarray:
    """Return the texts' vectors, float32 [len(texts), 384]; each process loads the model once. See `Embedder.embed`.

    Raises:
        MissingPackage, Damaged: see `Embedder.load`.
    """
    return _embedder().embed(texts)


@cache
def _embedder() -> Embedder:
    return Embedder.load()
