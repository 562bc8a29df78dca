"""Decide how often a training measures its validation products, and encode them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shelftalk.errors import TooFewProducts
from shelftalk.runs.describe import no_held_out
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import Examples, encode_products

PRODUCTS = 200
FEWEST = 8  # products: of fewer, the loss tells too little to choose weights by
IN_AN_EPOCH = 3


def with_interval(settings: TrainingSettings, updates: int, validation_products: int) -> TrainingSettings:
    """Return the settings with an automatic `validate_every` decided: thrice an epoch, or 0 with too few products."""
    if settings.validate_every is not None:
        return settings
    every = -(-updates // (IN_AN_EPOCH * settings.epochs)) if validation_products >= FEWEST else 0
    return replace(settings, validate_every=every)


def validation_examples(tokenizer: Any, run: Run) -> Examples:
    """Return the examples of a seeded sample of the catalogue's validation products, with their own requests only.

    Raises:
        TooFewProducts: the catalogue has none.
    """
    products = run.held_out("validation", PRODUCTS)
    if not products and (count := run.catalogue().count("validation")):
        reason = no_held_out(str(run.description["catalogue"]), count, "validation")
        raise TooFewProducts(f"{reason} Or set validate_every=0.")
    if not products:
        raise TooFewProducts(
            f"Catalogue {run.description['catalogue']!r} has no validation products; prepare it with a larger "
            "--validation-share, or set validate_every=0."
        )
    own = replace(run.settings, plain_share=0.0, context_share=0.0)
    return encode_products(tokenizer, run.template, products, own)
