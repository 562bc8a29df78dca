"""Test the plan of a run, its packs, and the tensors of a pack."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalk.models.tokens import Example
from shelftalk.settings import TrainingSettings
from shelftalk.training import batches
from shelftalk.training.batches import Examples, Plan, collate, cut_into_packs


def example(length: int) -> Example:
    return Example([2, *range(10, 10 + length), 1], 2, complete=True)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))
def test_a_plan_sees_every_example_once_an_epoch(
    lengths: list[int], epochs: int, batch_size: int, accumulation: int
) -> None:
    examples = Examples(example(length) for length in lengths)
    plan = Plan(examples, TrainingSettings(epochs=epochs, batch_size=batch_size, gradient_accumulation=accumulation))
    effective = batch_size * accumulation
    assert [len(update) for update in plan][:-1] == [effective] * (len(plan) - 1)
    seen = Counter(tuple(one.ids) for update in plan for one in update)
    assert seen == {ids: count * epochs for ids, count in Counter(tuple(one.ids) for one in examples).items()}
    assert plan.tokens_by_update() == [sum(one.input_length for one in update) for update in plan]


def test_counts_repeat_the_first_examples_and_without_them_the_order_is_a_plain_shuffle() -> None:
    examples, settings = Examples(example(length) for length in range(1, 9)), TrainingSettings(epochs=2)
    plain = [np.random.default_rng([settings.seed, epoch]).permutation(8) for epoch in range(2)]
    assert Plan(examples, settings).order.tolist() == np.concatenate(plain).tolist()
    assert sorted(Plan(examples, settings, [3, 1]).order.tolist()) == sorted([*range(8), 0, 0] * 2)


def test_examples_are_stored_unchanged() -> None:
    given_ones = [example(3), Example([2, 5, 6], 1, complete=False), example(1)]
    assert list(Examples(given_ones)) == given_ones
    assert Examples(given_ones).ids.nbytes == 4 * sum(len(one.ids) for one in given_ones)
    assert len(Examples([])) == 0


def test_an_update_is_the_same_however_it_is_divided() -> None:
    examples = Examples(example(length) for length in range(1, 41))
    one_batch = Plan(examples, TrainingSettings(epochs=1, batch_size=8, gradient_accumulation=1))
    four_batches = Plan(examples, TrainingSettings(epochs=1, batch_size=2, gradient_accumulation=4))
    assert list(one_batch) == list(four_batches)


def test_an_example_over_the_limit_makes_no_room_for_others() -> None:
    packs = cut_into_packs([example(length) for length in (16, 9, 9, 6)], 16)
    assert all(len(pack) == 1 or sum(one.input_length for one in pack) <= 16 for pack in packs)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(16, 200), st.integers(1, 4))
def test_packs_hold_every_example_within_the_limit(lengths: list[int], limit: int, shares: int) -> None:
    examples = [example(length) for length in lengths]
    packs = cut_into_packs(examples, limit, shares)
    assert Counter(id(one) for pack in packs for one in pack) == Counter(id(one) for one in examples)
    for pack in packs:
        assert sum(one.input_length for one in pack) <= limit or len(pack) == 1 or len(packs) == len(examples)
    assert len(packs) % shares == 0 or len(packs) == len(examples)


def test_packs_are_few_and_even() -> None:
    examples = [example(length) for length in (100, 90, 80, 70, 60, 50, 40, 30)]
    packs = cut_into_packs(examples, 300)
    sizes = [sum(one.input_length for one in pack) for pack in packs]
    assert len(packs) == 2
    assert max(sizes) - min(sizes) < 30


def test_a_pack_is_one_row_in_which_every_product_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LENGTH_STEP", 4)
    pack = collate([Example([2, 5, 6, 7, 1], 2, complete=True), Example([2, 5, 8], 2, complete=False)])
    assert torch.equal(pack["input_ids"], torch.tensor([[2, 5, 6, 7, 2, 5, 0, 0]]))
    assert torch.equal(pack["position_ids"], torch.tensor([[0, 1, 2, 3, 0, 1, 0, 1]]))
    assert pack["predicting"].tolist() == [1, 2, 3, 5]
    assert pack["targets"].tolist() == [6, 7, 1, 8]
    assert pack["cu_seq_lens_q"].tolist() == [0, 4, 6, 8]
    assert pack["cu_seq_lens_q"].dtype == torch.int32


def test_a_plan_ends() -> None:
    plan = Plan(Examples([example(3)]), TrainingSettings(epochs=1, batch_size=1, gradient_accumulation=1))
    with pytest.raises(IndexError):
        plan[1]
