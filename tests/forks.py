"""Processes that have torch and transformers loaded when they begin: importing those takes five seconds of a core.

One server process imports everything and computes nothing; each process is forked from it, so it has a state, signals
and a death of its own, as one from the command line has.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PRELOADED = (
    "tests.forks",
    "tests.conftest",
    "shelftalk.cli.app",
    "shelftalk.pipeline",
    "shelftalk.training.train",
    "shelftalk.generation.transformers_engine",
    "transformers.models.gemma3.modeling_gemma3",
    "pandas",  # pyarrow looks for it when it first reads a table
)
PATIENCE = 120.0  # seconds until a process that has not ended fails its test


@cache
def fork_context() -> ForkServerContext:
    """Return the context whose processes are forked; its server is started here, with one thread for each fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()
    return context


def start(target: Callable[..., object], *arguments: Any) -> ForkServerProcess:
    """Start `target` in a fork; it and its arguments must be picklable."""
    process = fork_context().Process(target=target, args=arguments)
    process.start()
    return process


def call(target: Callable[..., object], *arguments: Any) -> int:
    """Call `target` in a fork and return how that ended: an exit code, or the negative number of a signal."""
    process = start(target, *arguments)
    process.join(PATIENCE)
    assert process.exitcode is not None, f"{target} did not end within {PATIENCE:.0f} s"
    return process.exitcode


def run_in_forks(folder: Path) -> SimpleNamespace:
    """Return what stands in for the module subprocess, to run `python -m shelftalk ...` in forks."""

    @contextmanager
    def run(command: Sequence[str], **_: object) -> Iterator[SimpleNamespace]:
        process = Command(command[3:], folder)
        code = process.wait()
        yield SimpleNamespace(stdout=process.stdout.splitlines(), wait=lambda: code, returncode=code)

    return SimpleNamespace(Popen=run, PIPE=subprocess.PIPE)


class Command:
    """A `shelftalk` command in a fork, with the parts of subprocess.Popen's interface that tests use."""

    def __init__(
        self,
        arguments: Sequence[object],
        folder: Path,
        stdin: str = "",
        before: Callable[[], object] | None = None,
        one_stream: bool = False,
    ) -> None:
        """Start it; its output is kept in `folder`, and `stdin` is its whole standard input.

        `before` is called first in the fork, to change something there. With `one_stream` its standard error is written
        to `stdout`, in order.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._streams = [folder / f"{name}-{os.urandom(4).hex()}" for name in ("stdin", "stdout", "stderr")]
        self._streams[0].write_text(stdin)
        if one_stream:
            self._streams[2] = self._streams[1]
        command = [str(one) for one in arguments]
        self._process = start(_run, command, self._streams, Path.cwd(), dict(os.environ), before)

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def stdout(self) -> str:
        """What it has written until now."""
        return self._streams[1].read_text() if self._streams[1].exists() else ""

    @property
    def stderr(self) -> str:
        """What it has written until now."""
        return self._streams[2].read_text() if self._streams[2].exists() else ""

    @property
    def returncode(self) -> int | None:
        """Its exit code, the negative number of the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end and return how it ended."""
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"not ended within {seconds:.0f} s: {self.stderr}"
        return self._process.exitcode


def _run(
    arguments: list[str],
    streams: list[Path],
    folder: Path,
    environment: dict[str, str],
    before: Callable[[], object] | None,
) -> None:
    gc.freeze()  # what was imported is never garbage; collecting it would cost each fork half a second
    for number, (path, flags) in enumerate(
        zip(streams, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2), strict=True)
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False, buffering=1)  # noqa: SIM115 - the process's own streams
        for number, mode in enumerate(("r", "w", "w"))
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts with "&"
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({**environment, "OMP_NUM_THREADS": "1"})
    from shelftalk.cli.main import run

    if before:
        before()
    sys.exit(run(arguments))
