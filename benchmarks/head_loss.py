"""How close is the frozen head's loss to the speed of its two necessary matrix products?

    python -m benchmarks.head_loss --json

Interleaves, for 256 labelled tokens and Gemma 3 270M's head (262,144 x 640, bf16, random values): plain cross-entropy,
forward and backward; ours; and the bare products. Prints medians of seven rounds and their ratios.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch.nn import functional

from shelftalk.training.loss import FrozenHeadLoss

VOCABULARY, WIDTH, TOKENS, ROUNDS = 262_144, 640, 256, 7


def main() -> None:
    """Measure, and print a table, or with --json one line."""
    generator = torch.Generator().manual_seed(0)
    head = (torch.randn(VOCABULARY, WIDTH, generator=generator) * 0.02).bfloat16()
    hidden = torch.randn(TOKENS, WIDTH, generator=generator).bfloat16()
    targets = torch.randint(0, VOCABULARY, (TOKENS,), generator=generator)

    def plain() -> None:
        leaf = hidden.clone().requires_grad_()
        functional.cross_entropy((leaf @ head.T).float(), targets).backward()  # type: ignore[no-untyped-call]

    def ours() -> None:
        leaf = hidden.clone().requires_grad_()
        FrozenHeadLoss.apply(leaf, head, targets).mean().backward()  # type: ignore[no-untyped-call]

    def products() -> None:
        (hidden @ head.T) @ head

    seconds = _interleaved({"plain": plain, "ours": ours, "products": products})
    result = {
        "plain_over_ours": round(seconds["plain"] / seconds["ours"], 2),
        "ours_over_products": round(seconds["ours"] / seconds["products"], 2),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }
    print(json.dumps(result) if "--json" in sys.argv else "\n".join(f"{key}: {value}" for key, value in result.items()))


def _interleaved(ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the median seconds of each way over all rounds after a warm-up round."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


if __name__ == "__main__":
    main()
