"""How many of the ten nearest products by exact search does the index find?

    python -m benchmarks.recall [--workspace W --run R ...] [--count 20000] [--json]

For each run: the held-out titles of its catalogue on its own index. Then an index of `count` vectors in clusters (like
departments), with 500 queries near some of them; every index is built as `index` builds it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from shelftalk import pipeline
from shelftalk.models.query_embedder import QueryEmbedder
from shelftalk.retrieval import chroma, vectors
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace

K, QUERIES, WIDTH, CLUSTERS = 10, 500, 384, 400


def recall(store: chroma.Store, indexed: np.ndarray, queries: np.ndarray) -> dict[str, Any]:
    """Return the share of the exact nearest neighbours that the store returns, and its milliseconds a query."""
    exact = np.argsort(-(queries @ indexed.T), axis=1, kind="stable")[:, :K]
    started = time.monotonic()
    found = [{row for row, _ in store.nearest(query[None], K)[0]} for query in queries]
    seconds = time.monotonic() - started
    shares = [len(one & set(true.tolist())) / len(true) for one, true in zip(found, exact, strict=True)]
    return {
        "indexed": len(indexed),
        "queries": len(queries),
        f"recall_at_{K}": round(float(np.mean(shares)), 4),
        "milliseconds": round(1000 * seconds / len(queries), 2),
    }


def of_run(run: Run) -> dict[str, Any]:
    """Measure a run's index with the held-out titles of its catalogue."""
    pipeline.open_index(run)
    titles = [product.title for product in run.catalogue().products("test")]
    indexed = np.concatenate(list(vectors.read_vectors(run.index / vectors.FILE)))
    store = chroma.Store.open(next(run.index.glob("chroma-*")))
    return recall(store, indexed, QueryEmbedder.load().embed(titles))


def of_clusters(count: int) -> dict[str, Any]:
    """Measure an index of `count` vectors in clusters."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(CLUSTERS, WIDTH))
    indexed = unit(centres[rng.integers(CLUSTERS, size=count)] + rng.normal(size=(count, WIDTH)) * 0.8)
    queries = unit(indexed[rng.choice(count, QUERIES)] + 0.5 * unit(rng.normal(size=(QUERIES, WIDTH))))
    with tempfile.TemporaryDirectory() as folder:
        chroma.build(Path(folder), [indexed], count)
        return recall(chroma.Store.open(Path(folder)), indexed, queries)


def unit(rows: np.ndarray) -> np.ndarray:
    """Normalise the rows to length 1."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--run", action="append", default=[])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="print nothing but the last line")
    options = parser.parse_args()
    workspace = Workspace(options.workspace)
    found = {name: of_run(Run.open(workspace, name)) for name in options.run}
    found["clusters"] = of_clusters(options.count)
    if not options.json:
        for name, one in found.items():
            print(name, one)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
