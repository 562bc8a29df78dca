"""The plan of a run and the tensors of a batch."""

from __future__ import annotations

from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalk.models.tokens import Example
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import Batch, collate, plan_batches
from shelftalk.training.loss import IGNORED


def padding_share(plan: list[Batch]) -> float:
    """Return the share of computed positions that are padding."""
    used = sum(one.input_length for batch in plan for one in batch)
    computed = sum(len(batch) * max(one.input_length for one in batch) for batch in plan)
    return 1 - used / computed


def example(length: int) -> Example:
    return Example([2, *range(10, 10 + length), 1], 2, complete=True)


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_a_plan_sees_every_example_once_an_epoch(
    lengths: list[int], epochs: int, batch_size: int, accumulation: int
) -> None:
    examples = [example(length) for length in lengths]
    asked = TrainingSettings(epochs=epochs, batch_size=batch_size, gradient_accumulation=accumulation)
    plan = plan_batches(examples, asked)
    seen = Counter(id(one) for batch in plan for one in batch)
    assert seen == {id(one): epochs for one in examples}
    assert all(1 <= len(batch) <= batch_size for batch in plan)
    effective = batch_size * accumulation
    assert -(-len(plan) // accumulation) == -(-len(examples) * epochs // effective)
    assert plan == plan_batches(examples, asked)


def test_each_update_holds_the_same_examples_as_a_plain_shuffle() -> None:
    examples = [example(length) for length in range(1, 41)]
    wide = plan_batches(examples, TrainingSettings(epochs=1, batch_size=8, gradient_accumulation=1))
    narrow = plan_batches(examples, TrainingSettings(epochs=1, batch_size=2, gradient_accumulation=4))
    for update, batch in enumerate(wide):
        assert [one for part in narrow[4 * update : 4 * update + 4] for one in part] == batch


def test_sorting_within_an_update_keeps_padding_small() -> None:
    examples = [example(1 + number % 97) for number in range(400)]
    sorted_plan = plan_batches(examples, TrainingSettings(epochs=1, batch_size=2, gradient_accumulation=8))
    unsorted = [examples[start : start + 2] for start in range(0, 400, 2)]
    shuffled = [[examples[(number * 37) % 400], examples[(number * 91 + 5) % 400]] for number in range(200)]
    assert padding_share(sorted_plan) < padding_share(shuffled) / 2
    assert padding_share(unsorted) < 0.05


def test_labels_are_the_next_tokens_of_the_description_only() -> None:
    batch = collate([Example([2, 5, 6, 7, 1], 2, complete=True), Example([2, 5, 8], 2, complete=False)])
    assert torch.equal(batch["input_ids"], torch.tensor([[2, 5, 6, 7], [2, 5, 0, 0]]))
    assert torch.equal(batch["labels"], torch.tensor([[IGNORED, 6, 7, 1], [IGNORED, 8, IGNORED, IGNORED]]))
