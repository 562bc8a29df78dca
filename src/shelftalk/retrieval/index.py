"""The index of a run on disk: products and their vectors in Parquet, and a search folder derived from them.

    index/
      vectors.parquet        the source: each product's digest, uid, title, description and vector
      embedded/              vectors of an unfinished or killed build, by shard; the next build reuses them
      chroma-<hash>/         derived: Chroma's graph, and texts.arrow; named after 12 digits of the vectors' SHA-256
      index.json             the pointer: the vectors of the verified folder, and the Chroma version that built it

A derived folder is opened only if the pointer names it and every byte is as it was when a child process verified it;
otherwise it is built again. From vectors.parquet, opening reads only the footer, which has that SHA-256.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from shelftalk.errors import Damaged, NotFound, TooFewProducts
from shelftalk.locks import LOCK_TIMEOUT
from shelftalk.models.embedders import MINILM, EmbedderId
from shelftalk.records import Map, Product, Progress, counter, no_progress
from shelftalk.retrieval import chroma, texts, vectors
from shelftalk.retrieval.pointer import is_sound, store_folder, write_pointer
from shelftalk.workspace import lock, staged_folder

EMBEDDED = "embedded"
SHARD = 1024  # products embedded and saved together: a kill loses at most this many vectors in each process

# From texts to vectors of length 1, float32 [texts, dimensions], in the order of the texts.
Embed = Callable[[Sequence[str]], np.ndarray]


def build_index(
    products: Sequence[Product],
    folder: Path,
    embed: Embed,
    progress: Progress = no_progress,
    mapped: Map = map,
    embedder: EmbedderId = MINILM,
) -> dict[str, Any]:
    """Index exactly `products` in `folder`, and return their number and the time in seconds.

    `embedder` is whose vectors `embed` returns. A product that an earlier build embedded with it, with the same uid,
    title and description, is not embedded again, even if that build was killed. All others are embedded in catalogue
    order, `SHARD` at a time, by `mapped`. The same products and the same initial state of `folder` give the same
    vectors.parquet, byte for byte, on machines of one kind, also after kills and wherever shards were embedded.
    `progress` counts products.

    All vectors are in memory once, as in the store that serves them.

    Raises:
        TooFewProducts: there are no products.
        NewerFormat: a newer version of shelftalk made the index there.
        Busy: another process builds this index.
        NotWritable: the folder cannot be written to.
        Damaged: the new index failed verification.
    """
    if not products:
        raise TooFewProducts("An index needs at least one product, got none.")
    started = time.monotonic()
    wanted = vectors.digest(products)
    with lock(folder, "building the index"):
        truth = folder / vectors.FILE
        is_sound(folder, "")  # refuses the index of a newer version before anything is written
        if _holds(truth, wanted, embedder):
            progress(len(products), len(products))
        else:
            made = _embed(products, wanted, folder, embed, progress, mapped, embedder)
            vectors.write(truth, wanted, made, products, embedder)
        shutil.rmtree(folder / EMBEDDED, ignore_errors=True)
        _derive(folder)
    return {"products": len(products), "seconds": round(time.monotonic() - started, 2)}


def open_index(folder: Path) -> tuple[Any, chroma.Store]:
    """Return the texts, a memory-mapped Arrow table, and the open Chroma store of the same rows.

    A missing, stale or corrupt store is built again first; a valid index is not written to. Waits up to a minute for
    another process that builds it.

    Raises:
        NotFound: there is no index.
        NewerFormat: a newer version of shelftalk made it.
        Damaged: vectors.parquet is not readable.
        Busy: another process has been building for a minute.
        NotWritable: the store must be built again, and the folder cannot be written to.
    """
    digest = vectors.fingerprint(folder / vectors.FILE)
    if not is_sound(folder, digest):
        with lock(folder, "building the index again", timeout=LOCK_TIMEOUT):
            _derive(folder)
            digest = vectors.fingerprint(folder / vectors.FILE)
    store = store_folder(folder, digest)
    return texts.read(store / texts.FILE), chroma.Store.open(store)


def _holds(file: Path, wanted: np.ndarray, embedder: EmbedderId) -> bool:
    """Say whether a file holds exactly the wanted products by that embedder, and can be read to the last byte."""
    with suppress(NotFound, Damaged):
        if vectors.embedder_of(file) == embedder and np.array_equal(vectors.read_digests(file), wanted):
            for _ in chain(vectors.read_texts(file), vectors.read_vectors(file)):
                pass
            return True
    return False


def _embed(
    products: Sequence[Product],
    wanted: np.ndarray,
    folder: Path,
    embed: Embed,
    progress: Progress,
    mapped: Map,
    embedder: EmbedderId,
) -> np.ndarray:
    """Return the vectors in the order wanted; those that no file has are embedded, and saved shard by shard."""
    _, firsts, places = np.unique(wanted, return_index=True, return_inverse=True)
    found, known = _known(wanted, firsts, folder, embedder)
    new = np.sort(firsts[~known[firsts]])
    shards = [new[start : start + SHARD] for start in range(0, len(new), SHARD)]
    advance = counter(progress, len(products))
    advance(len(products) - len(new))
    for rows, made in zip(shards, mapped(embed, (_texts(products, rows) for rows in shards)), strict=True):
        digests = wanted[rows]
        shard = folder / EMBEDDED / f"{hashlib.sha256(digests.tobytes()).hexdigest()[:16]}.parquet"
        vectors.write(shard, digests, made, embedder=embedder)
        if not found.shape[1]:
            found = np.empty((len(wanted), made.shape[1]), np.float32)
        found[rows] = made
        advance(len(rows))
    repeated = np.flatnonzero(firsts[places] != np.arange(len(wanted)))
    found[repeated] = found[firsts[places[repeated]]]
    return found


def _texts(products: Sequence[Product], rows: np.ndarray) -> list[str]:
    return [f"{products[row].title}\n{products[row].description}" for row in rows.tolist()]


def _known(wanted: np.ndarray, firsts: np.ndarray, folder: Path, embedder: EmbedderId) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors in the order wanted, of length 0 where no file has any, and which are known: bool [wanted].

    Vectors of another embedder are not looked at.

    Only the first of equal products is looked for: `firsts`, in the digests' order. What cannot be read, to the last
    byte of its file, is not known.
    """
    found, known = np.empty((len(wanted), 0), np.float32), np.zeros(len(wanted), bool)
    distinct = wanted[firsts]
    for file in [folder / vectors.FILE, *sorted((folder / EMBEDDED).glob("*.parquet"))]:
        with suppress(NotFound, Damaged):
            if vectors.embedder_of(file) != embedder:
                continue
            digests = vectors.read_digests(file)
            nearest = np.searchsorted(distinct, digests).clip(max=len(distinct) - 1)
            places = firsts[nearest]
            takes = (distinct[nearest] == digests) & ~known[places]
            if not found.shape[1]:
                found = np.empty((len(wanted), vectors.shape(file)[1]), np.float32)
            start = 0
            for block in vectors.read_vectors(file):
                rows = start + np.flatnonzero(takes[start : start + len(block)])
                found[places[rows]] = block[rows - start]
                start += len(block)
            known[places[takes]] = True
    return found, known


def _derive(folder: Path) -> None:
    """Update the derived folder and the pointer from vectors.parquet; the caller holds the lock."""
    source = folder / vectors.FILE
    digest = vectors.fingerprint(source)
    store = store_folder(folder, digest)
    if not is_sound(folder, digest):
        count, _ = vectors.shape(source)
        with staged_folder(store) as staging:
            texts.write(staging / texts.FILE, vectors.read_texts(source))
            chroma.build(staging, vectors.read_vectors(source), count)
            chroma.verify(staging, source)
        write_pointer(folder, digest, count, vectors.embedder_of(source))
    for other in [*folder.glob("chroma-*"), *folder.glob(".chroma-*")]:
        if other != store:
            shutil.rmtree(other, ignore_errors=True)
