"""How much memory a training could have here, how much this process took at most, and how much a model's weights take.

Linux says all of it in /proc and /sys. Elsewhere what is left stays unknown, and None is returned.
"""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import safe_open

from shelftalk.workspace import read_json

BYTES = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.5}  # of one weight


def available_memory(processes: Iterable[int] = (), root: Path = Path("/")) -> int | None:
    """Return the bytes that are free for a training: on CUDA the device's, otherwise this machine's.

    What the kernel calls available, or less where a control group (a container, a batch job) allows less; what
    `processes` hold, which a training would not have beside it, counts as free. `root` is where /proc and /sys lie.
    """
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    machine = _read_kibibytes(root / "proc/meminfo", "MemAvailable")
    if machine is None:
        return None
    held = sum(_read_kibibytes(root / f"proc/{number}/status", "RssAnon") or 0 for number in processes)
    return min([machine, *_left_in_groups(root)]) + held


def peak_memory() -> int:
    """Return the most bytes that this process ever held: on CUDA of the device's memory, otherwise of the machine's."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    # Not ru_maxrss where there is a choice: it begins at the size of the process that started this one.
    peak = _read_kibibytes(Path("/proc/self/status"), "VmHWM")
    if peak is not None:
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def weights_memory(folder: Path, precision: str) -> int:
    """Return the bytes that the weights in a model's folder take in a number format, from the files' headers."""
    count = 0
    for file in _weights_files(folder):
        with safe_open(file, framework="pt") as weights:
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return round(count * BYTES[precision])


def _weights_files(folder: Path) -> list[Path]:
    """Return the files that transformers loads; some models come with a second copy of their weights beside them."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / name for name in sorted(set(read_json(index)["weight_map"].values()))]
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what is left under the limit of each control group that this process is in, in both of Linux's layouts."""
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
            while group.is_relative_to(top):  # in a container the path may lead nowhere, and its limit stands on top
                with suppress(OSError, ValueError):  # the limit "max" is none
                    yield _left(group, *names)
                group = group.parent


def _left(group: Path, limit: str, usage: str, cache: str) -> int:
    room = int((group / limit).read_text()) - int((group / usage).read_text())
    statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return room + int(statistics.get(cache, 0))  # files that the kernel drops when it needs the room


def _read_kibibytes(file: Path, key: str) -> int | None:
    """Return the bytes of one line of a file of /proc; None where there is no such line."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return None
