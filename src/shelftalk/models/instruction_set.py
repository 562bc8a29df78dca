"""Detect the CPU instruction set used for matrix products, and whether bf16 is fast with it.

On an x86 CPU, torch computes bf16 products with oneDNN. It uses the CPU's best instructions, or fewer if the
environment limits them: ONEDNN_MAX_CPU_ISA, or DNNL_MAX_CPU_ISA where that is not set. The CPU's flags alone do not
show this. ATEN_CPU_CAPABILITY is irrelevant: it limits torch's own kernels, not matrix products.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

# In ascending order; each level includes those before it.
_FLAGS = {
    "sse41": ("sse4_1",),
    "avx": ("avx",),
    "avx2": ("avx2",),
    "avx512": ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"),
    "avx512_bf16": ("avx512_bf16",),
    "amx": ("amx_bf16",),
}
_LEVELS = list(_FLAGS)
FAST_BF16 = ("avx512_bf16", "amx")
_OTHER_MACHINE = "use a machine with {}, or train another run here with --set precision=fp32"

# oneDNN's names, with the highest of our levels that they allow. oneDNN ignores case and unknown names.
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
    """Return the level in use: sse41, avx, avx2, avx512, avx512_bf16 or amx; the architecture's name if not x86."""
    return level(torch.cpu.get_capabilities(), os.environ)[0]


@cache
def limited_by() -> str | None:
    """Return the environment variable that limits the level below the CPU's own, as NAME=value; None without one."""
    return level(torch.cpu.get_capabilities(), os.environ)[1]


def level(flags: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the results of `instruction_set` and `limited_by` for a CPU with these flags (torch's names)."""
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
    """Return whether bf16 matrix products are faster than fp32; on x86 and CUDA the answer does not depend on load.

    Without avx512_bf16 or AMX, bf16 is emulated, 44 to 499 times slower than fp32 (pytorch#146508). On x86 the level in
    use decides; on other architectures, products of the width used in training are timed for a tenth of a second.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.cpu.get_capabilities()["architecture"] == "x86_64":
        return instruction_set() in FAST_BF16
    cpu = torch.device("cpu")
    return product_rate("bf16", cpu, rows=128, seconds=0.05) > product_rate("fp32", cpu, rows=128, seconds=0.05)


def bf16_cost(precision: str) -> str | None:
    """Return what computing in a run's `precision` costs here, with the cure, where that is bf16 and not fast.

    It is a sentence without its subject: "computes in bf16, which ...". Emulated products took 19 to 75 times as long
    as fp32 at 128 to 1,024 rows on one CPU limited to AVX2, and 44 to 499 times in pytorch#146508.
    """
    if precision != "bf16" or bf16_is_fast():
        return None
    if torch.cuda.is_available() or torch.cpu.get_capabilities()["architecture"] != "x86_64":
        return f"computes in bf16, which is slower here than fp32; {_OTHER_MACHINE.format('fast bf16')}"
    cost = "is emulated here: matrix products take tens to hundreds of times as long as in fp32"
    if (limit := limited_by()) and level(torch.cpu.get_capabilities(), {})[0] in FAST_BF16:
        return f"computes in bf16, which {cost}, because of {limit}; unset that variable"
    return f"computes in bf16, which {cost} ({instruction_set()}); {_OTHER_MACHINE.format(' or '.join(FAST_BF16))}"


def product_rate(
    precision: str,
    device: torch.device,
    rows: int = 1024,
    width: int = 640,
    outputs: int = 2048,
    seconds: float = 0.4,
) -> float:
    """Return the median rate of `rows` x `width` by `width` x `outputs` products over `seconds`, in operations/second.

    `precision` is fp32 or bf16. The default sizes are those of training Gemma 3 270M.
    """
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    left = torch.randn(rows, width, device=device).to(dtype)
    right = torch.randn(width, outputs, device=device).to(dtype)
    repeats = 100 if device.type == "cuda" else 1  # on CUDA the launch of a single small product dominates
    times: list[float] = []
    while sum(times) < seconds or len(times) < 2:  # the first one also warms up
        start = time.perf_counter()
        for _ in range(repeats):
            left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return repeats * 2 * rows * width * outputs / statistics.median(times[1:])
