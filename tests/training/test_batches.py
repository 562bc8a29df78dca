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
from shelftalk.training.batches import FEW, GROUPED, Examples, Plan, collate, cut_into_packs


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


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_small_updates_have_examples_of_similar_lengths(rows: int) -> None:
    lengths = np.random.default_rng(5).integers(1, 90, 101)
    examples = Examples(example(int(length)) for length in lengths)
    settings = TrainingSettings(epochs=2, batch_size=rows, gradient_accumulation=1)
    at_random, grouped = Plan(examples, settings, grouped=False), Plan(examples, settings)

    def longest(plan: Plan) -> int:
        return sum(max(one.input_length for one in update) * len(update) for update in plan)

    group = GROUPED * rows  # examples, which are exchanged with one another only
    for first in range(0, len(at_random.order), group):
        here = slice(first, first + group)
        assert sorted(grouped.order[here]) == sorted(at_random.order[here])
    assert [len(update) for update in grouped] == [len(update) for update in at_random]
    assert grouped.order.tolist() == Plan(examples, settings).order.tolist()
    tokens = sum(grouped.tokens_by_update())
    if rows > 1:
        assert longest(grouped) < 1.15 * tokens < 1.25 * tokens < longest(at_random)
        sizes = grouped.tokens_by_update()[:GROUPED]
        assert sizes not in (sorted(sizes), sorted(sizes, reverse=True))  # small and large updates alternate


def test_large_updates_have_examples_in_the_order_of_the_shuffled_epochs() -> None:
    examples, settings = Examples(example(length) for length in range(1, 40)), TrainingSettings(batch_size=FEW + 1)
    assert Plan(examples, settings).order.tolist() == Plan(examples, settings, grouped=False).order.tolist()


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
