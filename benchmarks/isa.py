"""Run a benchmark as on a CPU with fewer instructions: this one, limited to a lower level.

    python -m benchmarks.isa avx2 training_cpu --json

The libraries read the limits when they are loaded, so the benchmark is another process. A level above this CPU's own
is refused: its kernels cannot be had.
"""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from shelftalk.models.instruction_set import level

LEVELS = {
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "ATEN_CPU_CAPABILITY": "avx512"},
    "avx512_bf16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16", "ATEN_CPU_CAPABILITY": "avx512"},
}


def is_lower(name: str) -> bool:
    """Return whether this CPU has that level and more."""
    found, limit = level(torch.cpu.get_capabilities(), LEVELS[name])
    return found == name and limit is not None


def main() -> None:
    """Run the benchmark, and end with its exit code."""
    if len(sys.argv) < 3 or sys.argv[1] not in LEVELS:
        raise SystemExit(f"python -m benchmarks.isa {'|'.join(LEVELS)} BENCHMARK ...")
    name, benchmark, *arguments = sys.argv[1:]
    if not is_lower(name):
        raise SystemExit(f"{name} is not below this CPU's own level")
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", *arguments]
    raise SystemExit(subprocess.run(command, env={**os.environ, **LEVELS[name]}, check=False).returncode)


if __name__ == "__main__":
    main()
