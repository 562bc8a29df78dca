"""Run shelftalk's own commands in processes that outlive the process that started them.

A started process inherits the descriptor of a lock and holds the lock from its start to its end: the lock shows
whether the process is alive.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from shelftalk.locks import write_holder

NICENESS = 10  # below what a person works with: beside it such a command keeps the cores that are idle


def start_command(
    arguments: Sequence[str],
    descriptor: int,
    purpose: str,
    output: IO[bytes],
    log: IO[bytes],
    token: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Start `shelftalk` with `arguments` in a new session, at a lower priority (`NICENESS`), and return at once.

    The caller holds a lock with `descriptor` and releases it afterwards; the new process holds it until it ends.
    Standard output goes to `output`, standard error to `log`. A token is passed through a pipe, so that no process
    list shows it, and `--token-stdin` is added to the arguments.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "shelftalk", *arguments, *(["--token-stdin"] if token else [])],
        stdin=subprocess.PIPE if token else subprocess.DEVNULL,
        stdout=output,
        stderr=log,
        start_new_session=True,
        pass_fds=(descriptor,),
        env={**os.environ, "PYTHONSAFEPATH": "1", **(environment or {})},  # -m would import from the current folder
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    write_holder(descriptor, process.pid, purpose)
    if process.stdin:
        with suppress(BrokenPipeError), process.stdin as pipe:  # the process has ended already; its log has the reason
            pipe.write(f"{token}\n".encode())
