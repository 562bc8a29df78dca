"""This machine's peak rate, to which benchmarks relate their speeds."""

from __future__ import annotations

from shelftalk.models.instruction_set import bf16_is_fast, product_rate
from shelftalk.models.load import best_device


def matmul_rate(rows: int = 1024, width: int = 640, outputs: int = 2048) -> float:
    """Return the best device's rate of matrix products, in operations a second: the median over two seconds.

    The products are in bf16 where that is fast and otherwise in fp32, as in training and embedding.
    """
    return product_rate("bf16" if bf16_is_fast() else "fp32", best_device(), rows, width, outputs, seconds=2)
