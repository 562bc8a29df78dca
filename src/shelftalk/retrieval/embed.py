"""Embed the texts of products with a function that can be sent to another process or machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from shelftalk.models.embedder import Embedder
from shelftalk.models.embedders import MINILM, FoundEmbedder, open_for_products
from shelftalk.models.sentence_encoder import SentenceEncoder

DEFAULT = FoundEmbedder(MINILM)


def embed_texts(texts: Sequence[str], found: FoundEmbedder = DEFAULT) -> np.ndarray:
    """Return the texts' vectors, float32 [len(texts), dimensions]; each process loads a model once.

    Raises:
        MissingPackage, Damaged: see `open_for_products`.
    """
    return _embedder(found).embed(texts)


@cache
def _embedder(found: FoundEmbedder) -> Embedder | SentenceEncoder:
    return open_for_products(found)
