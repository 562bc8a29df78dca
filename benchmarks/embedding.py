"""How much faster than sentence-transformers are catalogues embedded, and are the same products found?

    python -m benchmarks.embedding --json

Both embed "title, new line, description" of the real rows in ../shared/data, or of the bundled catalogue if there are
none, with the same weights: sentence-transformers with its defaults (fp32, batches of 32), ours with its defaults, and
ours in fp32, in interleaved rounds of one process; medians. Then both embed the products of the real rows and of the
bundled catalogue together, and those with all their sentences ("title, new line, sentence"). Recall@10 is the share of
the ten nearest by exact search over sentence-transformers' vectors that an exact search over ours finds: for the
titles, embedded in fp32 by `models/query_embedder.py`, and for every text's own fp32 vector. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.rates import matmul_rate
from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.models.embedder import Embedder
from shelftalk.models.minilm import minilm_folder, minilm_tokenizer
from shelftalk.models.query_embedder import QueryEmbedder
from shelftalk.records import Product
from shelftalk.workspace import Workspace

DEV_ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazontitles_dev.jsonl"
K = 10
LAYERS, WIDTH, INNER = 6, 384, 1536  # of MiniLM

Embeds = Callable[[list[str]], np.ndarray]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default="speed,recall", help="recall does not need a quiet machine")
    parser.add_argument("--json", action="store_true", help="print nothing but the last line")
    options = parser.parse_args()
    sources = [source for source in (DEV_ROWS, demo_file()) if source.is_file()]
    catalogues = [products_of(source) for source in sources]
    published = SentenceTransformer(str(minilm_folder()), device="cpu", local_files_only=True)

    def theirs(texts: list[str]) -> np.ndarray:
        return np.asarray(published.encode(texts, normalize_embeddings=True, show_progress_bar=False))

    ours = Embedder.load()
    ways: dict[str, Embeds] = {
        "sentence_transformers": theirs,
        "ours": ours.embed,
        "ours_fp32": Embedder.load("fp32").embed,
    }
    found: dict[str, Any] = {"threads": torch.get_num_threads()}
    if "speed" in options.parts:
        found["speed"] = speed(ways, [text_of(product) for product in catalogues[0]], options.rounds)
    if "recall" in options.parts:
        found["recall"] = agreement(theirs, ours.embed, [product for catalogue in catalogues for product in catalogue])
    if not options.json:
        for name, one in found.items():
            print(name, one)
    print(json.dumps(found))


def products_of(source: Path) -> list[Product]:
    """Return the products of a file after `prepare`."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        pipeline.prepare_catalogue(workspace, source, "benchmark", PrepareSettings())
        return Catalogue.open(workspace.catalogue("benchmark")).products()


def text_of(product: Product) -> str:
    """Return the text of a product that the index embeds."""
    return f"{product.title}\n{product.description}"


def sentences_of(product: Product) -> list[str]:
    """Return the title with each of the description's sentences."""
    return [f"{product.title}\n{sentence}" for sentence in re.split(r"(?<=[.!?])\s+", product.description)]


def speed(ways: dict[str, Embeds], texts: list[str], rounds: int) -> dict[str, Any]:
    """Return documents a second, medians of interleaved rounds, and the upper limit from matrix products alone."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for embed in ways.values():
        embed(texts[:64])
    for _ in range(rounds):
        for name, embed in ways.items():
            start = time.perf_counter()
            embed(texts)
            rates[name].append(len(texts) / (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = [mine / usual for mine, usual in zip(rates["ours"], rates["sentence_transformers"], strict=True)]
    limit = matmul_rate() / operations(texts)
    return {
        "documents": len(texts),
        "documents_per_second": {name: round(value, 1) for name, value in medians.items()},
        "times_as_fast": round(statistics.median(ratios), 2),
        "times_as_fast_worst_and_best_round": [round(min(ratios), 2), round(max(ratios), 2)],
        "limit_of_products": round(limit, 1),
        "share_of_limit": round(medians["ours"] / limit, 2),
    }


def operations(texts: Sequence[str]) -> float:
    """Return the mean number of multiplications and additions in a text's matrix products."""
    lengths = np.array([len(one.ids) for one in minilm_tokenizer(minilm_folder()).encode_batch(list(texts))])
    linear = 2 * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER) * lengths
    attention = 4 * WIDTH * lengths**2
    return float(LAYERS * (linear + attention).mean())


def agreement(theirs: Embeds, ours: Embeds, products: list[Product]) -> dict[str, Any]:
    """Return the cosines between our vectors and the published model's, and recall@10."""
    whole = [text_of(product) for product in products]
    titles = QueryEmbedder.load().embed([product.title for product in products])
    texts = list(dict.fromkeys([*whole, *(one for product in products for one in sentences_of(product))]))
    all_exact, all_near = theirs(texts), ours(texts)
    found = {}
    for name, count in {"products": len(set(whole)), "products_and_sentences": len(texts)}.items():
        exact, near = all_exact[:count], all_near[:count]
        cosines = (exact * near).sum(axis=1)
        found[name] = {
            "texts": count,
            "worst_cosine": round(float(cosines.min()), 6),
            "mean_cosine": round(float(cosines.mean()), 6),
            f"recall_at_{K}_titles": recall(nearest(titles, exact), nearest(titles, near)),
            f"recall_at_{K}_texts": recall(nearest(exact, exact), nearest(exact, near)),
        }
    return found


def nearest(queries: np.ndarray, indexed: np.ndarray) -> np.ndarray:
    """Return the K nearest rows of each query, by exact search."""
    return np.argsort(-(queries @ indexed.T), axis=1, kind="stable")[:, :K]


def recall(true: np.ndarray, found: np.ndarray) -> float:
    """Return the share of the true rows that were found."""
    hits = [len(set(one) & set(other)) for one, other in zip(true.tolist(), found.tolist(), strict=True)]
    return round(sum(hits) / true.size, 4)


if __name__ == "__main__":
    main()
