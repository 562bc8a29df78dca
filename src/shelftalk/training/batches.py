"""Plan the batches of a run, and convert them to tensors.

The plan is fixed before the run starts: the epochs, each shuffled with the seed, are concatenated and cut into updates
of batch_size x gradient_accumulation examples. How an update is divided into forward passes affects speed and memory
only, because its loss is a mean over all its labelled tokens. Its examples are joined into packs of at most
pass_tokens tokens, as few and as equal in size as possible. Each pack is one row, padded to a multiple of LENGTH_STEP.
Attention keeps the examples of a pack separate, see `training.attention`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shelftalk.models.tokens import Example, encode_example, encode_with_references
from shelftalk.prompts import PromptTemplate
from shelftalk.records import Product
from shelftalk.settings import TrainingSettings
from shelftalk.training.context import Context, choose_contexts
from shelftalk.training.omission import leave_out
from shelftalk.training.plain import plain_examples
from shelftalk.training.supported import supported_example

LENGTH_STEP = 32
PASS_TOKENS = {"cpu": 384, "cuda": 4096}  # larger passes were no faster; see docs/experiments.md
ALONE_TOKENS = 640  # in a pass of a process on a CPU that makes one at a time
PACKS = {"cpu": 2, "cuda": 1}  # of an update in one process: a multiple of this, for threads with equal work on a CPU
MOST_WORKERS = 4  # passes at once on a CPU: Python lets only one of them at a time do what lies between the products

Pack = list[Example]


class Examples(Sequence[Example]):
    """Store many examples in a few arrays: four bytes a token, where lists of Python numbers take thirty."""

    def __init__(self, examples: Iterable[Example]) -> None:
        ids: list[NDArray[np.int32]] = []
        prompts, complete, lengths = [], [], [0]
        for example in examples:
            ids.append(np.asarray(example.ids, dtype=np.int32))
            lengths.append(len(example.ids))
            prompts.append(example.prompt_length)
            complete.append(example.complete)
        self.ids = np.concatenate(ids) if ids else np.empty(0, np.int32)
        self.starts = np.cumsum(lengths)
        self.prompts = np.asarray(prompts, dtype=np.int32)
        self.complete = np.asarray(complete, dtype=bool)

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        ids = self.ids[self.starts[index] : self.starts[index + 1]].tolist()
        return Example(ids, int(self.prompts[index]), bool(self.complete[index]))

    @property
    def input_lengths(self) -> NDArray[np.int64]:
        """The number of input tokens of each example."""
        return np.diff(self.starts) - 1


def encode_products(
    tokenizer: Any,
    template: PromptTemplate,
    products: Sequence[Product],
    settings: TrainingSettings,
    accepted: Collection[str] = (),
) -> Examples:
    """Return the training example of each product, and behind them those of the plain texts.

    Its uid selects the form of its request, and with the seed the attributes that are left out (see `omission`), the
    products before it (see `context`), and whether it has a plain text (see `plain`); see also `supported`, which does
    not change those with the uids `accepted`. Beside accepted texts the other products' own have no end token: a person
    may have changed where a text ends.
    """
    own = [leave_out(product, settings.seed) for product in products]
    if settings.unsupported == "replace":
        own = [one if one.uid in accepted else supported_example(one) for one in own]
    plain = plain_examples(products, settings.plain_share, settings.seed)
    contexts = choose_contexts(template, own, settings.context_share, settings.seed)
    contexts += [Context(request, request) for request in map(template.training_request, plain)]
    encoded = (
        encode_with_references(
            tokenizer, template, context.request, context.references, one.description, settings.max_tokens
        )
        or encode_example(tokenizer, template, context.alone, one.description, settings.max_tokens)
        for one, context in zip((*own, *plain), contexts, strict=True)
    )
    without_end = {row for row, one in enumerate(own) if accepted and one.uid not in accepted}
    return Examples(one.without_end() if row in without_end else one for row, one in enumerate(encoded))


class Plan(Sequence[list[Example]]):
    """The examples of every update of a run, in order; item `n` holds those of update `n` + 1.

    `counts` says of the first examples how often an epoch has them; it has the others once.
    """

    def __init__(self, examples: Examples, settings: TrainingSettings, counts: Sequence[int] = ()) -> None:
        self.examples = examples
        often = np.ones(len(examples), dtype=np.int64)
        often[: len(counts)] = counts
        rows = np.repeat(np.arange(len(examples)), often)
        self.rows = settings.batch_size * settings.gradient_accumulation
        self.order = np.concatenate(
            [np.random.default_rng([settings.seed, epoch]).permutation(rows) for epoch in range(settings.epochs)]
        )

    def __len__(self) -> int:
        return -(-len(self.order) // self.rows)

    def __getitem__(self, index: int) -> list[Example]:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return [self.examples[row] for row in self.order[index * self.rows : (index + 1) * self.rows]]

    def tokens_by_update(self) -> list[int]:
        """Return the number of input tokens of each update."""
        lengths = self.examples.input_lengths[self.order]
        return [int(one) for one in np.add.reduceat(lengths, np.arange(0, len(self.order), self.rows))]


def cut_into_packs(examples: Sequence[Example], pass_tokens: int, shares: int = 1) -> list[Pack]:
    """Return the examples in packs of at most `pass_tokens` tokens; a longer example gets a pack of its own.

    A greedy algorithm, longest example first, minimises the number of packs and balances their sizes. The number is a
    multiple of `shares`, unless there are too few examples for that.
    """
    longest_first = sorted(examples, key=lambda one: one.input_length, reverse=True)
    count = -(-sum(one.input_length for one in examples) // (pass_tokens * shares)) * shares
    while True:
        packs: list[Pack] = [[] for _ in range(min(count, len(examples)))]
        sizes = [0] * len(packs)
        for example in longest_first:
            emptiest = sizes.index(min(sizes))
            packs[emptiest].append(example)
            sizes[emptiest] += example.input_length
        fits = all(size <= pass_tokens or len(pack) == 1 for size, pack in zip(sizes, packs, strict=True))
        if fits or len(packs) == len(examples):
            return packs
        count += shares


def collate(pack: Pack) -> dict[str, torch.Tensor]:
    """Return a pack as one row of tensors.

    `input_ids` (1, tokens); `position_ids` (1, tokens), restarting at 0 for each example; `targets` (labelled tokens):
    every token of a description and its end token; `predicting` (labelled tokens): the index of the token before each
    target, whose output predicts it; `cu_seq_lens_q`, int32: the start of each example, the start of the padding, and
    the number of tokens.

    The padding (token 0, which no example attends to) makes the row's length a multiple of LENGTH_STEP: oneDNN caches
    a kernel of one to two megabytes for every length.
    """
    ids = [example.ids[:-1] for example in pack]
    predicting: list[int] = []
    starts = [0]
    for example in pack:
        first = starts[-1] + example.prompt_length - 1
        starts.append(starts[-1] + example.input_length)
        predicting += range(first, starts[-1])
    padding = -starts[-1] % LENGTH_STEP
    return {
        "input_ids": torch.tensor([[*(token for one in ids for token in one), *[0] * padding]]),
        "position_ids": torch.cat([torch.arange(length) for length in [*map(len, ids), padding]])[None],
        "predicting": torch.tensor(predicting),
        "targets": torch.tensor([token for one in pack for token in one.ids[one.prompt_length :]]),
        "cu_seq_lens_q": torch.tensor([*starts, starts[-1] + padding], dtype=torch.int32),
    }
