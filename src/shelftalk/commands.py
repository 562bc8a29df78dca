"""Run shelftalk's own commands in processes that outlive the one that started them.

A started process holds a lock from its first moment on, through the descriptor it is handed: whoever wants to know
whether it lives looks at the lock.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from shelftalk.locks import hand_over


def start_command(
    arguments: Sequence[str],
    descriptor: int,
    purpose: str,
    output: IO[bytes],
    log: IO[bytes],
    token: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Start `shelftalk` with `arguments` in a session of its own and return at once.

    The caller holds a lock with `descriptor` and leaves it afterwards; the new process then holds it until it ends.
    Standard output goes to `output`, standard error to `log`. The token goes through a pipe, so that no list of
    processes shows it, and `--token-stdin` is added to the arguments.
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
    hand_over(descriptor, process.pid, purpose)
    if process.stdin:
        with suppress(BrokenPipeError), process.stdin as pipe:  # it has ended already, and its log says why
            pipe.write(f"{token}\n".encode())
