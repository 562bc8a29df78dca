"""A run as a job: in turn on its device, in a process of its own where asked, watched and stopped from outside.

Who watches a run needs its files and its lock, nothing else: this module loads no model, and no library that does.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shelftalk.commands import start_command
from shelftalk.errors import Busy, Damaged, Failure, ShelftalkError, UserError
from shelftalk.locks import is_locked, lock_holder
from shelftalk.records import Progress, no_progress
from shelftalk.training.processes import is_first_process
from shelftalk.training.queue import turn
from shelftalk.training.run import Run
from shelftalk.training.state import RunState, read_newest_metrics, read_state, read_status, stop_signals
from shelftalk.workspace import Workspace, faults, fsync_folder, lock, writing

LOG = "log.txt"
LOOK = 0.2  # seconds between two looks at a lock


def train_in_turn(
    run: Run,
    token: str | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train `run` to its end when its turn on this machine's device has come; a finished run is left as it is.

    The run's state says how that goes: queued, running, then finished, stopped (Ctrl-C or SIGTERM) or failed, with a
    heartbeat all the while. The caller holds the run's lock. See `training.train` for the rest.
    """
    if run.finished and not faults(run.adapter):
        return
    with (
        RunState(run.folder, silent=not is_first_process()) as state,
        stop_signals(lambda: _interrupt(state)),
        noting_the_end(state),
    ):
        from shelftalk.training.train import train  # here, where the heartbeat and the signals are at work already

        if not is_first_process():
            train(run, run.base_model(token), state)
            return
        device = device_name()
        state.update(device=device)
        with turn(run.workspace, device, run.name, say):
            state.become("running")
            train(run, run.base_model(token), state, progress, say)


@contextmanager
def noting_the_end(state: RunState) -> Iterator[None]:
    """Let `state` say how the block ended: finished, stopped, or failed and why."""
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        state.become("stopped" if stopped else "failed", error=None if stopped else _one_line(error))
        raise
    state.become("finished")


def resume_run(
    run: Run,
    token: str | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
    descriptor: int | None = None,
) -> None:
    """Go on with a run that exists; `descriptor` is that of its lock where this process was started with it.

    Raises:
        Busy: another process trains it.
    """
    with lock(run.folder, "training", descriptor):
        train_in_turn(run, token, progress, say)


def device_name() -> str:
    """Return cpu, or the name and the identity of the GPU that a training takes here."""
    import torch  # not above: looking at a run must not load it

    from shelftalk.models.load import best_device

    device = best_device()
    if device.type == "cpu":
        return "cpu"
    properties = torch.cuda.get_device_properties(device)
    return f"{properties.name} {properties.uuid}"


def start_run(run: Run, descriptor: int, token: str | None = None) -> None:
    """Go on with `run` in a process of its own, which outlives this one; a finished run is left as it is.

    The caller holds the run's lock with `descriptor` and leaves it afterwards: the new process holds it from its first
    moment on. What it prints goes to log.txt. The token goes through a pipe, so that no list of processes shows it.
    """
    if run.finished and not faults(run.adapter):
        return
    arguments = ["runs", "resume", run.name, "--held-lock", str(descriptor)]
    arguments += ["--workspace", str(run.workspace.root.resolve())]
    RunState(run.folder).become("queued", process_id=None)
    with writing(run.folder), (run.folder / LOG).open("ab") as log:
        start_command(arguments, descriptor, "training", log, log, token)


def resume_detached(run: Run, token: str | None = None) -> None:
    """Go on with a run that exists in a process of its own; see `start_run`.

    Raises:
        Busy: another process trains it.
    """
    with lock(run.folder, "starting") as descriptor:
        start_run(run, descriptor, token)


def stop_run(run: Run) -> None:
    """Ask the process that trains or waits with `run` to end, and wait until it has written its checkpoint.

    Raises:
        UserError: nobody trains it.
        Failure: the process that holds it is another user's, or another machine's.
    """
    if not is_locked(run.folder):
        raise UserError(f"Run {run.name!r} is not running: it is {read_status(run.folder, run.finished)}.")
    holder = _find_holder(run)
    if holder is not None:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(holder, signal.SIGTERM)
    elif is_locked(run.folder):
        host = read_state(run.folder).get("host", "unknown")
        raise Failure(
            f"Run {run.name!r} is held by a process that cannot be seen from here; stop it as its own user, on its own "
            f"machine ({host})."
        )
    while is_locked(run.folder):
        time.sleep(LOOK)
    if read_status(run.folder, run.finished) == "interrupted":  # it ended before it could hear the signal
        with lock(run.folder, "stopping"):
            RunState(run.folder).become("stopped")


def delete_run(workspace: Workspace, name: str) -> None:
    """Remove a run's folder whole, damaged or not.

    Raises:
        NotFound: there is no such run.
        Busy: a process holds it, or works inside it.
    """
    folder = workspace.existing_run(name)
    aside = folder.with_name(f".{name}.deleted")
    with lock(folder, "deleting"), writing(folder):
        _require_quiet(folder)
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        fsync_folder(folder.parent)
        shutil.rmtree(aside)


def rename_run(workspace: Workspace, name: str, new_name: str) -> Run:
    """Give a run another name, and return it under that one; killed at any moment, it has either name.

    Its folder is renamed and nothing in it changes: the adapter's README.md and log.txt keep the old name. A process
    that answers with the run goes on doing so.

    Raises:
        NotFound: there is no such run.
        InvalidName: see `workspace.check_name`.
        UserError: the new name is taken.
        Busy: a process trains the run, builds its index or converts its model.
        Damaged: see `Run.open`.
    """
    run, target = Run.open(workspace, name), workspace.run(new_name)
    folder = run.folder
    if folder == target:
        return run
    with lock(folder, "renaming"), lock(target, "renaming"), writing(folder):
        if target.exists():
            raise UserError(f"The name {new_name!r} is taken; choose another one, or delete that run first.")
        _require_quiet(folder)
        folder.rename(target)
        fsync_folder(folder.parent)
    return Run.open(workspace, new_name)


def _require_quiet(folder: Path) -> None:
    """Do nothing if no process works inside a run's folder.

    Raises:
        Busy: one does.
    """
    for file in folder.rglob(".*.lock"):
        if is_locked(file.with_name(file.name[1:].removesuffix(".lock"))):
            what = file.relative_to(folder).parts[0].removeprefix(".").removesuffix(".lock")
            raise Busy(f"The {what} of {folder.name} is in use by another process; wait until it has finished.")


def list_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """Describe every run of the workspace: name, status, catalogue, base model, step and steps."""
    return [_describe_or_damaged(workspace, name) for name in workspace.runs()]


def describe_run(run: Run) -> dict[str, Any]:
    """Describe one run as `list_runs` does; see `state.read_status` for the status."""
    state = read_state(run.folder)
    return {
        "name": run.name,
        "status": read_status(run.folder, run.finished),
        "catalogue": run.description["catalogue"],
        "base_model": run.description["base"]["name"],
        "step": state.get("step", 0),
        "steps": state.get("steps"),
        "indexed": (run.index / "vectors.parquet").is_file(),
    }


def show_run(run: Run) -> dict[str, Any]:
    """Describe one run with everything that is known of it: settings, state, newest metrics and paths."""
    return {
        **describe_run(run),
        "settings": run.description["settings"],
        "precision": run.description["precision"],
        "state": read_state(run.folder),
        "metrics": read_newest_metrics(run.folder),
        "paths": {
            "folder": str(run.folder),
            "metrics": str(run.folder / "metrics.jsonl"),
            "log": str(run.folder / LOG) if (run.folder / LOG).is_file() else None,
            "adapter": str(run.adapter) if run.finished else None,
        },
    }


def _describe_or_damaged(workspace: Workspace, name: str) -> dict[str, Any]:
    try:
        return describe_run(Run.open(workspace, name))
    except (Damaged, KeyError):
        empty = dict.fromkeys(("catalogue", "base_model", "step", "steps", "indexed"))
        return {"name": name, "status": "damaged", **empty}


def _interrupt(state: RunState) -> None:
    state.stop_asked = True  # the exception can get lost, in a callback of an import for one
    raise KeyboardInterrupt


def _find_holder(run: Run) -> int | None:
    """Look for some seconds: a process that was just started may not be named in the lock's file yet."""
    for _ in range(25):
        holder = lock_holder(run.folder)
        if holder is not None or not is_locked(run.folder):
            return holder
        time.sleep(LOOK)
    return None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ShelftalkError) else f"{type(error).__name__}: {text}"
