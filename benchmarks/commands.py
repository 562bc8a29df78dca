"""Run a command of shelftalk in a process of its own, and measure its time and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAUSE = 0.05  # seconds between two looks at the process


def run_command(
    arguments: list[str], is_over: Callable[[], bool] = lambda: False, ended_by: signal.Signals = signal.SIGKILL
) -> dict[str, Any]:
    """Run shelftalk, sent the signal `ended_by` as soon as `is_over`; return its seconds, memory and how it ended.

    Memory is in GiB: `peak` is that of the largest process, with the mapped parts of files, which the system can take
    back; `own` is that of all processes without those parts, sampled every 50 ms.
    """
    begin, own, asked = time.monotonic(), 0, False
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", "shelftalk", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            while not (found := os.wait4(process.pid, os.WNOHANG))[0]:
                own = max(own, own_memory(process.pid))
                if not asked and is_over():
                    os.kill(process.pid, ended_by)
                    asked = True
                time.sleep(PAUSE)
        except BaseException:
            process.kill()
            raise
        errors.seek(0)
        last = "".join(errors.read().strip().splitlines()[-1:])
    _, status, usage = found
    process.returncode = code = os.waitstatus_to_exitcode(status)
    return {
        "seconds": round(time.monotonic() - begin, 1),
        "peak": round(usage.ru_maxrss / 2**20, 2),
        "own": round(own / 2**30, 2),
        "end": "done" if code == 0 else "ended as asked" if asked else f"{code}: {last[:200]}",
    }


def own_memory(process: int | str) -> int:
    """Return the bytes of a process and its children that are no mapped file; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        tasks = list(Path(f"/proc/{process}/task").iterdir())  # a child belongs to the thread that started it
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return 0
    own = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "RssShmem")))
    return own + sum(own_memory(child) for child in children)
