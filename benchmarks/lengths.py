"""How near do texts come to the number of words that was asked for?

    python -m benchmarks.lengths RUN [--workspace DIR] [--products 57] [--words 30,60,120] [--json]

Describes a run's held-out products with the tuned model, first at the length of each product's own description, then
at each of the given ones. `within` is the share of texts whose number of words is within 15 % of the asked one, `ratio`
that of all words to all asked words; unsupported counts what neither title nor attributes state.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from shelftalk.claims.find import count_unsupported
from shelftalk.generation.choose import open_engine
from shelftalk.generation.engine import Engine
from shelftalk.pipeline import SLOTS
from shelftalk.prompts import prompt_for, request_of
from shelftalk.records import Product
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace

WITHIN = 0.15


def measure(run: Run, count: int, lengths: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row of figures without a length, at the products' own, and at each of `lengths`."""
    products = run.held_out("test", count)
    own = [min(500, max(5, 5 * round(len(one.description.split()) / 5))) for one in products]
    with closing(open_engine(run, run.decoding(DecodingSettings()), slots=SLOTS)) as engine:
        return [
            _row("nothing", engine, run, products, own, ask=False),
            _row("its own", engine, run, products, own),
            *(_row(str(words), engine, run, products, [words] * len(products)) for words in lengths),
        ]


def _row(
    name: str, engine: Engine, run: Run, products: Sequence[Product], asked: Sequence[int], ask: bool = True
) -> dict[str, Any]:
    """Write each product's text at its length in `asked`; without `ask` only compare with it."""
    settings = run.decoding(DecodingSettings().replace({"words": max(asked) if ask else None}))
    prompts = [prompt_for(request_of(one), words if ask else None) for one, words in zip(products, asked, strict=True)]
    texts = [one.text for one in engine.complete_all(prompts, tuned=True, settings=settings)]
    words = np.array([len(text.split()) for text in texts])
    unsupported = [
        count_unsupported(text, one.title, (), one.attributes) for text, one in zip(texts, products, strict=True)
    ]
    return {
        "asked": name,
        "n": len(texts),
        "within": round(float(np.mean(np.abs(words / np.array(asked) - 1) <= WITHIN)), 2),
        "ratio": round(float(words.sum() / sum(asked)), 2),
        "words": {str(share): int(np.percentile(words, share)) for share in (10, 50, 90)},
        "unsupported_per_100_words": round(100 * sum(unsupported) / max(1, int(words.sum())), 2),
        "texts": texts[:5],
    }


def main() -> None:
    """Measure, and print a line for each length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--products", type=int, default=57)
    parser.add_argument("--words", default="30,60,120")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lengths = [int(one) for one in arguments.words.split(",")]
    for row in measure(Run.open(Workspace(arguments.workspace), arguments.run), arguments.products, lengths):
        if arguments.json:
            print(json.dumps(row))
        else:
            print("  ".join(f"{name} {value}" for name, value in row.items() if name != "texts"))


if __name__ == "__main__":
    main()
