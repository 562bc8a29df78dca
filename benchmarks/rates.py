"""What this machine can do at best: the yardstick that a benchmark's shares are of."""

from __future__ import annotations

import statistics
import time

import torch

from shelftalk.models.load import bf16_is_fast


def matmul_rate(rows: int = 1024, width: int = 640, outputs: int = 2048, rounds: int = 30) -> float:
    """Return the best device's rate at matrix products, in operations a second: the median of `rounds`.

    They are in bf16 where that is fast, and otherwise, as training and embedding are there, in fp32.
    """
    dtype = torch.bfloat16 if bf16_is_fast() else torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    left = torch.randn(rows, width, device=device).to(dtype)
    right = torch.randn(width, outputs, device=device).to(dtype)
    seconds = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        for _ in range(4):
            left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return 4 * 2 * rows * width * outputs / statistics.median(seconds[3:])
