"""Several processes that train one run together, as torchrun and `accelerate launch` start them.

All of them run the same command. The first one does what must happen once: it holds the run's lock, makes the run,
writes checkpoints, metrics, state and the adapter. What each of them must wait for is said here.
"""

from __future__ import annotations

import os

# torch and accelerate are imported where they are needed: whoever watches a run asks this module, too.


def process_count() -> int:
    """Return how many processes train together; 1 unless a launcher started this one."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_first_process() -> bool:
    """Say whether this is the process that writes."""
    return int(os.environ.get("RANK", 0)) == 0


def wait_for_all() -> None:
    """Wait until every process has come here; a single one does not wait."""
    if process_count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def any_process(fact: bool) -> bool:
    """Say whether `fact` holds in any of the processes; all of them must ask."""
    if process_count() == 1:
        return fact
    import torch
    from accelerate import PartialState
    from torch import distributed

    state = PartialState()
    flag = torch.tensor(int(fact), device=state.device)
    distributed.all_reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag)
