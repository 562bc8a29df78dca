"""What this machine can do at best: the yardstick that a benchmark's shares are of."""

from __future__ import annotations

from shelftalk.models.instruction_set import bf16_is_fast, product_rate
from shelftalk.models.load import best_device


def matmul_rate(rows: int = 1024, width: int = 640, outputs: int = 2048) -> float:
    """Return the best device's rate at matrix products, in operations a second: the median of two seconds.

    They are in bf16 where that is fast, and otherwise, as training and embedding are there, in fp32.
    """
    return product_rate("bf16" if bf16_is_fast() else "fp32", best_device(), rows, width, outputs, seconds=2)
