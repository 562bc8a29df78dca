"""Synchronise several processes that train one run together, as torchrun and `accelerate launch` start them.

All of them run the same command. Only the first one holds the run's lock, creates the run, and writes checkpoints,
metrics, state and the adapter.
"""

from __future__ import annotations

import os

# torch and accelerate are imported lazily: commands that only inspect a run import this module, too.


def process_count() -> int:
    """Return the number of processes that train together; 1 unless a launcher started this one."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_first_process() -> bool:
    """Return whether this is the process that writes."""
    return int(os.environ.get("RANK", 0)) == 0


def wait_for_all() -> None:
    """Wait until every process has called this (a barrier); a single process does not wait."""
    if process_count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def any_process(condition: bool) -> bool:
    """Return whether `condition` is true in any of the processes; all of them must call this."""
    if process_count() == 1:
        return condition
    import torch
    from accelerate import PartialState
    from torch import distributed

    state = PartialState()
    flag = torch.tensor(int(condition), device=state.device)
    distributed.all_reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag)
