"""Put a description's number of words into some prompts, and shorten half of those descriptions, so that it is learned.

The descriptions of a catalogue are often of one length, which teaches nothing about another. A shortened one has the
first sentences only. Requests without that line still get a text of the usual length.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shelftalk.prompts import length_line
from shelftalk.records import Product
from shelftalk.sentences import SENTENCE_END
from shelftalk.training.draws import draw

STEP = 5  # words: the number in the prompt is rounded to it


def with_length(product: Product, share: float, seed: int) -> Product:
    """Return the product with `length_line` as its last attribute, for a seeded `share`, and unchanged for the rest."""
    random = np.random.default_rng(draw(product.uid, seed, "length"))
    if random.random() >= share:
        return product
    sentences = SENTENCE_END.split(product.description)
    kept = len(sentences)
    if kept > 1 and random.random() < 0.5:
        kept = int(random.integers(1, kept))
    text = " ".join(sentences[:kept]) if kept < len(sentences) else product.description
    rounded = max(STEP, STEP * round(len(text.split()) / STEP))
    return replace(product, description=text, attributes=(*product.attributes, length_line(rounded)))
