"""The CPU's instructions that products of matrices use here, and whether bf16 is fast with them.

torch leaves bf16 products on an x86 CPU to oneDNN. It takes the CPU's best instructions, or fewer where the environment
says so: ONEDNN_MAX_CPU_ISA, or DNNL_MAX_CPU_ISA where that is not set. The CPU's flags alone do not show this.
ATEN_CPU_CAPABILITY does not matter here: it limits torch's own kernels and no product of matrices.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

# From the least to the most; each level has those before it.
_FLAGS = {
    "sse41": ("sse4_1",),
    "avx": ("avx",),
    "avx2": ("avx2",),
    "avx512": ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"),
    "avx512_bf16": ("avx512_bf16",),
    "amx": ("amx_bf16",),
}
_LEVELS = list(_FLAGS)

# oneDNN's names that exclude a level of ours. It takes upper and lower case, and ignores names that it does not know.
_LIMITS = {
    "SSE41": "sse41",
    "AVX": "avx",
    "AVX2": "avx2",
    "AVX2_VNNI": "avx2",
    "AVX2_VNNI_2": "avx2",
    "AVX512_CORE": "avx512",
    "AVX512_CORE_VNNI": "avx512",
    "AVX512_CORE_BF16": "avx512_bf16",
    "AVX512_CORE_FP16": "avx512_bf16",
    "AVX10_1_512": "avx512_bf16",
    "AVX10_2_512": "avx512_bf16",
}


@cache
def instruction_set() -> str:
    """Return the level in force: sse41, avx, avx2, avx512, avx512_bf16 or amx; not on x86, the architecture's name."""
    return level(torch.cpu.get_capabilities(), os.environ)[0]


@cache
def limited_by() -> str | None:
    """Return the environment variable that keeps the level below the CPU's own, as NAME=value; None without one."""
    return level(torch.cpu.get_capabilities(), os.environ)[1]


def level(flags: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, str | None]:
    """Return what `instruction_set` and `limited_by` say of a CPU with these flags (torch's names)."""
    if flags["architecture"] != "x86_64":
        return str(flags["architecture"]), None
    own = next((name for name in reversed(_LEVELS) if all(flags[flag] for flag in _FLAGS[name])), _LEVELS[0])
    for variable in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        if value := environment.get(variable):
            limit = _LIMITS.get(value.upper(), own)
            if _LEVELS.index(limit) < _LEVELS.index(own):
                return limit, f"{variable}={value}"
            break
    return own, None


@cache
def bf16_is_fast() -> bool:
    """Say whether bf16 matrix products beat fp32 here; the same in every process of a machine, however busy it is.

    Without avx512_bf16 or AMX, bf16 is emulated, 44 to 499 times slower than fp32 (pytorch#146508). On x86 the level in
    force decides; elsewhere no flag does, and products of the width that training uses are timed, for a tenth of a
    second.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.cpu.get_capabilities()["architecture"] == "x86_64":
        return instruction_set() in ("avx512_bf16", "amx")
    cpu = torch.device("cpu")
    return product_rate("bf16", cpu, rows=128, seconds=0.05) > product_rate("fp32", cpu, rows=128, seconds=0.05)


def product_rate(
    precision: str,
    device: torch.device,
    rows: int = 1024,
    width: int = 640,
    outputs: int = 2048,
    seconds: float = 0.4,
) -> float:
    """Return the rate of `rows` x `width` by `width` x `outputs`, in operations a second: the median of some `seconds`.

    `precision` is fp32 or bf16. The default sizes are those of training Gemma 3 270M.
    """
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    left = torch.randn(rows, width, device=device).to(dtype)
    right = torch.randn(width, outputs, device=device).to(dtype)
    at_once = 100 if device.type == "cuda" else 1  # there a single small product is mostly waiting
    taken: list[float] = []
    while sum(taken) < seconds or len(taken) < 2:  # the first one also warms up
        start = time.perf_counter()
        for _ in range(at_once):
            left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - start)
    return at_once * 2 * rows * width * outputs / statistics.median(taken[1:])
