"""The completion loss of a frozen head: cross-entropy over a large vocabulary without keeping a logit.

Gemma's head has 262,144 rows: logits cost 1 MB a token in fp32, and the head is most of a step. Two facts make it
cheap here. The head is frozen, so all that the backward pass needs is the loss's gradient with respect to the hidden
states, and that can be computed in the forward pass. And only a description's tokens carry a label, so the prompt's
positions never reach the head.

For hidden states h (n, width), head W (vocabulary, width) and targets y, with p = softmax(h W^T):

    loss = sum_i log sum_v exp(h_i W_v) - h_i W_{y_i}          d loss / d h_i = sum_v p_iv W_v - W_{y_i}

The vocabulary is walked in tiles that stay in the cache: one product per tile gives logits, of which only
exp(logit - tile maximum) is kept, in the weights' own format; a second pass over the kept tiles gives the gradient.
This module knows tensors only, neither text nor the training loop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100
TILE = 4096  # vocabulary rows at once: 512 x 4096 fp32 logits are 8 MB
ROWS = 512  # labelled tokens at once: bounds the kept exponentials to 268 MB for Gemma's vocabulary in bf16


class FrozenHeadLoss(torch.autograd.Function):
    """Cross-entropies (n) of `hidden` (n, width) against `targets` (n) under the frozen `head` (vocabulary, width)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        """Return each row's loss in fp32; keep its gradient with respect to `hidden` where one is wanted."""
        wanted = ctx.needs_input_grad[0]
        losses, gradients = [], []
        for start in range(0, len(hidden), ROWS):
            rows = slice(start, start + ROWS)
            loss, gradient = _losses_and_gradient(hidden[rows].to(head.dtype), head, targets[rows], wanted)
            losses.append(loss)
            gradients.append(gradient)
        if wanted:
            ctx.save_for_backward(torch.cat(gradients).to(hidden.dtype))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        """Scale each row's kept gradient by the outer one."""
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0].to(gradient.dtype)[:, None], None, None


def token_losses(model: Any, input_ids: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy, in nats and fp32, of every labelled token of a batch, row by row: (labelled tokens).

    `input_ids` and `labels` are (rows, length); `labels` holds the token that follows each position, or IGNORED. Rows
    are padded on the right and there is no attention mask: under causal attention nothing before the padding sees it,
    so a row's losses do not depend on its neighbours.

    A model whose head is more than one matrix product (Gemma 2's soft cap, a bias, a scale) takes the plain way
    through its own logits.
    """
    labelled = labels != IGNORED
    targets = labels[labelled]
    if has_plain_head(model):
        hidden = decoder(model)(input_ids=input_ids, use_cache=False).last_hidden_state
        head = model.get_output_embeddings().weight
        return FrozenHeadLoss.apply(hidden[labelled], head, targets)  # type: ignore[no-any-return,no-untyped-call]
    logits = model(input_ids=input_ids, use_cache=False).logits[labelled]
    return functional.cross_entropy(logits.float(), targets, reduction="none")


def decoder(model: Any) -> Any:
    """Return the part of a causal language model that yields hidden states; adapters inside it stay active."""
    return (model.get_base_model() if hasattr(model, "peft_config") else model).get_decoder()


def has_plain_head(model: Any) -> bool:
    """Say whether logits are exactly hidden states times the head's weights, by trying it once on a few tokens."""
    known = getattr(model, "_shelftalk_plain_head", None)
    if known is None:
        head = model.get_output_embeddings()
        training = model.training
        model.eval()  # dropout would make the two ways differ, and draw from the generator that a resumed run restored
        with torch.no_grad():
            ids = torch.arange(8, device=head.weight.device)[None] + 5
            logits = model(input_ids=ids, use_cache=False).logits.float()
            hidden = decoder(model)(input_ids=ids, use_cache=False).last_hidden_state
            plain = (hidden.to(head.weight.dtype) @ head.weight.T).float()
        model.train(training)
        known = torch.allclose(plain, logits, rtol=2e-2, atol=2e-2)
        model._shelftalk_plain_head = known
    return bool(known)


def _losses_and_gradient(hidden: Tensor, head: Tensor, targets: Tensor, wanted: bool) -> tuple[Tensor, Tensor]:
    vocabulary = len(head)
    tiles = [slice(start, min(start + TILE, vocabulary)) for start in range(0, vocabulary, TILE)]
    kept = [torch.empty(0)] * len(tiles)
    maxima = torch.empty(len(tiles), len(hidden), device=hidden.device)
    sums = torch.empty_like(maxima)
    for number, tile in enumerate(tiles):
        logits = (hidden @ head[tile].T).float()
        maxima[number] = logits.amax(1)
        exponentials = logits.sub_(maxima[number][:, None]).exp_()
        sums[number] = exponentials.sum(1)
        if wanted:
            kept[number] = exponentials.to(head.dtype)
    peak = maxima.amax(0)
    normaliser = peak + ((maxima - peak).exp() * sums).sum(0).log()
    chosen = head[targets].float()
    losses = normaliser - (hidden.float() * chosen).sum(1)
    gradient = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
    if wanted:
        for number, tile in enumerate(tiles):
            share = (maxima[number] - normaliser).exp()[:, None]
            gradient.addcmul_((kept[number] @ head[tile]).float(), share)
        gradient.sub_(chosen)
    return losses, gradient
