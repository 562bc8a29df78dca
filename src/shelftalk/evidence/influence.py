"""Estimate which training products increased the likelihood of a text that a run's model wrote.

To first order, one update of the weights by a product's gradient changes the loss of any text by the dot product of the
two gradients, scaled as the optimiser scales them (TracIn: Pruthi et al. 2020,
https://arxiv.org/abs/2002.08484; with Adam's second moments, as LESS: Xia et al. 2024,
https://arxiv.org/abs/2402.04333):

    score = rate * sum over weights w of  text's gradient_w * product's gradient_w / (sqrt(v_w) + epsilon)

with v from the run's newest checkpoint, the run's peak learning rate, and the product's gradient clipped as in
training. Only the adapter's weights count, as only they were trained. Both gradients use the adapter at half strength,
which approximates the middle of the training: at the end the products are fitted, and their remaining gradients are
less informative (docs/benchmarks/influence.md has the figures).

The score is an estimate for each product alone, not the result of a training without the product.
docs/benchmarks/influence.md also measures how well the two agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from shelftalk.errors import NotFinite, UserError
from shelftalk.models.adapters import load_adapter, scale_adapter
from shelftalk.models.load import load_model
from shelftalk.models.tokens import Example, encode_example
from shelftalk.prompts import PromptTemplate
from shelftalk.records import Product, Progress, counter, no_progress
from shelftalk.runs.run import Run
from shelftalk.training.attention import PACKED
from shelftalk.training.batches import collate, encode_products
from shelftalk.training.checkpoints import read_update_scales
from shelftalk.training.loss import head_taken_off, token_losses

HALFWAY = 0.5


@dataclass(frozen=True, slots=True)
class Influence:
    """One training product and its influence on a text.

    `score` is the predicted fall of the text's loss, in nats a token, by one update on this product alone, halfway
    through the training, at the run's peak learning rate. A negative score means that the product raises the loss.
    """

    uid: str
    title: str
    description: str
    score: float


def estimate_influence(
    run: Run, request: str, text: str, candidates: Sequence[Product], progress: Progress = no_progress
) -> list[Influence]:
    """Return the influence of each candidate on `text`, which `run`'s model answered to `request`, highest first.

    Candidates are products that the run trained on; equal scores are ordered by uid. Each candidate and the text take
    one forward and one backward pass, which `progress` counts; memory holds one gradient besides the text's. The text
    counts without an end token, as it may be truncated, and with its first `max_tokens` tokens. Nothing is written.

    Raises:
        NotFound: the run has not finished, or has no valid checkpoint any more.
        UserError: the text is empty.
        Damaged: the adapter, the checkpoint or the base model is damaged.
        NotFinite: a weight, a moment of the optimiser or a score is not finite.
    """
    run.require_finished()
    if not text.strip():
        raise UserError("The text is empty; give the description whose training products are wanted.")
    gradients = Gradients.load(run)
    advance = counter(progress, 1 + len(candidates))
    with head_taken_off(gradients.model) as head:
        text_gradient = gradients.of_text(head, request, text)
        advance()
        found = []
        for product in candidates:
            score = float(text_gradient @ gradients.update(gradients.of_product(head, product)))
            if not math.isfinite(score):
                raise NotFinite(
                    f"The influence of product {product.uid} is not a finite number: the model of run {run.name!r} "
                    "cannot be computed; train another --run with a lower learning_rate."
                )
            found.append(Influence(product.uid, product.title, product.description, score))
            advance()
    return sorted(found, key=lambda one: (-one.score, one.uid))


@dataclass(frozen=True)
class Gradients:
    """A finished run's model, which computes gradients of its adapter's weights, each one flat vector in fp32.

    `scales`, of the same length, are the optimiser's factors for a gradient; see `read_update_scales`. The methods'
    `head` is what `head_taken_off` yields for `model`. Dropout is off.
    """

    run: Run
    model: Any
    tokenizer: Any
    scales: Tensor

    @classmethod
    def load(cls, run: Run, strength: float = HALFWAY) -> Gradients:
        """Load the run's base model, its adapter scaled by `strength`, and its optimiser's state.

        Raises:
            NotFound, Damaged: see `estimate_influence`.
        """
        model, tokenizer = load_model(run.base_model().folder, run.precision, attention=PACKED)
        model = load_adapter(model, run.adapter, trainable=True)
        scale_adapter(model, strength)
        return cls(run, model, tokenizer, read_update_scales(run.checkpoints, model))

    def of_text(self, head: Tensor | None, request: str, text: str) -> Tensor:
        """Return the gradient of the mean loss of `text` after `request`."""
        example = text_example(self.tokenizer, self.run.template, request, text, self.run.settings.max_tokens)
        return self._gradient(head, example)

    def of_product(self, head: Tensor | None, product: Product) -> Tensor:
        """Return the gradient of the mean loss of `product`, encoded as training encodes it, without context."""
        settings = replace(self.run.settings, context_share=0.0)
        accepted = [one.uid for one in self.run.accepted]
        return self._gradient(
            head, encode_products(self.tokenizer, self.run.template, [product], settings, accepted)[0]
        )

    def update(self, gradient: Tensor) -> Tensor:
        """Return what an update by `gradient` subtracts from the weights at the peak learning rate, clipped as usual.

        Momentum and weight decay are left out: they do not depend on the product.
        """
        settings = self.run.settings
        clipped = min(1.0, settings.gradient_clip / (float(gradient.norm()) + 1e-6))
        return gradient * self.scales * (clipped * settings.learning_rate)

    def _gradient(self, head: Tensor | None, example: Example) -> Tensor:
        weights = [one for one in self.model.parameters() if one.requires_grad]
        loss = mean_loss(self.model, head, example)
        gradients = torch.autograd.grad(loss, weights, materialize_grads=True, allow_unused=True)
        return torch.cat([one.flatten() for one in gradients])


def text_example(tokenizer: Any, template: PromptTemplate, request: str, text: str, max_tokens: int) -> Example:
    """Encode `text` after `request` as training would, but without the end token."""
    return encode_example(tokenizer, template, request, text, max_tokens).without_end()


def mean_loss(model: Any, head: Tensor | None, example: Example) -> Tensor:
    """Return the mean loss of an example's labelled tokens, in nats, computed in the number format of training."""
    pack = {name: value.to(model.device) for name, value in collate([example]).items()}
    in_bf16 = model.get_input_embeddings().weight.dtype == torch.bfloat16
    with torch.autocast(model.device.type, torch.bfloat16, enabled=in_bf16):
        return token_losses(model, head, pack).mean()
