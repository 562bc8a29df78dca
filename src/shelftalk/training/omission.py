"""Leave attributes out of some training examples, together with what the descriptions say of them.

Half-filled rows are common, so the model must see some. If the description still told an attribute that the prompt does
not hold, the model would learn to invent (Kang et al. 2024, arXiv 2403.05612).
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from shelftalk.records import Product
from shelftalk.sentences import SENTENCE_END
from shelftalk.training.draws import draw

SHARE = 0.25  # of the products with attributes
WORD = re.compile(r"\w+(?:[.,'’/-]\w+)*")


def leave_out(product: Product, seed: int) -> Product:
    """Return the product for its training example; for a seeded part of them some attributes are left out.

    A random part of the sentences after the first that tell an attribute is removed, and with it the attributes that no
    other sentence tells. A sentence tells an attribute if it has all words of the value.
    """
    random = np.random.default_rng(draw(product.uid, seed, "omission"))
    if not product.attributes or random.random() >= SHARE:
        return product
    sentences = SENTENCE_END.split(product.description)
    told = [_told(product, sentence) for sentence in sentences]
    removable = [number for number in range(1, len(sentences)) if told[number]]
    if not removable:
        return product
    removed = set(random.permutation(removable)[: random.integers(1, len(removable) + 1)].tolist())
    still_told = set().union(*(names for number, names in enumerate(told) if number not in removed))
    left_out = set().union(*(told[number] for number in removed)) - still_told
    return replace(
        product,
        description=" ".join(sentence for number, sentence in enumerate(sentences) if number not in removed),
        attributes=tuple(pair for pair in product.attributes if pair[0] not in left_out),
    )


def _told(product: Product, sentence: str) -> set[str]:
    """Return the names of the attributes that a sentence tells."""
    words = set(WORD.findall(sentence.casefold()))
    return {name for name, value in product.attributes if set(WORD.findall(value.casefold())) <= words}
