"""A small embedder for tests: a text's vector is the sum of its words' random vectors, the same in every process."""

import hashlib
from collections.abc import Sequence

import numpy as np

from shelftalk.records import Product, Progress, no_progress


class WordEmbedder:
    """Records every embedded text in `embedded`."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        self.embedded += texts
        vectors = np.stack([sum(map(_vector, ["", *text.lower().split()])) for text in texts])
        progress(len(texts), len(texts))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def in_company(texts: Sequence[str]) -> np.ndarray:
    """Embed so that a text's vector depends a little on the texts beside it, as batches of a model do."""
    company = np.cumsum(WordEmbedder().embed(texts), axis=0)
    return np.asarray(WordEmbedder().embed(texts) + 1e-4 * company, np.float32)


def _vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    # Every text has the empty word, so that an empty text has a vector.
    return np.asarray(np.random.default_rng(seed).standard_normal(64) * (1 if word else 0.01))


def numbered(count: int) -> list[Product]:
    """Return products without common words, so that their vectors point in random directions."""
    return [Product(f"{row:010d}", f"title{row} alpha{row}", f"text{row} beta{row}") for row in range(count)]
