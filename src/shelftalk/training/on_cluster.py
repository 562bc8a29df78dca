"""Train one run in processes on a Ray cluster's machines: the same training, resumed when one of them dies.

The workspace is on storage that all machines mount at the same path. The driver, which is the process of the command,
holds the run's lock and prints; the first worker writes all files of `training.train`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from shelftalk.cluster.connect import connected
from shelftalk.locks import LOCK_TIMEOUT
from shelftalk.records import Progress, no_progress
from shelftalk.runs.folders import open_on_worker
from shelftalk.runs.run import Run
from shelftalk.training.jobs import device_name, measured, recorded_outcome
from shelftalk.training.processes import is_first_process
from shelftalk.training.state import RunState, stop_signals
from shelftalk.workspace import faults, lock


def train_on_cluster(
    run: Run,
    cluster: str,
    workers: int | None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train `run` to its end on a Ray cluster; see `training.train`, and `cluster.connect.connected` for `cluster`.

    `workers` is the number of processes that train together, by default one for each GPU, or one without a GPU. A
    finished run is left unchanged. The caller holds the run's lock. The first Ctrl-C or SIGTERM stops the training
    after the current update, the second one immediately.

    Raises:
        KeyboardInterrupt: the training was stopped.
        NotFound: a machine of the cluster has no access to the workspace.
        InvalidSettings, MissingPackage, Unreachable, AccessDenied: see `cluster.connect.connected`.
        InvalidSettings, Failure: see `cluster.process_group.run_process_group`.
    """
    if run.finished and not faults(run.adapter):
        return
    stop_requested = False

    def request_stop() -> None:
        nonlocal stop_requested
        if stop_requested:
            raise KeyboardInterrupt
        stop_requested = True
        say("Stopping after this update.")

    def on_message(message: Any) -> None:
        say(message) if isinstance(message, str) else progress(*message)

    RunState(run.folder).become("queued")
    address = (str(run.workspace.root.resolve()), run.name)
    try:
        with connected(cluster), stop_signals(request_stop):  # in this order: Ray installs signal handlers of its own
            from shelftalk.cluster.process_group import run_process_group

            run_process_group(train_as_worker, address, workers, on_message, lambda: stop_requested)
    except BaseException:
        with recorded_outcome(RunState(run.folder)):  # the workers may have ended before they recorded it
            raise
    if not run.finished:
        raise KeyboardInterrupt


def train_as_worker(address: tuple[str, str], send: Callable[[Any], bool]) -> None:
    """Train the run at `address` (workspace, name) with the other workers; return when it is done or was stopped."""
    from shelftalk.training.train import train

    run = open_on_worker(*address)
    with RunState(run.folder, silent=not is_first_process()) as state, _exclusive(run):

        def progress(done: int, total: int) -> None:
            state.stop_asked |= send((done, total))

        def say(line: str) -> None:
            send(line)

        state.update(device=device_name())
        try:
            with recorded_outcome(state), measured(state):
                if is_first_process():
                    train(run, run.base_model(), state, progress, say)
                else:
                    train(run, run.base_model(), state)
        except KeyboardInterrupt:
            return


def _exclusive(run: Run) -> AbstractContextManager[object]:
    """Return a context that holds the writers' lock of the run in the first worker, and nothing in the others.

    The first worker of an earlier job outlives a killed driver for some time; entering raises Busy after a minute.
    """
    return lock(run.checkpoints, "training on Ray", timeout=LOCK_TIMEOUT) if is_first_process() else nullcontext()
