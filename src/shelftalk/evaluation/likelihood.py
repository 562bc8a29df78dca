"""Compute the negative log-likelihood of true texts, in nats, and their bytes, which give bits per byte."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.resources import files
from typing import Any

import numpy as np
import torch

from shelftalk.errors import NotFinite
from shelftalk.evaluation.measures import bits
from shelftalk.evaluation.scores import Likelihood
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import adapter_off
from shelftalk.models.threads import thread_workers
from shelftalk.models.tokens import Example, encode_example, encode_text
from shelftalk.prompts import PromptTemplate, request_of
from shelftalk.records import Product
from shelftalk.training.batches import collate
from shelftalk.training.loss import head_taken_off, token_losses


def likelihoods(
    engine: TransformersEngine,
    template: PromptTemplate,
    products: Sequence[Product],
    prompts: Sequence[str],
    max_tokens: int,
    tuned: bool,
    done: Callable[[], Any] = lambda: None,
) -> list[Likelihood]:
    """Return nats and bytes of each product's true description after its prompt.

    The end token is left out: it has no bytes, and the base model was not trained to end descriptions. If a description
    with its request alone, in `template`, exceeds `max_tokens`, only the part that fits counts, in nats and in bytes:
    the same part for any prompt. `done` is called after each product.

    Raises:
        NotFinite: a likelihood is not finite.
    """
    pairs = []
    for product, prompt in zip(products, prompts, strict=True):
        example = encode_example(engine.tokenizer, template, request_of(product), product.description, max_tokens)
        text = (example.ids[:-1] if example.complete else example.ids)[example.prompt_length :]
        pairs.append((encode_text(engine.tokenizer, prompt), text))
    return _likelihoods(engine, pairs, tuned, done)


def bits_of_products(
    engine: TransformersEngine, template: PromptTemplate, products: Sequence[Product], max_tokens: int, tuned: bool
) -> float:
    """Return the bits per byte of the products' true descriptions after their requests; see `likelihoods`."""
    prompts = [template.prompt_for(request_of(product)) for product in products]
    return bits(np.sum(likelihoods(engine, template, products, prompts, max_tokens, tuned), axis=0))


def general_likelihoods(engine: TransformersEngine, tuned: bool) -> list[Likelihood]:
    """Return nats and bytes of each paragraph of the bundled general text, which has no products."""
    paragraphs = [encode_text(engine.tokenizer, paragraph) for paragraph in general_text()]
    return _likelihoods(engine, [(ids[:1], ids[1:]) for ids in paragraphs], tuned)  # no model predicts the first token


def general_text() -> list[str]:
    """Return the paragraphs of the bundled general text: prose, dialogue, news and code."""
    text = (files("shelftalk.evaluation") / "general.txt").read_text(encoding="utf-8")
    return [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]


def _likelihoods(
    engine: TransformersEngine,
    pairs: Sequence[tuple[list[int], list[int]]],
    tuned: bool,
    done: Callable[[], Any] = lambda: None,
) -> list[Likelihood]:
    """Return nats and bytes of each text of (prompt, text) pairs of tokens; a text is computed in one thread."""
    found = []
    with _side(engine.model, tuned), head_taken_off(engine.model) as head, thread_workers(engine.model.device) as pool:
        for (_, text), nats in zip(pairs, pool.map(lambda pair: _nats(engine.model, head, *pair), pairs), strict=True):
            if not math.isfinite(nats):
                side = "after" if tuned else "before"
                cure = "train another --run with a lower learning_rate" if tuned else "take another base_model"
                raise NotFinite(f"The likelihood of a text {side} fine-tuning is not a finite number; {cure}.")
            found.append((nats, len(engine.tokenizer.decode(text).encode())))
            done()
    return found


@torch.no_grad()
def _nats(model: Any, head: Any, prompt: list[int], text: list[int]) -> float:
    """Return the negative log-likelihood of the tokens `text` after the tokens `prompt`."""
    if not text:
        return 0.0
    pack = collate([Example([*prompt, *text], len(prompt), complete=False)])
    return token_losses(model, head, {name: value.to(model.device) for name, value in pack.items()}).sum().item()


def _side(model: Any, tuned: bool) -> Any:
    return nullcontext() if tuned else adapter_off(model)
