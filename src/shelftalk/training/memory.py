"""Measure memory: available to a training, peak of this process, and size of a model's weights.

Linux has these figures in /proc and /sys. On other systems the available memory is unknown, and None is returned.
"""

from __future__ import annotations

import math
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from shelftalk.workspace import read_json

BYTES = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.5}  # of one weight


def available_memory(processes: Iterable[int] = (), root: Path = Path("/")) -> int | None:
    """Return the bytes that are available to a training: on CUDA of the device, otherwise of this machine.

    This is the kernel's figure, or less where a control group (a container, a batch job) has a lower limit. The memory
    of `processes` counts as free, because they will not run beside the training. `root` contains /proc and /sys.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    machine = _read_kibibytes(root / "proc/meminfo", "MemAvailable")
    if machine is None:
        return None
    held = sum(_read_kibibytes(root / f"proc/{number}/status", "RssAnon") or 0 for number in processes)
    return min([machine, *_free_in_groups(root)]) + held


def peak_memory() -> int:
    """Return this process's peak memory in bytes: on CUDA of the device's memory, otherwise of the machine's."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    # ru_maxrss only as a fallback: it starts at the size of the parent process.
    peak = _read_kibibytes(Path("/proc/self/status"), "VmHWM")
    if peak is not None:
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def describe_machine(root: Path = Path("/")) -> dict[str, Any]:
    """Return `cpu` (its model), `cores` and `memory` in bytes of this machine; None for what is unknown.

    `root` contains /proc.
    """
    model = None
    with suppress(OSError):
        lines = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    return {"cpu": model, "cores": os.cpu_count(), "memory": _read_kibibytes(root / "proc/meminfo", "MemTotal")}


def weights_memory(folder: Path, precision: str) -> int:
    """Return the size in bytes of a model folder's weights in a number format, read from the files' headers."""
    count = 0
    for file in _weights_files(folder):
        with safe_open(file, framework="pt") as weights:
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return round(count * BYTES[precision])


def _weights_files(folder: Path) -> list[Path]:
    """Return the files that transformers loads; some model folders hold a second copy of the weights."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / name for name in sorted(set(read_json(index)["weight_map"].values()))]
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))


def _free_in_groups(root: Path) -> Iterator[int]:
    """Yield the free bytes under the limit of each control group of this process, in both of Linux's layouts."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                top = root / "sys/fs/cgroup/memory"
            else:
                continue
            group = top / path.lstrip("/")
            while group.is_relative_to(top):  # in a container the path may not exist, and the limit is in `top`
                with suppress(OSError, ValueError):  # "max" means no limit
                    yield _free(group, *names)
                group = group.parent


def _free(group: Path, limit: str, usage: str, cache: str) -> int:
    unused = int((group / limit).read_text()) - int((group / usage).read_text())
    statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return unused + int(statistics.get(cache, 0))  # page cache, which the kernel frees when memory is needed


def _read_kibibytes(file: Path, key: str) -> int | None:
    """Return the bytes of the line `key` in a file of /proc; None where there is no such line."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return None
