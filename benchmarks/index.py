"""What does an index of so many products cost: seconds, memory, disk, and milliseconds for each query?

    python -m benchmarks.index [--count 131262] [--folder F] [--json]

Everything is done as `shelftalk index` does it, except the embedding: products have synthetic texts with the lengths of
AmazonTitles-1.3MM, and vectors in clusters (products in topics in departments) with the spread of MiniLM's. Building
and querying run in separate processes; an exact search gives the ground truth. With `--folder`, the index is kept, and
an interrupted build resumes. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import numpy as np

from shelftalk.records import Product, Progress, no_progress
from shelftalk.retrieval.index import build_index
from shelftalk.retrieval.search import Index

WIDTH, DEPARTMENTS, BLOCK, QUERIES, K = 384, 400, 1024, 1000, 10
QUANTILES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
TITLES, DESCRIPTIONS = (
    [5, 17, 37, 54, 75, 125, 300],
    [10, 47, 194, 398, 805, 1728, 4000],
)  # characters; tail cut
Result = TypeVar("Result")


class SyntheticProducts:
    """`count` synthetic products in clusters, and queries; deterministic, so identical in every process."""

    def __init__(self, count: int) -> None:
        self.count = count
        rng = np.random.default_rng(0)
        # Fitted to the vectors of 240 real rows: a mean of length 0.4, variances that fall as the power -0.7.
        spread = np.arange(1, WIDTH + 1) ** -0.35
        self._rotation = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0] * (spread / np.linalg.norm(spread))[:, None]
        departments = self._draw(rng, DEPARTMENTS)
        topics = 1 + count // 40
        self._topics = np.sqrt(0.3) * departments[rng.integers(DEPARTMENTS, size=topics)]
        self._topics = (self._topics + np.sqrt(0.3) * self._draw(rng, topics)).astype(np.float32)
        self._mean = 0.4 * unit(self._draw(rng, 1))
        self._letters = "".join(rng.choice(list("etaoinsrhldcum     "), 1 << 20))

    def block(self, number: int) -> np.ndarray:
        """Return the vectors of block `number`: float32 [up to BLOCK, WIDTH]."""
        rng = np.random.default_rng([1, number])
        size = min(BLOCK, self.count - number * BLOCK)
        own = np.sqrt(0.4) * self._draw(rng, size)
        return unit(self._mean + 0.92 * (self._topics[rng.integers(len(self._topics), size=size)] + own))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all vectors in product order, block by block."""
        yield from map(self.block, range(-(-self.count // BLOCK)))

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the vectors of the products whose numbers are at the start of the texts."""
        rows = np.array([int(text.split(maxsplit=1)[0]) for text in texts])
        found = np.empty((len(rows), WIDTH), np.float32)
        for number in np.unique(rows // BLOCK):
            here = rows // BLOCK == number
            found[here] = self.block(int(number))[rows[here] % BLOCK]
        return found

    def products(self) -> list[Product]:
        """Return the products; each title begins with the product's number."""
        rng = np.random.default_rng(2)
        sizes = [
            np.interp(rng.random(self.count), QUANTILES, lengths).astype(int) for lengths in (TITLES, DESCRIPTIONS)
        ]
        starts = rng.integers(len(self._letters) - max(DESCRIPTIONS), size=(2, self.count))
        return [
            Product(f"{row:010d}", f"{row} {self._letters[a : a + x]}", self._letters[b : b + y])
            for row, (x, y, a, b) in enumerate(zip(*sizes, *starts, strict=True))
        ]

    def questions(self) -> np.ndarray:
        """Return the vectors of `QUERIES` queries, as near to a product as real titles: cosine 0.66 +- 0.14."""
        rng = np.random.default_rng(3)
        near = np.clip(rng.normal(0.66, 0.14, size=(QUERIES, 1)), 0.2, 0.95)
        products = self.embed([str(row) for row in rng.integers(self.count, size=QUERIES)])
        return unit(near * products + np.sqrt(1 - near**2) * self._draw(rng, QUERIES))

    def _draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return np.asarray(rng.standard_normal((size, WIDTH), np.float32) @ self._rotation.astype(np.float32))


class FixedVectors:
    """An embedder that returns fixed vectors; a query is the number of a vector."""

    vectors = np.eye(1, WIDTH, dtype=np.float32)

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the vectors with the numbers in `texts`."""
        return self.vectors[[int(text) for text in texts]]


def unit(rows: np.ndarray) -> np.ndarray:
    """Normalise the rows to length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def build(folder: Path, count: int) -> dict[str, Any]:
    """Build the index, and return its time, memory and disk."""
    synthetic = SyntheticProducts(count)
    products = synthetic.products()
    before, disk, started = memory(), [0.0], time.monotonic()
    embedded, stopped = [0.0], Event()

    def watch() -> None:
        while not stopped.wait(1):
            disk[0] = max(disk[0], size(folder))

    def progress(done: int, total: int) -> None:
        embedded[0] = time.monotonic() - started

    watcher = Thread(target=watch)
    watcher.start()
    built = build_index(products, folder, synthetic.embed, progress)
    stopped.set()
    watcher.join()
    return {
        "products": count,
        "saving_shards_seconds": round(embedded[0], 1),
        "build_seconds": built["seconds"],
        "memory_before_gib": before,
        "peak_memory_gib": memory(),
        "disk_gib": size(folder),
        "peak_disk_gib": max(disk[0], size(folder)),
    }


def build_again(folder: Path, count: int) -> dict[str, Any]:
    """Build the index of the same products again, where nothing has changed."""
    return {
        "unchanged_seconds": build_index(SyntheticProducts(count).products(), folder, SyntheticProducts(count).embed)[
            "seconds"
        ]
    }


def query(folder: Path, count: int) -> dict[str, Any]:
    """Open the index, run the queries one after the other, and return times and recall."""
    embedder, before, started = FixedVectors(), memory(), time.monotonic()
    index = Index.open(folder, embedder)
    index.search("0")
    opening = time.monotonic() - started
    found: dict[str, Any] = {"open_seconds": round(opening, 2), "open_memory_gib": round(memory() - before, 2)}
    synthetic = SyntheticProducts(count)
    embedder.vectors = synthetic.questions()
    nearest = exact(synthetic, embedder.vectors)
    for k in (3, K):
        times, right = [], 0
        for row in range(QUERIES):
            started = time.perf_counter()
            answer = index.search(str(row), k)
            times.append(1000 * (time.perf_counter() - started))
            right += len({int(one.uid) for one in answer} & set(nearest[row, :k].tolist()))
        p50, p99 = np.quantile(times, [0.5, 0.99])
        found |= {f"p50_{k}_ms": round(float(p50), 2), f"p99_{k}_ms": round(float(p99), 2)}
        found |= {f"recall_at_{k}": round(right / (k * QUERIES), 4)}
    return found


def exact(synthetic: SyntheticProducts, questions: np.ndarray) -> np.ndarray:
    """Return the rows of the `K` products nearest to each question, nearest first, by exact search."""
    rows, cosines = np.empty((len(questions), 0), int), np.empty((len(questions), 0), np.float32)
    for number, block in enumerate(synthetic.blocks()):
        cosines = np.hstack([cosines, questions @ block.T])
        rows = np.hstack([rows, np.broadcast_to(np.arange(len(block)) + number * BLOCK, (len(questions), len(block)))])
        best = np.argpartition(-cosines, K - 1, axis=1)[:, :K]
        rows, cosines = np.take_along_axis(rows, best, 1), np.take_along_axis(cosines, best, 1)
    return np.take_along_axis(rows, np.argsort(-cosines, axis=1), 1)


def memory() -> float:
    """Return this process's peak memory so far, in GiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def size(folder: Path) -> float:
    """Return the size of a folder's files in GiB; files may disappear during the call."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return round(total / 2**30, 2)


def in_own_process(function: Callable[[Path, int], Result], folder: Path, count: int) -> Result:
    """Call a function in a separate process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, folder, count).result()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=131_262)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print nothing but the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "index"
        found: dict[str, Any] = {}
        for step in (build, build_again, query):
            found |= in_own_process(step, folder, options.count)
            if not options.json:
                print(found, flush=True)
        print(json.dumps(found))


if __name__ == "__main__":
    main()
