"""Texts for held-out products that take no model, which fine-tuning must beat; and the true descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np

from shelftalk.evaluation.bootstrap import SEED
from shelftalk.evaluation.likelihood import general_text
from shelftalk.evaluation.ways import BASELINES, TRUE
from shelftalk.records import Product, Reference


def baselines(
    products: Sequence[Product], references: Sequence[Sequence[Reference]], trained: Sequence[Product]
) -> dict[str, list[str]]:
    """Return the texts of each of `ways.BASELINES`, one for each product, and the true descriptions.

    The nearest description is that of the first reference; the random one is drawn from the `trained` products with a
    fixed seed; the unrelated text is a part of the bundled general text, with as many words as the true description.
    The attributes are listed only where products have some: as "Material: oak. Length: 9 cm.", behind the title.
    """
    drawn = np.random.default_rng(SEED).integers(len(trained), size=len(products))
    texts = dict(
        zip(
            BASELINES,
            (
                [found[0].description for found in references],
                [trained[row].description for row in drawn],
                unrelated_texts([len(one.description.split()) for one in products]),
                [one.title for one in products],
                [" ".join([f"{one.title}.", *map(_sentence, one.attributes)]) for one in products],
            ),
            strict=True,
        )
    )
    if not any(one.attributes for one in products):
        del texts["listed_attributes"]
    return {**texts, TRUE: [one.description for one in products]}


def unrelated_texts(lengths: Sequence[int]) -> list[str]:
    """Return consecutive parts of the general text, with these numbers of words; after its end it begins again."""
    words = cycle(" ".join(general_text()).split())
    return [" ".join(islice(words, length)) for length in lengths]


def derange(lengths: Sequence[int]) -> list[int]:
    """Return for each of at least two texts the number of another one, no number twice, by the texts' `lengths`.

    Neighbours in the order of their lengths are swapped, so that a text is compared with another one of about its own
    length: chrF++ rewards any text of the right length.
    """
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    others = [0] * len(order)
    for place in range(0, len(order) - 1, 2):
        one, other = order[place : place + 2]
        others[one], others[other] = other, one
    if len(order) % 2:  # the last one takes its neighbour's, which takes the neighbour's before
        last, neighbour = order[-1], order[-2]
        others[last], others[neighbour] = others[neighbour], last
    return others


def _sentence(attribute: tuple[str, str]) -> str:
    name, value = attribute
    return f"{name[:1].upper()}{name[1:]}: {value}."
