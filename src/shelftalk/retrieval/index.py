"""The index of a run on disk: products and their vectors in Parquet, and a Chroma folder derived from them.

    index/
      vectors.parquet        the truth: uid, title, description, vector
      embedded/              vectors of a build that is under way or was killed; the next one takes them up
      chroma-<hash>/         derived; named after the first 12 digits of the SHA-256 of vectors.parquet
      index.json             the pointer: which vectors the verified Chroma folder serves, and which Chroma built it

A Chroma folder is opened only if the pointer names it and its every byte is as it was when a process of its own had
verified it; otherwise it is built again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from shelftalk.errors import Busy, Damaged, NotFound, TooFewProducts
from shelftalk.records import Product, Progress, no_progress
from shelftalk.retrieval import chroma, vectors
from shelftalk.retrieval.pointer import is_sound, store_folder, write_pointer
from shelftalk.workspace import lock, staged_folder

EMBEDDED = "embedded"
SAVED_TOGETHER = 256  # products; a kill loses at most so many vectors
PATIENCE = 60.0  # seconds to wait for another process that builds


class Embeds(Protocol):
    """Whatever turns texts into vectors of length 1: float32 [texts, dimensions], in the order given."""

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray: ...


def build_index(
    products: Sequence[Product], folder: Path, embedder: Embeds, progress: Progress = no_progress
) -> dict[str, Any]:
    """Index exactly `products` in `folder`, and return their number and the seconds it took.

    A product that an earlier build embedded with the same uid, title and description is not embedded again, also if
    that build was killed. `progress` counts products.

    Raises:
        TooFewProducts: there is none.
        Busy: another process builds this index.
        NotWritable: the folder cannot be written to.
        Damaged: what was built failed its check.
    """
    if not products:
        raise TooFewProducts("An index needs at least one product, got none.")
    started = time.monotonic()
    with lock(folder, "building the index"):
        vectors.write(folder / vectors.FILE, products, _embed(products, folder, embedder, progress))
        shutil.rmtree(folder / EMBEDDED, ignore_errors=True)
        _derive(folder)
    return {"products": len(products), "seconds": round(time.monotonic() - started, 2)}


def open_index(folder: Path) -> tuple[Any, chroma.Store]:
    """Return the texts, an Arrow table, and the open Chroma store of the same rows.

    A missing, stale or broken store is built again first; to a sound index nothing is written. Waits up to a minute for
    another process that builds.

    Raises:
        NotFound: there is no index.
        Damaged: vectors.parquet is not readable.
        Busy: another process has been building for a minute.
        NotWritable: the store must be built again, and the folder cannot be written to.
    """
    digest, texts = vectors.read_texts(folder / vectors.FILE)
    if not is_sound(folder, digest):
        with _waiting_for_lock(folder):
            _derive(folder)
            digest, texts = vectors.read_texts(folder / vectors.FILE)
    return texts, chroma.Store.open(store_folder(folder, digest))


def _embed(products: Sequence[Product], folder: Path, embedder: Embeds, progress: Progress) -> np.ndarray:
    known = _known_vectors(folder)
    new = [product for product in products if product not in known]
    done = len(products) - len(new)
    progress(done, len(products))
    for start in range(0, len(new), SAVED_TOGETHER):
        part = new[start : start + SAVED_TOGETHER]
        texts = [f"{product.title}\n{product.description}" for product in part]
        found = embedder.embed(texts, _continued(progress, done + start, len(products)))
        # Named by what is known so far, which is more each time, after a kill as well.
        vectors.write(folder / EMBEDDED / f"{len(known):09d}.parquet", part, found)
        known.update(zip(part, found, strict=True))
    return np.stack([known[product] for product in products])


def _continued(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _known_vectors(folder: Path) -> dict[Product, np.ndarray]:
    known: dict[Product, np.ndarray] = {}
    for file in [folder / vectors.FILE, *sorted((folder / EMBEDDED).glob("*.parquet"))]:
        try:
            known.update(zip(vectors.read_products(file), vectors.read_vectors(file), strict=True))
        except (NotFound, Damaged):
            continue  # what cannot be read is embedded again
    return known


def _derive(folder: Path) -> None:
    """Bring the Chroma folder and the pointer in line with vectors.parquet; the caller holds the lock."""
    source = folder / vectors.FILE
    digest = vectors.read_texts(source)[0]
    store = store_folder(folder, digest)
    if not is_sound(folder, digest):
        content = vectors.read_vectors(source)
        with staged_folder(store) as staging:
            chroma.build(staging, content)
            chroma.verify(staging, source)
        write_pointer(folder, digest, len(content))
    for other in [*folder.glob("chroma-*"), *folder.glob(".chroma-*")]:
        if other != store:
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _waiting_for_lock(folder: Path) -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(lock(folder, "building the index again"))
                break
            except Busy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield
