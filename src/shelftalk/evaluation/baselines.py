"""Texts for held-out products that take no model, which fine-tuning must beat; and the true descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np

from shelftalk.evaluation.likelihood import general_text
from shelftalk.evaluation.ways import BASELINES, TRUE
from shelftalk.records import Product, Reference

SEED = 20_040_725


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


def derange(count: int) -> list[int]:
    """Return for each of `count` things the number of another one, no number twice, drawn with a fixed seed.

    The things form one cycle, so that none gets itself. `count` is at least 2.
    """
    order = np.random.default_rng(SEED).permutation(count)
    others = np.empty(count, dtype=np.int64)
    others[order] = np.roll(order, 1)
    return [int(other) for other in others]


def _sentence(attribute: tuple[str, str]) -> str:
    name, value = attribute
    return f"{name[:1].upper()}{name[1:]}: {value}."
