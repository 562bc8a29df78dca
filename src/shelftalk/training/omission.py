"""Leave attributes out of some training examples, as they are missing in other shops' rows.

What the title says too is left out of the prompt alone: the description may still tell it, and the model learns to take
it from the title. Other attributes are left out together with what the description says of them. If it still told an
attribute that the prompt does not hold, the model would learn to invent (Kang et al. 2024, arXiv 2403.05612).
"""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from shelftalk.records import Product

SHARE = 0.25  # of the products with attributes: some of these are left out, with the sentences that tell them
TITLE_SHARE = 0.5  # what the title says too is left out of the prompt
OPENING_SHARE = 0.25  # the first sentence is left out, or what stands before its subject
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
WORD = re.compile(r"\w+(?:[.,'’/-]\w+)*")
# "This oak peg is for hats. It is 9 cm long." and "For hats, this oak peg is 9 cm long."
SUBJECT = re.compile(r"(?P<subject>(?:This|These) .+?) (?:is|are|has|have|comes|come|holds|hold) ")
PRONOUN = re.compile(r"(?:It|They) ")
BEFORE_SUBJECT = re.compile(r"[^,.]+, (?=this |these )")


def leave_out(product: Product, seed: int) -> Product:
    """Return the product for its training example, with a seeded part of its attributes.

    A sentence tells an attribute if it has all words of its value.
    """
    if not product.attributes:
        return product
    random = np.random.default_rng(_number(product.uid, seed))
    shortened = _without_sentences(product, random) if random.random() < SHARE else product
    if random.random() < OPENING_SHARE:
        shortened = _without_opening(shortened)
    return _without_title(shortened) if random.random() < TITLE_SHARE else shortened


def _without_sentences(product: Product, random: np.random.Generator) -> Product:
    """Remove a random part of the sentences after the first that tell an attribute."""
    sentences = SENTENCE_END.split(product.description)
    told = [_told(product, sentence) for sentence in sentences]
    removable = [number for number in range(1, len(sentences)) if told[number]]
    if not removable:
        return product
    removed = set(random.permutation(removable)[: random.integers(1, len(removable) + 1)].tolist())
    kept = [sentence for number, sentence in enumerate(sentences) if number not in removed]
    return _retold(product, " ".join(kept))


def _without_opening(product: Product) -> Product:
    """Remove the first sentence, whose subject replaces the next one's pronoun, or what stands before its subject."""
    if before := BEFORE_SUBJECT.match(product.description):
        rest = product.description[before.end() :]
        return _retold(product, rest[:1].upper() + rest[1:])
    first, *others = SENTENCE_END.split(product.description)
    subject, pronoun = SUBJECT.match(first), PRONOUN.match(others[0]) if others else None
    if not subject or not pronoun:
        return product
    others[0] = f"{subject['subject']} {others[0][pronoun.end() :]}"
    return _retold(product, " ".join(others))


def _retold(product: Product, description: str) -> Product:
    """Return the product with another description, and without the attributes that only the one before tells."""
    lost = _told(product, product.description) - _told(product, description)
    attributes = tuple(pair for pair in product.attributes if pair[0] not in lost)
    return replace(product, description=description, attributes=attributes)


def _without_title(product: Product) -> Product:
    """Remove the attributes whose value the title states, word for word."""
    title = _words(product.title)
    left = tuple(pair for pair in product.attributes if not _contains(title, _words(pair[1])))
    return replace(product, attributes=left)


def _contains(words: list[str], value: list[str]) -> bool:
    return any(words[start : start + len(value)] == value for start in range(len(words) - len(value) + 1))


def _told(product: Product, text: str) -> set[str]:
    """Return the names of the attributes that a text tells."""
    words = set(_words(text))
    return {name for name, value in product.attributes if set(_words(value)) <= words}


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def _number(uid: str, seed: int) -> int:
    return int.from_bytes(blake2b(f"{seed} {uid}".encode(), digest_size=8, person=b"omission").digest(), "big")
