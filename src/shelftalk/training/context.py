"""Put training products before some prompts, as references stand there in use, so that the model learns to use them.

Half of these prompts have products with similar titles before them, whose facts are not those of the description: the
model learns not to copy them. The other half are questions with the product's own row among them, as the index finds
it for a title that it knows: there the model learns to answer from it. After T. Zhang et al., RAFT: adapting language
model to domain specific RAG (2024), arXiv 2403.10131, section 3.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shelftalk.prompts import PromptTemplate
from shelftalk.records import Product, Reference
from shelftalk.training.draws import draw

WORD = re.compile(r"\w+")
MOST = 3  # products before a prompt, as many as an answer has references
COMMON = 100  # products: a word in more titles is not searched


@dataclass(frozen=True, slots=True)
class Context:
    """The request of a training example, and the products before it, the nearest first.

    `alone` is the request where none of them fits: a question about a known product has no attributes, so that without
    its row the model would learn to invent them.
    """

    request: str
    alone: str
    references: Sequence[Reference] = ()


def choose_contexts(template: PromptTemplate, products: Sequence[Product], share: float, seed: int) -> list[Context]:
    """Return the context of each product: without references for all but a seeded `share` of them.

    The references are among `products`, at most `MOST`, by the number of title words in common, rare words first.
    """
    neighbours = Neighbours(products) if share else None
    return [_choose(template, product, row, neighbours, share, seed) for row, product in enumerate(products)]


class Neighbours:
    """The products by the words of their titles."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = products
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, product in enumerate(products):
            for word in _words(product.title):
                self._rows[word].append(row)

    def find(self, row: int, count: int) -> list[Product]:
        """Return at most `count` other products with words of this title, the nearest first."""
        own = self._products[row]
        weights: dict[int, float] = defaultdict(float)
        for word in sorted(_words(own.title)):
            found = self._rows[word]
            if len(found) <= COMMON:
                for other in found:
                    weights[other] += 1 / len(found)
        nearest = sorted(weights, key=lambda other: (-weights[other], other))
        others = (self._products[other] for other in nearest if other != row)
        different = (one for one in others if own.title != one.title and own.description != one.description)
        return [one for one, _ in zip(different, range(count), strict=False)]


def _choose(
    template: PromptTemplate, product: Product, row: int, neighbours: Neighbours | None, share: float, seed: int
) -> Context:
    random = np.random.default_rng(draw(product.uid, seed, "context"))
    alone = template.training_request(product)
    if neighbours is None or random.random() >= share:
        return Context(alone, alone)
    known = random.random() < 0.5
    found = neighbours.find(row, int(random.integers(0 if known else 1, MOST + (0 if known else 1))))
    if known:  # the index brings a title's own row first
        return Context(template.question_for(product), alone, [_reference(one) for one in (product, *found)])
    return Context(alone, alone, [_reference(one) for one in found])


def _reference(product: Product) -> Reference:
    return Reference(product.uid, product.title, product.description, 1.0)


def _words(title: str) -> set[str]:
    return set(WORD.findall(title.casefold()))
