"""Measure what fine-tuning changed, on products that no run trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from shelftalk.errors import TooFewProducts
from shelftalk.evaluation.metrics import bits_per_byte, chrf, mean_words, repetition
from shelftalk.generation.engine import Engine
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import adapter_off
from shelftalk.models.tokens import Example, encode_example
from shelftalk.prompts import prompt_for
from shelftalk.records import Description, Product, Progress, counter, no_progress
from shelftalk.settings import DecodingSettings
from shelftalk.training.batches import collate
from shelftalk.training.loss import head_taken_off, token_losses
from shelftalk.training.run import Run


def evaluate(
    run: Run,
    engine: Engine,
    settings: DecodingSettings,
    max_products: int | None = 100,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Compare base and tuned model on held-out products, asked for by their bare titles.

    Takes a seeded sample of `max_products` of the test split, or all. `engine` writes; probabilities are always the
    reference's, transformers. Returns {"split", "n", "decoding", "engine", "base", "tuned", "reference_words"};
    base and tuned hold bits_per_byte (of the true description given the prompt, end token not counted), chrf (chrF++, 0
    to 100), stop_rate (share of descriptions that the model ended itself), mean_words and repetition (share of repeated
    runs of four words). `progress` counts products, each twice for each model.

    Raises:
        TooFewProducts: the split is empty.
    """
    products = run.catalogue().sample("test", max_products, run.settings.seed)
    if not products:
        raise TooFewProducts(f"Catalogue {run.description['catalogue']!r} has no products held out.")
    advance = counter(progress, 4 * len(products))
    sides: dict[str, dict[str, float]] = {}
    reference = engine if isinstance(engine, TransformersEngine) else TransformersEngine.load(run)
    for side, tuned in (("base", False), ("tuned", True)):
        size = bits_of_products(reference, products, run.settings.max_tokens, tuned)
        advance(len(products))
        written = engine.complete_all(
            [prompt_for(product.title) for product in products],
            tuned=tuned,
            settings=settings,
            on_description=lambda *_: advance(),
        )
        sides[side] = {"bits_per_byte": round(size, 4), **measure(written, products)}
    return {
        "split": "test",
        "n": len(products),
        "decoding": settings.as_mapping(),
        "engine": engine.name,
        "reference_words": round(mean_words([product.description for product in products]), 1),
        **sides,
    }


def measure(written: Sequence[Description], products: Sequence[Product]) -> dict[str, float]:
    """Return the measures of written descriptions that need no model."""
    texts = [one.text for one in written]
    return {
        "chrf": round(chrf(texts, [product.description for product in products]), 2),
        "stop_rate": round(sum(one.stopped for one in written) / len(written), 4),
        "mean_words": round(mean_words(texts), 1),
        "repetition": round(sum(map(repetition, texts)) / len(texts), 4),
    }


def bits_of_products(engine: TransformersEngine, products: Sequence[Product], max_tokens: int, tuned: bool) -> float:
    """Return the bits per UTF-8 byte that a model needs for the products' true descriptions, given their titles.

    The end token is left out: it has no bytes, and the base model was never taught where descriptions end. Of a
    description longer than the row, only the part that fits is counted, in bits and in bytes.
    """
    nats, size = 0.0, 0
    for product in products:
        example = encode_example(engine.tokenizer, product.title, product.description, max_tokens)
        text = example.ids[:-1] if example.complete else example.ids
        if len(text) == example.prompt_length:
            continue
        pack = collate([Example(text, example.prompt_length, complete=False)])
        pack = {name: value.to(engine.model.device) for name, value in pack.items()}
        with torch.no_grad(), _side(engine.model, tuned), head_taken_off(engine.model) as head:
            nats += token_losses(engine.model, head, pack).sum().item()
        size += len(engine.tokenizer.decode(text[example.prompt_length :]).encode())
    return bits_per_byte(nats, size)


def _side(model: Any, tuned: bool) -> Any:
    return torch.no_grad() if tuned else adapter_off(model)
