"""Reduce the training head to a catalogue's vocabulary, and estimate the contribution of the tokens that are cut.

A catalogue uses a few thousand of Gemma's 262,144 tokens, yet the head's products over all of them are most of a
step. KEPT tokens stay: those in the descriptions, then those with the highest mean probability under the base model
over a sample of the catalogue. The cut tokens still have some probability, which training must reduce: each update
draws SAMPLED of them, with replacement and probability q, and adds -log(SAMPLED q) to their logits, which makes their
exponentials an unbiased estimate of the sum over all cut tokens (importance sampling; Bengio & Senecal 2008,
https://doi.org/10.1109/TNN.2007.912312). q is proportional to the same mean probabilities, mixed with a uniform tenth
so that none is zero.

Only the training loss is estimated. The model, and so the adapter, keeps its whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from shelftalk.models.threads import thread_workers
from shelftalk.models.tokens import Example
from shelftalk.training.batches import MOST_WORKERS, PASS_TOKENS, Pack, collate, cut_into_packs
from shelftalk.training.loss import predicting_outputs

KEPT = 16_384
SAMPLED = 2_048
UNIFORM_SHARE = 0.1
SAMPLE_TOKENS = 4_096  # tokens of the catalogue over which the base model's probabilities are averaged


class CutHead:
    """The rows of a head (vocabulary, width) for the `kept` ids (ascending), and random rows of the rest by `expected`.

    `expected` (vocabulary) holds the base model's mean probability of each token, in fp32.
    """

    def __init__(self, head: Tensor, kept: Tensor, expected: Tensor) -> None:
        self.head = head
        self.kept = kept
        self.rows = torch.cat(
            [head[kept], head.new_zeros(SAMPLED, head.shape[1])]
        )  # each draw overwrites the last SAMPLED
        self.offsets = torch.zeros(len(self.rows), device=head.device)
        self.row_of = torch.full((len(head),), -1, device=head.device)
        self.row_of[kept] = torch.arange(len(kept), device=head.device)
        self.cut = (self.row_of < 0).nonzero()[:, 0]
        probability = expected[self.cut].double() + 1e-12
        probability = (1 - UNIFORM_SHARE) * probability / probability.sum() + UNIFORM_SHARE / max(1, len(self.cut))
        self.cumulative = probability.cumsum(0)
        self.corrections = -(SAMPLED * probability).log().float()
        self.draw = torch.Generator(device=head.device)

    def begin_update(self, seed: int, number: int) -> None:
        """Draw cut tokens for an update, by the run's seed and the update's number alone; see `draw_again`."""
        self.draw.manual_seed(seed * 1_000_003 + number)
        self.draw_again()

    def draw_again(self) -> None:
        """Draw other cut tokens for the passes that follow; those before are lost."""
        if not len(self.cut):
            return
        points = torch.rand(SAMPLED, generator=self.draw, dtype=torch.float64, device=self.head.device)
        drawn = torch.searchsorted(self.cumulative, points * self.cumulative[-1]).clamp_(max=len(self.cut) - 1)
        torch.index_select(self.head, 0, self.cut[drawn], out=self.rows[len(self.kept) :])
        self.offsets[len(self.kept) :] = self.corrections[drawn]

    def parts(self, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (head rows, targets as indices into them, offsets) for a pass; every target must be a kept id."""
        rows = len(self.rows) if len(self.cut) else len(self.kept)
        return self.rows[:rows], self.row_of[targets], self.offsets[:rows]


def cut_head(model: Any, head: Tensor, examples: Sequence[Example]) -> CutHead:
    """Choose the tokens to keep for `examples` and return the cut head.

    `model` is without its head (`loss.head_taken_off`), and its adapter is still zero. Every token of a description is
    kept, even if there are more than KEPT.
    """
    used = torch.zeros(len(head), dtype=torch.bool)
    for example in examples:
        used[torch.tensor(example.ids[example.prompt_length :])] = True
    with thread_workers(head.device, MOST_WORKERS) as pool:  # the same sums with any number of threads
        expected = _expected(model, head, examples, pool)
        rank = expected.clone()
        rank[used.to(head.device)] = float("inf")
        count = min(len(head), max(KEPT, int(used.sum())))
        return CutHead(head, rank.topk(count).indices.sort().values, expected)


def _expected(model: Any, head: Tensor, examples: Sequence[Example], pool: ThreadPoolExecutor) -> Tensor:
    """Return the base model's mean probability of each token over the first descriptions: (vocabulary), in fp32."""
    sample: list[Example] = []
    for example in examples:
        sample.append(example)
        if sum(one.input_length for one in sample) >= SAMPLE_TOKENS:
            break

    @torch.no_grad()
    def add_up(pack: Pack) -> tuple[Tensor, int]:
        inputs = {name: value.to(head.device) for name, value in collate(pack).items()}
        hidden = predicting_outputs(model, inputs).to(head.dtype)
        sums = [(rows @ head.T).float().softmax(1).sum(0) for rows in torch.split(hidden, 64)]
        return torch.stack(sums).sum(0), len(hidden)

    total, count = torch.zeros(len(head), device=head.device), 0
    training = model.training
    model.eval()
    for part, tokens in pool.map(add_up, cut_into_packs(sample, PASS_TOKENS[head.device.type])):
        total += part
        count += tokens
    model.train(training)
    return total / count
