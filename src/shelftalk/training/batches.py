"""Decide which examples are trained on together and when, and lay them out as tensors.

The plan of a run is fixed before it starts: the order of every epoch, shuffled by the seed, is laid end to end and cut
into effective batches of batch_size x gradient_accumulation examples, one for each update. Within an effective batch
examples are sorted by length and cut into micro-batches, so that neighbours are of like length. The update is the same
as without sorting, because the loss is a mean over all labelled tokens of the effective batch; only the padding
shrinks. Rows are never joined, so no product can see another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from shelftalk.models.tokens import Example
from shelftalk.settings import TrainingSettings
from shelftalk.training.loss import IGNORED

Batch = list[Example]


def plan_batches(examples: Sequence[Example], settings: TrainingSettings) -> list[Batch]:
    """Return every micro-batch of a run in order: gradient_accumulation of them for each update, fewer for the last."""
    order = [
        index
        for epoch in range(settings.epochs)
        for index in np.random.default_rng([settings.seed, epoch]).permutation(len(examples))
    ]
    effective = settings.batch_size * settings.gradient_accumulation
    plan: list[Batch] = []
    for start in range(0, len(order), effective):
        chosen = sorted((examples[index] for index in order[start : start + effective]), key=lambda one: len(one.ids))
        plan += [chosen[first : first + settings.batch_size] for first in range(0, len(chosen), settings.batch_size)]
    return plan


def collate(batch: Batch) -> dict[str, torch.Tensor]:
    """Return `input_ids` and `labels`, both (rows, length), padded on the right.

    `labels` holds at each position the token that follows it, where that token belongs to a description or is its end
    token, and IGNORED elsewhere. Padding is token 0, which nothing attends to and nothing predicts.
    """
    length = max(example.input_length for example in batch)
    input_ids = torch.zeros(len(batch), length, dtype=torch.long)
    labels = torch.full((len(batch), length), IGNORED)
    for row, example in enumerate(batch):
        ids = torch.tensor(example.ids)
        input_ids[row, : example.input_length] = ids[:-1]
        labels[row, example.prompt_length - 1 : example.input_length] = ids[example.prompt_length :]
    return {"input_ids": input_ids, "labels": labels}
