"""Compute attention over packed sequences: several products in one row, none attending to another, without padding.

A pack is one row of tokens, product after product. All other layers treat each token independently. Attention gets
the start of each product (`cu_seq_lens_q`, the cumulative lengths of FlashAttention's variable-length interface) and
computes a causal square for each product, or a band where the layer has a sliding window. No mask of the whole row is
built; most of the quadratic cost would be there.

On CUDA in half precision this is torch's `varlen_attn`. Elsewhere it is the blockwise algorithm of FlashAttention-2
(Dao 2023, https://arxiv.org/abs/2307.08691) as plain matrix products: the query heads that share a key head are
stacked into one tall product, which for Gemma's single key head is 2 to 3 times faster than torch's own CPU kernel
at the length of a description. It is one opaque operator to torch.compile.

This module handles tensors only; `PACKED` is the name under which it is registered with transformers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface

from shelftalk.errors import InvalidSettings

PACKED = "shelftalk_packed"
BLOCK = 256  # query positions at once: scores of 4 heads x 256 x 256 in fp32 are 1 MB


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    cu_seq_lens_q: Tensor | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Return (attention output (1, tokens, heads, width), None) for a pack, as transformers' attention functions do.

    `query` is (1, heads, tokens, width), `key` and `value` (1, key heads, tokens, width). Without `cu_seq_lens_q` the
    row is one product. Attention dropout is ignored: no model that is fine-tuned here has any.

    Raises:
        InvalidSettings: the model's attention has learned sinks or a position bias.
    """
    if more.get("s_aux") is not None or more.get("position_bias") is not None:
        raise InvalidSettings(f"{type(module).__name__} has attention that shelftalk cannot train; take a Gemma model.")
    queries, keys, values = (one[0].transpose(0, 1) for one in (query, key, value))
    keys, values = keys.to(queries.dtype), values.to(queries.dtype)
    scale = queries.shape[-1] ** -0.5 if scaling is None else scaling
    tokens, window = queries.shape[0], sliding_window or 0
    starts = cu_seq_lens_q
    if starts is None:
        starts = torch.tensor([0, tokens, tokens], dtype=torch.int32, device=query.device)
    if not softcap and _flash_runs(queries.device, queries.dtype, queries.shape[-1]):
        output = varlen_attn(
            queries,
            keys,
            values,
            starts,
            starts,
            tokens,  # no product is longer than the pack
            tokens,
            scale=scale,
            window_size=(window - 1, 0) if window else (-1, 0),
            enable_gqa=keys.shape[1] != queries.shape[1],
        )
    else:
        output = _attend(queries * scale, keys, values, starts, window, softcap or 0.0)
    return output[None], None  # type: ignore[call-overload]


AttentionInterface.register(PACKED, packed_attention)


def _flash_runs(device: torch.device, dtype: torch.dtype, width: int) -> bool:
    """Return whether torch's FlashAttention supports these queries; without a cache, of which torch.compile warns."""
    return (
        device.type == "cuda"
        and dtype in (torch.bfloat16, torch.float16)
        and width % 8 == 0
        and width <= 256
        and torch.backends.cuda.is_flash_attention_available()
        and torch.cuda.get_device_capability(device) >= (8, 0)
    )


@torch.library.custom_op("shelftalk::attend", mutates_args=())
def _attend(queries: Tensor, keys: Tensor, values: Tensor, starts: Tensor, window: int, cap: float) -> Tensor:
    """Return outputs (tokens, heads, width) of scaled `queries` of that shape."""
    tokens, heads, width = queries.shape
    keys, values = keys.contiguous(), values.contiguous()
    output = queries.new_empty(tokens, heads, width)
    for rows, columns in _blocks(starts, window):
        for number, shared in _groups(heads, keys.shape[1]):
            weights = _weights(queries[rows, shared].reshape(-1, width), keys[columns, number], rows, window, cap)[0]
            product = weights.to(values.dtype) @ values[columns, number]
            output[rows, shared] = product.view(-1, shared.stop - shared.start, width)
    return output


@torch.library.custom_op("shelftalk::attend_backward", mutates_args=())
def _attend_backward(
    upstream: Tensor, queries: Tensor, keys: Tensor, values: Tensor, starts: Tensor, window: int, cap: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients with respect to queries, keys and values; the attention weights are recomputed."""
    heads, width = queries.shape[1:]
    keys, values = keys.contiguous(), values.contiguous()
    to_queries = queries.new_empty(queries.shape)
    to_keys = torch.zeros(keys.shape, dtype=torch.float32, device=keys.device)
    to_values = torch.zeros_like(to_keys)
    for rows, columns in _blocks(starts, window):
        for number, shared in _groups(heads, keys.shape[1]):
            stacked, upstream_stacked = (one[rows, shared].reshape(-1, width) for one in (queries, upstream))
            weights, slopes = _weights(stacked, keys[columns, number], rows, window, cap)
            to_values[columns, number] += weights.to(values.dtype).T @ upstream_stacked
            to_weights = (upstream_stacked @ values[columns, number].T).float()
            to_scores = torch._softmax_backward_data(to_weights, weights, 1, torch.float32)
            to_scores = (to_scores if slopes is None else to_scores * slopes).to(queries.dtype)
            product = to_scores @ keys[columns, number]
            to_queries[rows, shared] = product.view(-1, shared.stop - shared.start, width)
            to_keys[columns, number] += to_scores.T @ stacked
    return to_queries, to_keys.to(keys.dtype), to_values.to(values.dtype)


@_attend.register_fake
def _(queries: Tensor, keys: Tensor, values: Tensor, starts: Tensor, window: int, cap: float) -> Tensor:
    return queries.new_empty(queries.shape)


@_attend_backward.register_fake
def _(upstream: Tensor, queries: Tensor, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return queries.new_empty(queries.shape), keys.new_empty(keys.shape), values.new_empty(values.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.window, ctx.cap = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    return (*_attend_backward(upstream, *ctx.saved_tensors, ctx.window, ctx.cap), None, None, None)


_attend.register_autograd(_backward, setup_context=_setup_context)


def _blocks(starts: Tensor, window: int) -> Iterator[tuple[slice, slice]]:
    """Yield each block of query rows and the key columns that it may attend to; both slices have the same end."""
    for begin, end in pairwise(starts.tolist()):
        for first in range(begin, end, BLOCK):
            last = min(first + BLOCK, end)
            yield slice(first, last), slice(max(begin, first - window + 1) if window else begin, last)


def _groups(heads: int, key_heads: int) -> Iterator[tuple[int, slice]]:
    """Yield each key head with the query heads that share it."""
    share = heads // key_heads
    for number in range(key_heads):
        yield number, slice(number * share, (number + 1) * share)


def _weights(stacked: Tensor, keys: Tensor, rows: slice, window: int, cap: float) -> tuple[Tensor, Tensor | None]:
    """Return attention weights in fp32 (rows x shared heads, columns), and the soft cap's derivatives if it has one."""
    count, columns = rows.stop - rows.start, len(keys)
    scores, slopes = stacked @ keys.T, None
    if cap:
        flattened = (scores.float() / cap).tanh()
        scores, slopes = flattened * cap, 1 - flattened.square()
    mask = _mask(-(-columns // BLOCK) * BLOCK, window, keys.device)[-count:, :, -columns:]
    masked = torch.add(scores.view(count, -1, columns), mask)
    return masked.view(-1, columns).softmax(1), slopes


@cache
def _mask(columns: int, window: int, device: torch.device) -> Tensor:
    """Return the mask (BLOCK, 1, columns) in fp32 of the last BLOCK rows: 0 where a row may attend, else -infinity."""
    row = torch.arange(columns - BLOCK, columns, device=device)[:, None]
    column = torch.arange(columns, device=device)[None]
    hidden = column > row
    if window:
        hidden |= column <= row - window
    return torch.zeros(BLOCK, columns, device=device).masked_fill_(hidden, float("-inf"))[:, None]
