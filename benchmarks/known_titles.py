"""How much of a known product's description is told, when a question about its title is answered from its own row?

    python -m benchmarks.known_titles RUN [--workspace DIR] [--products 40] [--json]

Asks the run of a workspace "What is TITLE?" about a seeded sample of the products that it trained on, as
`ask --with-references` does, before and after fine-tuning, and without references after it. The facts of a
description are the claims that `claims` finds in it given its title; a fact is told if it stands in the text
word for word. `rouge_l` is against the product's own description. `found` is the share of questions whose first
reference is the product itself. The intervals are over products.
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from shelftalk.claims.english import find_english
from shelftalk.claims.find import UNSUPPORTED
from shelftalk.evaluation.bootstrap import interval, scores_of_samples
from shelftalk.evaluation.measures import ratio, rouge_l, words
from shelftalk.generation.choose import open_engine
from shelftalk.generation.grounded import write_with_references
from shelftalk.pipeline import SLOTS, open_index
from shelftalk.records import Product
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace

REFERENCES = 3
SEED = 7


def facts_of(product: Product) -> list[str]:
    """Return the claims of a product's description that its title does not state."""
    claims = find_english(product.description, product.title)
    return [product.description[one.start : one.end] for one in claims if one.support in UNSUPPORTED]


def share_told(products: list[Product], texts: list[str]) -> dict[str, Any]:
    """Return the share of the facts that the texts tell and ROUGE-L, with intervals, and the mean number of words."""
    told = np.array(
        [
            (sum(f" {' '.join(words(fact))} " in f" {' '.join(words(text))} " for fact in facts), len(facts))
            for facts, text in zip(map(facts_of, products), texts, strict=True)
        ],
        dtype=float,
    )
    alike = np.array([(rouge_l(text, one.description), 1) for one, text in zip(products, texts, strict=True)])
    return {
        "facts_told": round(ratio(told.sum(axis=0)), 3),
        "facts_told_interval": [round(one, 3) for one in interval(scores_of_samples(told, ratio))],
        "rouge_l": round(ratio(alike.sum(axis=0)), 3),
        "rouge_l_interval": [round(one, 3) for one in interval(scores_of_samples(alike, ratio))],
        "words": round(float(np.mean([len(words(text)) for text in texts])), 1),
    }


def measure(run: Run, count: int) -> dict[str, Any]:
    """Return the figures of a finished run, by way of writing, and the texts."""
    settings = run.decoding(DecodingSettings())
    trained = run.products()
    chosen = np.random.default_rng(SEED).permutation(len(trained))[:count]
    products = [trained[row] for row in sorted(chosen)]
    questions = [run.template.questions[0].format_map({"title": one.title}) for one in products]
    found = open_index(run).search_all(questions, REFERENCES)
    with closing(open_engine(run, settings, slots=SLOTS)) as engine:
        texts = {
            name: [
                one.text
                for one in write_with_references(engine, run.template, questions, given, tuned=tuned, settings=settings)
            ]
            for name, tuned, given in (
                ("before, with references", False, found),
                ("after, without", True, [[]] * len(products)),
                ("after, with references", True, found),
            )
        }
    own = [references[0].uid == one.uid for references, one in zip(found, products, strict=True)]
    return {
        "n": len(products),
        "found": round(float(np.mean(own)), 3),
        **{name: share_told(products, written) for name, written in texts.items()},
        "texts": [
            {"question": question, "true": one.description, **{name: written[row] for name, written in texts.items()}}
            for row, (question, one) in enumerate(zip(questions, products, strict=True))
        ],
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--products", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(Run.open(Workspace(arguments.workspace), arguments.run), arguments.products)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{figures['n']} products; the first reference is the product itself: {figures['found']:.0%}")
    for name, one in figures.items():
        if isinstance(one, dict):
            print(
                f"{name}: facts told {one['facts_told']} {one['facts_told_interval']}, "
                f"ROUGE-L {one['rouge_l']} {one['rouge_l_interval']}, {one['words']} words"
            )


if __name__ == "__main__":
    main()
