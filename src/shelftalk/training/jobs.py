"""Run trainings as jobs: queued by device, optionally in a separate process, stopped and resumed by other processes.

This module imports no machine learning library before a training begins.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from shelftalk.commands import start_command
from shelftalk.errors import Diverged, Failure, ShelftalkError, UserError
from shelftalk.locks import is_locked, lock_holder
from shelftalk.records import Progress, no_progress
from shelftalk.runs.run import LOG, Run
from shelftalk.runs.state import read_state, read_status
from shelftalk.training.processes import is_first_process
from shelftalk.training.queue import turn
from shelftalk.training.state import RunState, stop_signals
from shelftalk.workspace import faults, lock, writing

POLL_SECONDS = 0.2


def train_in_turn(
    run: Run,
    token: str | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train `run` to its end when it is first in its device's queue; a finished run is left unchanged.

    The run's state is queued, running, then finished, stopped (Ctrl-C or SIGTERM) or failed, with a regular heartbeat.
    The caller holds the run's lock. See `training.train` for the rest.
    """
    if run.finished and not faults(run.adapter):
        return
    with (
        RunState(run.folder, silent=not is_first_process()) as state,
        stop_signals(lambda: _interrupt(state)),
        recorded_outcome(state),
    ):
        from shelftalk.training.train import train  # a slow import, so heartbeat and signal handlers start before it

        if not is_first_process():
            train(run, run.base_model(token), state)
            return
        device = device_name()
        state.update(device=device)
        with turn(run.workspace, device, run.name, say):
            state.become("running")
            with measured(state):
                train(run, run.base_model(token), state, progress, say)


@contextmanager
def measured(state: RunState) -> Iterator[None]:
    """Record in `state` the seconds and the peak memory of a training, which is the block, and its machine."""
    from shelftalk.training.memory import describe_machine, peak_memory  # imports torch

    state.begin()
    state.update(machine=describe_machine())
    try:
        yield
    finally:
        state.update(peak_memory=max(peak_memory(), state.values["peak_memory"] or 0))


@contextmanager
def recorded_outcome(state: RunState) -> Iterator[None]:
    """Record in `state` how the block ended: finished, stopped, or failed with its error."""
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        status, reason = ("stopped", None) if stopped else ("failed", _one_line(error))
        state.become(status, error=reason, diverged=isinstance(error, Diverged))
        raise
    state.become("finished")


def resume_run(
    run: Run,
    token: str | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
    descriptor: int | None = None,
) -> None:
    """Resume an existing run; `descriptor` is that of its lock where this process inherited it.

    Raises:
        Busy: another process trains it.
    """
    with lock(run.folder, "training", descriptor):
        train_in_turn(run, token, progress, say)


def device_name() -> str:
    """Return cpu, or the name and UUID of the GPU that a training uses here."""
    import torch  # slow: commands that only inspect a run must not load it

    from shelftalk.models.load import best_device

    device = best_device()
    if device.type == "cpu":
        return "cpu"
    properties = torch.cuda.get_device_properties(device)
    return f"{properties.name} {properties.uuid}"


def start_run(run: Run, descriptor: int, token: str | None = None) -> None:
    """Resume `run` in a separate process, which outlives this one; a finished run is left unchanged.

    The caller holds the run's lock with `descriptor` and leaves it afterwards: the new process inherits the lock. Its
    output goes to log.txt. The token is sent through a pipe, so that process lists do not show it.
    """
    if run.finished and not faults(run.adapter):
        return
    arguments = ["runs", "resume", run.name, "--held-lock", str(descriptor)]
    arguments += ["--workspace", str(run.workspace.root.resolve())]
    RunState(run.folder).become("queued", process_id=None)
    with writing(run.folder), (run.folder / LOG).open("ab") as log:
        start_command(arguments, descriptor, "training", log, log, token)


def resume_detached(run: Run, token: str | None = None) -> None:
    """Resume an existing run in a separate process; see `start_run`.

    Raises:
        Busy: another process trains it.
    """
    with lock(run.folder, "starting") as descriptor:
        start_run(run, descriptor, token)


def stop_run(run: Run) -> None:
    """Signal the process that trains `run` or waits to train it, and wait until it has written a checkpoint and ended.

    Raises:
        UserError: no process trains it.
        Failure: the process belongs to another user or runs on another machine.
    """
    if not is_locked(run.folder):
        raise UserError(f"Run {run.name!r} is not running: it is {read_status(run.folder, run.finished)}.")
    holder = _find_holder(run)
    if holder is not None:
        with suppress(ProcessLookupError):  # it ended in the meantime
            os.kill(holder, signal.SIGTERM)
    elif is_locked(run.folder):
        host = read_state(run.folder).get("host", "unknown")
        raise Failure(
            f"Run {run.name!r} is held by a process that cannot be seen from here; stop it as its own user, on its own "
            f"machine ({host})."
        )
    while is_locked(run.folder):
        time.sleep(POLL_SECONDS)
    if read_status(run.folder, run.finished) == "interrupted":  # it ended before it handled signals
        with lock(run.folder, "stopping"):
            RunState(run.folder).become("stopped")


def _interrupt(state: RunState) -> None:
    state.stop_asked = True  # the exception can get lost, for example in a callback of an import
    raise KeyboardInterrupt


def _find_holder(run: Run) -> int | None:
    """Return the id of the process that holds the lock, retrying for 5 s: a new process writes it to the file late."""
    for _ in range(25):
        holder = lock_holder(run.folder)
        if holder is not None or not is_locked(run.folder):
            return holder
        time.sleep(POLL_SECONDS)
    return None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ShelftalkError) else f"{type(error).__name__}: {text}"
