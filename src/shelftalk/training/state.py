"""Write state.json while a run trains, and handle the signals that stop a training. See `runs.state` for its keys."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from shelftalk.errors import NotWritable
from shelftalk.runs.state import FILE, read_state
from shelftalk.workspace import write_json

HEARTBEAT = 2.0  # seconds between two writes
SPEED = ("tokens_per_second", "seconds_per_step", "seconds_left")


class RunState:
    """Writes state.json: immediately when the status changes, otherwise in a thread, so that no update waits for it.

    `stop_asked` is true, in this process only, after Ctrl-C or SIGTERM. With `silent` nothing is written: of several
    processes that train one run, only one writes.
    """

    def __init__(self, folder: Path, silent: bool = False) -> None:
        self.silent = silent
        before = read_state(folder)
        self.path = folder / FILE
        self.values: dict[str, Any] = {
            "status": "queued",
            "step": before.get("step", 0),
            "steps": before.get("steps"),
            **dict.fromkeys(SPEED),
            "process_id": os.getpid(),
            "host": platform.node(),
            "device": None,
            "updated": 0.0,
            "error": None,
            "diverged": False,
            "seconds": before.get("seconds", 0.0),
            "peak_memory": before.get("peak_memory"),
            "machine": before.get("machine"),
        }
        self.began: float | None = None
        self.stop_asked = False
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> RunState:
        """Write the state and start the heartbeat."""
        self.write()
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the heartbeat."""
        self._ended.set()
        self._heart.join()

    def update(self, **values: Any) -> None:
        """Change values; the next heartbeat writes them to the file."""
        self.values = {**self.values, **values}  # a new dict, because the other thread may be reading the old one

    def begin(self) -> None:
        """Begin to count the seconds of this training, which are added to those of the processes before."""
        self.began = time.monotonic()

    def become(self, status: str, **values: Any) -> None:
        """Change the status and other values, and write the file; `seconds_left` is reset."""
        self.update(status=status, seconds_left=None, **values)
        self.write()

    def write(self) -> None:
        """Write the file; a write error is ignored, because it must not end a training."""
        if self.silent:
            return
        trained = time.monotonic() - self.began if self.began is not None else 0.0
        seconds = round(self.values["seconds"] + trained, 1)
        with self._writing, suppress(NotWritable, OSError):
            write_json(self.path, {**self.values, "seconds": seconds, "updated": round(time.time(), 1)})

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            self.write()


@contextmanager
def stop_signals(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` on Ctrl-C and SIGTERM until the block ends; do nothing in a thread, which gets no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: act()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
