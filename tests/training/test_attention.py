"""Compare packed attention with torch's own for each product, and packs with single products."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from shelftalk.errors import InvalidSettings
from shelftalk.models.tokens import Example
from shelftalk.training import attention as attention_module
from shelftalk.training.attention import PACKED, packed_attention
from shelftalk.training.batches import collate
from shelftalk.training.loss import head_taken_off, token_losses
from tests.narrow_models import KINDS, make_narrow


def attend(inputs: list[Tensor], **more: Any) -> Tensor:
    """Call packed attention without the arguments that it ignores."""
    query, key, value = inputs
    return packed_attention(None, query, key, value, None, **more)[0]


def plain_attention(query: Tensor, key: Tensor, value: Tensor, starts: list[int], window: int, cap: float) -> Tensor:
    """Compute the expected result in a simple way: one product at a time, with a mask."""
    share = query.shape[1] // key.shape[1]
    outputs = []
    for begin, end in pairwise(starts):
        own_query, own_key, own_value = query[:, :, begin:end], key[:, :, begin:end], value[:, :, begin:end]
        scores = own_query @ own_key.repeat_interleave(share, 1).transpose(2, 3) * 0.3
        if cap:
            scores = cap * (scores / cap).tanh()
        row, column = torch.arange(end - begin)[:, None], torch.arange(end - begin)[None]
        seen = (column <= row) & ((column > row - window) if window else True)
        weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        outputs.append((weights @ own_value.repeat_interleave(share, 1)).transpose(1, 2))
    return torch.cat(outputs, 1)


@pytest.mark.exact
@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.sampled_from([(4, 1), (8, 1), (8, 4), (32, 8), (3, 3)]),
    st.sampled_from([0, 1, 7, 64]),
    st.sampled_from([0.0, 2.0]),
)
def test_outputs_and_gradients_equal_plain_attention(
    lengths: list[int], heads: tuple[int, int], window: int, cap: float
) -> None:
    block, attention_module.BLOCK = attention_module.BLOCK, 16
    attention_module._mask.cache_clear()
    try:
        generator = torch.Generator().manual_seed(sum(lengths))
        starts = torch.tensor([0, *lengths]).cumsum(0)
        tokens = int(starts[-1])
        inputs = [
            torch.randn(1, count, tokens, 8, generator=generator).requires_grad_()
            for count in (heads[0], *[heads[1]] * 2)
        ]
        outer = torch.randn(1, tokens, heads[0], 8, generator=generator)
        found = attend(
            inputs,
            scaling=0.3,
            sliding_window=window or None,
            softcap=cap or None,
            cu_seq_lens_q=torch.cat([starts, starts[-1:]]).int(),
        )
        query, key, value = inputs
        expected = plain_attention(query, key, value, starts.tolist(), window, cap)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        ours, plain = (torch.autograd.grad(one, inputs, outer) for one in (found, expected))
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    finally:
        attention_module.BLOCK = block
        attention_module._mask.cache_clear()


@pytest.mark.exact
@pytest.mark.parametrize("kind", KINDS)
def test_a_products_losses_do_not_depend_on_what_it_is_packed_with(kind: str) -> None:
    model, _ = make_narrow(kind)
    examples = [
        Example([2, 10, 11, 12, 13, 1], 2, complete=True),
        Example([2, *range(20, 160), 1], 3, complete=True),  # longer than the narrow models' window
        Example([2, 7, 8, 1], 2, complete=True),
    ]
    alone = []
    if kind == "gemma2":
        model.set_attn_implementation("eager")  # sdpa would ignore the cap
    for one in examples:
        with head_taken_off(model) as head, torch.no_grad():
            alone.append(token_losses(model, head, {**collate([one]), "cu_seq_lens_q": None}))  # transformers' own
    model.set_attn_implementation(PACKED)
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        with head_taken_off(model) as head, torch.no_grad():
            packed = token_losses(model, head, collate([examples[number] for number in order]))
        torch.testing.assert_close(packed, torch.cat([alone[number] for number in order]), rtol=1e-5, atol=1e-5)


def test_half_precision_stays_near_full_precision() -> None:
    generator = torch.Generator().manual_seed(0)
    full = [torch.randn(1, heads, 300, 64, generator=generator) for heads in (4, 1, 1)]
    starts = torch.tensor([0, 100, 300, 300], dtype=torch.int32)
    exact = attend(full, cu_seq_lens_q=starts)
    rounded = attend([one.bfloat16() for one in full], cu_seq_lens_q=starts)
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() < 0.03


def test_attention_that_it_does_not_know_is_refused() -> None:
    inputs = [torch.zeros(1, 1, 2, 4)] * 3
    with pytest.raises(InvalidSettings, match="cannot train"):
        attend(inputs, s_aux=torch.zeros(1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, heads, 700, 256, generator=generator).bfloat16() for heads in (8, 1, 1)]
    starts = torch.tensor([0, 100, 613, 700, 700], dtype=torch.int32)
    for window in (None, 64):
        cpu = attend(inputs, sliding_window=window, cu_seq_lens_q=starts)
        moved = [one.cuda() for one in inputs]
        cuda = attend(moved, sliding_window=window, cu_seq_lens_q=starts.cuda())
        torch.testing.assert_close(cuda.cpu().float(), cpu.float(), rtol=2e-2, atol=2e-2)
