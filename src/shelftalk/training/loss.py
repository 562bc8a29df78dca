"""The completion loss of a frozen head: cross-entropy over a large vocabulary without storing the logits.

Gemma's head has 262,144 rows: logits cost 1 MB a token in fp32, and the head is most of a step. Two facts make it
cheap here. The head is frozen, so the backward pass needs only the gradient of the loss with respect to the hidden
states, which can be computed in the forward pass. And only the tokens of a description have labels, so the head is not
applied to the prompt.

For hidden states h (n, width), head W (vocabulary, width) and targets y, with p = softmax(h W^T):

    loss = sum_i log sum_v exp(h_i W_v) - h_i W_{y_i}          d loss / d h_i = sum_v p_iv W_v - W_{y_i}

The vocabulary is processed in tiles that fit into the cache: one matrix product per tile gives logits, of which only
exp(logit - tile maximum) is stored, in the weights' number format; a second pass over the tiles gives the gradient.
This module handles tensors only, neither text nor the training loop.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from shelftalk.models.adapters import causal_model

# Labelled tokens and vocabulary rows of a tile: it fits into a CPU's cache and keeps a GPU busy. The stored
# exponentials take 134 MB and 1.07 GB for Gemma's vocabulary in bf16.
BLOCKS = {"cpu": (256, 4096), "cuda": (2048, 32768)}


class FrozenHeadLoss(torch.autograd.Function):
    """Cross-entropies (n) of `hidden` (n, width) against `targets` (n) under the frozen `head` (vocabulary, width).

    `offsets` (vocabulary), in fp32, if given, is added to every row's logits. `fused` compiles the operations between
    the two matrix products with torch.compile.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, offsets: Tensor | None = None, fused: bool = False
    ) -> Tensor:
        """Return each row's loss in fp32; save its gradient with respect to `hidden` where one is needed."""
        needs_gradient = ctx.needs_input_grad[0]
        losses, gradients = [hidden.new_zeros(0, dtype=torch.float32)], [hidden[:0].float()]
        blocks = -(-len(hidden) // BLOCKS[head.device.type][0])
        # Blocks of equal size, as a short last one would be slower; a multiple of 16, as oneDNN caches a kernel a size.
        size = -(-len(hidden) // max(1, blocks * 16)) * 16
        for start in range(0, len(hidden), max(1, size)):
            rows = slice(start, start + size)
            loss, gradient = _losses_and_gradient(
                hidden[rows].to(head.dtype), head, targets[rows], offsets, fused, needs_gradient
            )
            losses.append(loss)
            gradients.append(gradient)
        if needs_gradient:
            ctx.save_for_backward(torch.cat(gradients).to(hidden.dtype))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Scale each row's saved gradient by the upstream gradient."""
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0].to(gradient.dtype)[:, None], None, None, None, None


@contextmanager
def head_taken_off(model: Any) -> Iterator[Tensor | None]:
    """Yield the head's weights (vocabulary, width) and make `model` return hidden states instead of logits.

    The whole model is still called, so that wrappers for several devices handle every pass. A head that is more than
    one matrix product (Gemma 2's soft cap, a bias, a scale) is not removed, and None is yielded.
    """
    if not has_plain_head(model):
        yield None
        return
    causal = causal_model(model)
    head = causal.get_output_embeddings()
    causal.set_output_embeddings(nn.Identity())
    try:
        yield head.weight.detach()
    finally:
        causal.set_output_embeddings(head)


def token_losses(model: Any, head: Any, pack: dict[str, Any], fused: bool = False) -> Tensor:
    """Return the cross-entropy, in nats and fp32, of every labelled token of a pack, in order: (labelled tokens).

    `pack` comes from `batches.collate`, on the model's device. `head` comes from `head_taken_off`, or is a
    `vocabulary.CutHead`, which estimates the loss over the whole vocabulary from a part of it. For `fused` see
    `FrozenHeadLoss`.
    """
    outputs = predicting_outputs(model, pack)
    targets = pack["targets"]
    if head is None:
        return functional.cross_entropy(outputs.float(), targets, reduction="none")
    parts = (head, targets, None) if isinstance(head, Tensor) else head.parts(targets)
    return FrozenHeadLoss.apply(outputs, *parts, fused)  # type: ignore[no-any-return,no-untyped-call]


def predicting_outputs(model: Any, pack: dict[str, Any]) -> Tensor:
    """Return the outputs of `model` that predict the targets of a pack, (labelled tokens, width or vocabulary)."""
    inputs = {name: pack[name] for name in ("input_ids", "position_ids", "cu_seq_lens_q")}
    outputs: Tensor = model(**inputs, use_cache=False, logits_to_keep=pack["predicting"]).logits[0]
    return outputs


def has_plain_head(model: Any) -> bool:
    """Return whether logits are exactly hidden states times the head's weights, tested once on a few tokens."""
    causal = causal_model(model)
    known = getattr(causal, "_shelftalk_plain_head", None)
    if known is None:
        head = causal.get_output_embeddings()
        training = causal.training
        causal.eval()  # dropout would change the result, and advance the random generator that a resumed run restored
        with torch.no_grad():
            ids = torch.arange(8, device=head.weight.device)[None] + 5
            logits = causal(input_ids=ids, use_cache=False).logits.float()
            hidden = causal.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
            plain = (hidden.to(head.weight.dtype) @ head.weight.T).float()
        causal.train(training)
        known = torch.allclose(plain, logits, rtol=2e-2, atol=2e-2)
        causal._shelftalk_plain_head = known
    return bool(known)


def _losses_and_gradient(
    hidden: Tensor, head: Tensor, targets: Tensor, offsets: Tensor | None, fused: bool, needs_gradient: bool
) -> tuple[Tensor, Tensor]:
    rows, (vocabulary, width) = len(hidden), head.shape
    most, size = BLOCKS[head.device.type]
    tiles = [slice(start, min(start + size, vocabulary)) for start in range(0, vocabulary, size)]
    stored = len(tiles) if needs_gradient else 1
    logits, kept, products = _buffers.get(head.dtype, head.device, stored, most * size, most * width)
    exponentiate = _fused_exponentiate() if fused else _exponentiate
    maxima, sums = [], []
    for number, tile in enumerate(tiles):
        columns = tile.stop - tile.start
        tile_logits = logits[: rows * columns].view(rows, columns)
        torch.mm(hidden, head[tile].T, out=tile_logits)
        exponentials = kept[number if needs_gradient else 0][: rows * columns].view(rows, columns)
        maximum, total = exponentiate(tile_logits, None if offsets is None else offsets[tile], exponentials)
        maxima.append(maximum)
        sums.append(total)
    peaks = torch.stack(maxima)
    peak = peaks.amax(0)
    normaliser = peak + ((peaks - peak).exp() * torch.stack(sums)).sum(0).log()
    chosen = head[targets].float()
    losses = normaliser - (hidden.float() * chosen).sum(1)
    if offsets is not None:
        losses -= offsets[targets]
    gradient = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
    if needs_gradient:
        for number, tile in enumerate(tiles):
            exponentials = kept[number][: rows * (tile.stop - tile.start)].view(rows, -1)
            product = products[: rows * width].view(rows, width)
            torch.mm(exponentials, head[tile], out=product)
            gradient.addcmul_(product, (maxima[number] - normaliser).exp()[:, None])
        gradient.sub_(chosen)
    return losses, gradient


class _Buffers(threading.local):
    """Memory that each thread reuses: new memory would be freed after every pass, and cost a page fault for each 4 KiB.

    `get` returns buffers for one tile's logits, for the exponentials of all tiles and for one product.
    """

    def __init__(self) -> None:
        self.get = lru_cache(maxsize=2)(_make_buffers)


def _make_buffers(
    dtype: torch.dtype, device: torch.device, tiles: int, tile_size: int, product_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty(tile_size, dtype=dtype, device=device),
        torch.empty(tiles, tile_size, dtype=dtype, device=device),
        torch.empty(product_size, dtype=dtype, device=device),
    )


_buffers = _Buffers()


def _exponentiate(logits: Tensor, offsets: Tensor | None, exponentials: Tensor) -> tuple[Tensor, Tensor]:
    """Write exp(logit - row's maximum) to `exponentials`; return each row's maximum and sum, in fp32."""
    raised = logits.float() if offsets is None else logits + offsets
    maximum = raised.amax(1)
    values = (raised - maximum[:, None]).exp()
    exponentials.copy_(values)
    return maximum, values.sum(1)


@cache
def _fused_exponentiate() -> Any:
    return torch.compile(_exponentiate, dynamic=True)
