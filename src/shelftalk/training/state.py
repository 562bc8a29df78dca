"""state.json: what a run is doing, for everyone who watches it. It says nothing about what was learned.

    status              queued | running | stopped | failed | finished
    step, steps         updates made, and updates in all (null until they are counted)
    tokens_per_second   input tokens, over the last updates; null until two updates are made
    seconds_per_step    over the same updates
    seconds_left        until the last update, by that speed
    process_id, host    the process that wrote this, and its machine
    device              cpu, or the name of a GPU
    updated             Unix time, at most five seconds ago while the process lives
    error               one line, when status is failed

A file cannot say that its writer was killed. `read_status` therefore believes "queued" and "running" only while a
process holds the run's lock.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from shelftalk.errors import Damaged, NotWritable
from shelftalk.locks import is_locked
from shelftalk.workspace import read_json, write_json

FILE = "state.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
HEARTBEAT = 2.0  # seconds between two writings
SPEED = ("tokens_per_second", "seconds_per_step", "seconds_left")


class RunState:
    """Writes state.json: at once when the status changes, otherwise by a thread, so that no update waits for a disk.

    `stop_asked` says, in this process only, that Ctrl-C or SIGTERM came. `silent` writes nothing: of several processes
    that train one run, one writes.
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
        }
        self.stop_asked = False
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> RunState:
        """Write the state and go on doing so."""
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
        """Change values, which reach the file with the next heartbeat."""
        self.values = {**self.values, **values}  # replaced whole: the other thread may be reading it

    def become(self, status: str, **values: Any) -> None:
        """Change the status, and other values with it, in the file too; only who is running has seconds left."""
        self.update(status=status, seconds_left=None, **values)
        self.write()

    def write(self) -> None:
        """Write the file; a disk that refuses it must not end a training."""
        if self.silent:
            return
        with self._writing, suppress(NotWritable, OSError):
            write_json(self.path, {**self.values, "updated": round(time.time(), 1)})

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            self.write()


@contextmanager
def stop_signals(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` at Ctrl-C and SIGTERM for the length of the block, if this is the thread that hears them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: act()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_state(folder: Path) -> dict[str, Any]:
    """Return what a run's state.json says; an empty mapping where there is none or it cannot be read."""
    try:
        state = read_json(folder / FILE)
    except Damaged:
        return {}
    return state if isinstance(state, dict) else {}


def read_newest_metrics(folder: Path) -> dict[str, Any]:
    """Return the last whole line of a run's metrics.jsonl; an empty mapping where there is none."""
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        return dict(json.loads(whole[-1])) if whole else {}
    except (OSError, ValueError):
        return {}


def read_metrics(folder: Path, points: int | None = None) -> list[dict[str, Any]]:
    """Return the whole lines of a run's metrics.jsonl, in order; none where there is no such file.

    With `points`, updates are thinned evenly to that many (two at least, the first and the last); validations stay.
    """
    lines = _whole_lines(folder / METRICS)
    return _records(lines if points is None else _thinned(lines, max(2, points)))


def read_samples(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a run's samples.jsonl, in order; none where there is no such file."""
    return _records(_whole_lines(folder / SAMPLES))


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that have their newline: the last one may be half written."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []


def _thinned(lines: list[bytes], points: int) -> list[bytes]:
    """Drop updates, unparsed, so that of a million only the few that are wanted cost anything."""
    updates = [number for number, line in enumerate(lines) if b'"validation_loss"' not in line]
    if len(updates) <= points:
        return lines
    kept = {updates[point * (len(updates) - 1) // (points - 1)] for point in range(points)}
    dropped = set(updates) - kept
    return [line for number, line in enumerate(lines) if number not in dropped]


def _records(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    records = []
    for line in lines:
        with suppress(ValueError, TypeError):  # a line that a disk has spoilt
            records.append(dict(json.loads(line)))
    return records


def read_status(folder: Path, finished: bool) -> str:
    """Return finished, queued, running, stopped, failed, or interrupted: its process ended without a word.

    `finished` says that the adapter is there, which counts for more than what the file says.
    """
    if finished:
        return "finished"
    locked = is_locked(folder)
    status = read_state(folder).get("status")
    if not locked and status in ("queued", "running"):
        locked = is_locked(folder)  # it may have begun between the two looks
    if locked:
        return "queued" if status == "queued" else "running"
    return status if status in ("stopped", "failed") else "interrupted"
