"""Train one run in processes on a Ray cluster's machines: the same training, gone on with wherever one of them dies.

The workspace lies on storage that all of these machines mount at the same path. The driver, which is the command that
was called, holds the run's lock and prints; the first of the workers writes all that `training.train` writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from shelftalk.cluster.connect import connected
from shelftalk.errors import Busy
from shelftalk.records import Progress, no_progress
from shelftalk.runs.run import Run, open_on_worker
from shelftalk.training.jobs import device_name, noting_the_end
from shelftalk.training.processes import is_first_process
from shelftalk.training.state import RunState, stop_signals
from shelftalk.workspace import faults, lock

PATIENCE = 60.0  # seconds that a worker of an earlier job may take to end
LOOK = 0.5


def train_on_cluster(
    run: Run,
    cluster: str,
    workers: int | None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train `run` to its end on a Ray cluster; see `training.train`, and `cluster.connect.connected` for `cluster`.

    `workers` processes train together, or one for each GPU, or one. A finished run is left as it is. The caller holds
    the run's lock. The first Ctrl-C or SIGTERM stops after the current update, the second one at once.

    Raises:
        KeyboardInterrupt: it was stopped.
        NotFound: a machine of the cluster does not see the workspace.
        InvalidSettings, MissingPackage, Unreachable, AccessDenied: see `cluster.connect.connected`.
        InvalidSettings, Failure: see `cluster.process_group.run_process_group`.
    """
    if run.finished and not faults(run.adapter):
        return
    asked = False

    def ask_to_stop() -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        say("Stopping after this update.")

    def hear(message: Any) -> None:
        say(message) if isinstance(message, str) else progress(*message)

    RunState(run.folder).become("queued")
    place = (str(run.workspace.root.resolve()), run.name)
    try:
        with connected(cluster), stop_signals(ask_to_stop):  # in this order: Ray takes the signals for itself
            from shelftalk.cluster.process_group import run_process_group

            run_process_group(train_as_worker, place, workers, hear, lambda: asked)
    except BaseException:
        with noting_the_end(RunState(run.folder)):  # the workers may have had no time for it
            raise
    if not run.finished:
        raise KeyboardInterrupt


def train_as_worker(place: tuple[str, str], tell: Callable[[Any], bool]) -> None:
    """Train the run (workspace, name) together with the other workers, and return when it is done or was stopped."""
    from shelftalk.training.train import train

    run = open_on_worker(*place)
    with RunState(run.folder, silent=not is_first_process()) as state, _alone(run):

        def progress(done: int, total: int) -> None:
            state.stop_asked |= tell((done, total))

        def say(line: str) -> None:
            tell(line)

        state.update(device=device_name())
        try:
            with noting_the_end(state):
                if is_first_process():
                    train(run, run.base_model(), state, progress, say)
                else:
                    train(run, run.base_model(), state)
        except KeyboardInterrupt:
            return


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Wait until no first worker of an earlier job writes this run; one whose driver was killed may live on a while.

    Raises:
        Busy: it still does after a minute.
    """
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as held:
        while is_first_process():
            try:
                held.enter_context(lock(run.checkpoints, "training on Ray"))
                break
            except Busy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK)
        yield
