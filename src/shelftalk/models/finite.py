"""Find weights that are not finite numbers: NaN or infinite, as after a training that diverged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from safetensors import safe_open
from torch import Tensor


def first_not_finite(weights: Iterable[tuple[str, Tensor]], most: float = math.inf) -> str | None:
    """Return the name of the first weight that holds NaN, an infinite value or one beyond `most`; None without one."""
    for name, weight in weights:
        if weight.numel():
            low, high = weight.detach().aminmax()  # one pass without a copy; a NaN is both
            if not (math.isfinite(low) and math.isfinite(high) and -most <= low and high <= most):
                return name
    return None


def first_not_finite_in(file: Path) -> str | None:
    """Return the name of the first weight in a safetensors file that is not finite; None without one.

    Raises:
        SafetensorError: the file cannot be read.
    """
    with safe_open(file, "pt") as weights:
        return first_not_finite((name, weights.get_tensor(name)) for name in weights.keys())  # noqa: SIM118
