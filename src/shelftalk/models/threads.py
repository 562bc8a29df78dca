"""Distribute work over threads that compute without waiting for one another.

Threads that share each matrix product synchronise thousands of times a second, and spin while they wait: where another
program uses a core, all of them wait for the one that has to share it. Threads with work of their own do not wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# torch is imported lazily: llama.cpp, which writes without it, needs only the number of cores.


def core_count() -> int:
    """Return the number of cores that this process may use, at most OMP_NUM_THREADS, which also limits torch."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(limit)) if limit.isdigit() and int(limit) else available


@contextmanager
def thread_count(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads in this thread, until the block ends."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def thread_workers(device: torch.device, most: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of workers that share torch's threads equally; inside the block this thread computes with one.

    There is one worker for each thread, at most `most`; on another device than the CPU there is one.
    """
    import torch

    threads = torch.get_num_threads()
    workers, each = share_threads(threads, most or threads) if device.type == "cpu" else (1, 1)
    with thread_count(1), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(each,)) as pool:
        yield pool


def share_threads(threads: int, most: int) -> tuple[int, int]:
    """Return (workers, threads of each): of all numbers of workers up to `most`, the one that leaves fewest idle."""
    counts = range(min(2, threads), min(threads, most) + 1)
    workers = max(counts, key=lambda count: (count * (threads // count), count))
    return workers, threads // workers
