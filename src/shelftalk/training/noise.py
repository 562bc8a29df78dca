"""Draw the random numbers of a training pass: dropout before the adapter's matrices, and noise on the embeddings.

torch's own dropout draws from one generator of the whole process, so that passes in several threads would get numbers
by the order in which they happen to run. Here each thread has a generator of its own while it makes a pass, seeded with
the pass; elsewhere the process's generator is used.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_this_thread = threading.local()


@contextmanager
def seeded_noise(*numbers: int) -> Iterator[None]:
    """Draw this thread's noise from a generator that the `numbers` alone seed, until the block ends."""
    (seed,) = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    _this_thread.generator = torch.Generator().manual_seed(int(seed))
    try:
        yield
    finally:
        _this_thread.generator = None


def use_seeded_dropout(model: Any) -> None:
    """Replace the dropout of the adapter of `model` by `SeededDropout`."""
    for module in model.modules():
        if isinstance(dropouts := getattr(module, "lora_dropout", None), nn.ModuleDict):
            for name, dropout in dropouts.items():
                if isinstance(dropout, nn.Dropout):
                    dropouts[name] = SeededDropout(dropout.p)


class SeededDropout(nn.Module):
    """Set each number to 0 with probability `share` in training, and scale the others so that the mean stays.

    The share is rounded to a 256th: a random byte decides on a number, for an eighth of the time of torch's dropout.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.dropped = max(1, round(share * 256)) if share else 0  # of 256

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.dropped:
            return values
        kept: Tensor = _random_bytes(values) >= self.dropped
        return values * kept * (256 / (256 - self.dropped))


def add_embedding_noise(model: Any, size: float) -> Any:
    """Add uniform noise to the input embeddings of `model` in training; `remove()` of what is returned ends it.

    A row of n tokens of width d gets noise of at most size / sqrt(n d): Jain et al., NEFTune: noisy embeddings improve
    instruction finetuning (2023), arXiv 2310.05914, algorithm 1.
    """

    def add(module: Any, inputs: Any, embedded: Tensor) -> Tensor:
        if not module.training:
            return embedded
        most = size / (embedded.shape[-2] * embedded.shape[-1]) ** 0.5
        return embedded + torch.empty_like(embedded).uniform_(-most, most, generator=_generator())

    return model.get_input_embeddings().register_forward_hook(add)


# One opaque operator to torch.compile, which knows no generator but the process's.
@torch.library.custom_op("shelftalk::random_bytes", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,))
def _random_bytes(like: Tensor) -> Tensor:
    """Return a random byte for each number of `like`, in its shape."""
    count = like.numel()
    eights = torch.empty(-(-count // 8), dtype=torch.int64, device=like.device)
    return eights.random_(-(2**63), None, generator=_generator()).view(torch.uint8)[:count].view(like.shape)


@_random_bytes.register_fake
def _(like: Tensor) -> Tensor:
    return torch.empty(like.shape, dtype=torch.uint8, device=like.device)


def _generator() -> torch.Generator | None:
    return getattr(_this_thread, "generator", None)
