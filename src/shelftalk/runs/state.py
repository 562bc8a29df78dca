"""Read state.json: the progress of a run, without its metrics.

    status              queued | running | stopped | failed | finished
    step, steps         updates made, and all updates (null until they are counted)
    tokens_per_second   input tokens, over the last updates; null until two updates are made
    seconds_per_step    over the same updates
    seconds_left        until the last update, at that speed
    process_id, host    the process that wrote this, and its machine
    device              cpu, or the name of a GPU
    updated             Unix time, at most five seconds ago while the process lives
    error               one line, when status is failed
    seconds             spent in training, by all processes that trained the run one after another, without the queue
    peak_memory         bytes, the most that one of these processes held; of the GPU's memory where it trained there
    machine             cpu (its model), cores and memory (bytes) of the machine; null where the system does not tell
    diverged            whether it failed since its updates led to a figure that is not finite; see errors.Diverged

`seconds`, `peak_memory` and `machine` are missing in what earlier versions wrote.

A killed process cannot update the file. `read_status` therefore accepts "queued" and "running" only while a process
holds the run's lock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged
from shelftalk.locks import is_locked
from shelftalk.workspace import read_json

FILE = "state.json"
LOWER = 10  # for a run that diverged a learning rate is proposed that is this many times lower


def read_state(folder: Path) -> dict[str, Any]:
    """Return the content of a run's state.json; an empty mapping where there is none or it cannot be read."""
    try:
        state = read_json(folder / FILE)
    except Damaged:
        return {}
    return state if isinstance(state, dict) else {}


def read_status(folder: Path, finished: bool) -> str:
    """Return finished, queued, running, stopped, failed, or interrupted: its process ended without writing a status.

    `finished` means that the adapter exists, which takes precedence over the file.
    """
    if finished:
        return "finished"
    locked = is_locked(folder)
    status = read_state(folder).get("status")
    if not locked and status in ("queued", "running"):
        locked = is_locked(folder)  # it may have begun after the first check
    if locked:
        return "queued" if status == "queued" else "running"
    return status if status in ("stopped", "failed") else "interrupted"
