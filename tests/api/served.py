"""Servers and clients for the tests: a scripted engine that records its calls, in this process or a separate one."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from shelftalk.api.app import create_app
from shelftalk.api.limits import Limits
from shelftalk.api.server import bind, make_server
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.records import Description, Reference
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace

RUN = "pegs"
KEY = "k" * 40
BEFORE = "Before, a plain peg."
AFTER = "After, a peg with a voice of its own."
PATIENCE = 60.0  # seconds until what has not happened fails its test
ENDLESS = "endless"  # in a prompt: two thousand words


def answer(prompt: str, tuned: bool) -> str:
    if ENDLESS in prompt:
        return "word " * 2000
    return AFTER if tuned else BEFORE


class WatchedEngine(ScriptedEngine):
    """Counts who computes at this moment, how often it was called, and how many texts it wrote to their end."""

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__(answer, pause)
        self._lock = threading.Lock()
        self.computing = 0
        self.completed = 0
        self.calls: list[tuple[str, bool, Any]] = []

    def complete(self, prompt: str, **options: Any) -> Description:
        with self._lock:
            self.computing += 1
            self.calls.append((prompt, options["tuned"], options["settings"]))
        try:
            description = super().complete(prompt, **options)
            with self._lock:
                self.completed += 1
            return description
        finally:
            with self._lock:
                self.computing -= 1


class FewReferences:
    """An index of three products."""

    def search(self, text: str, k: int = 3) -> list[Reference]:
        return [Reference(str(number), f"Peg {number}", "A peg.", 1 - number / 10) for number in range(min(k, 3))]


def make_app(
    engine: ScriptedEngine | None = None,
    limits: Limits | None = None,
    api_key: str | None = None,
    name: str = RUN,
    attributes: Sequence[str] = ("Material", "Finish"),
) -> FastAPI:
    """Return the application of a run that knows these attributes; nothing of it is on disk."""
    known = {"attributes": list(attributes), "attribute_order": [one.casefold() for one in attributes]}
    run = Run(name, Path(name), Workspace(Path("workspace")), known)
    return create_app(engine or WatchedEngine(), FewReferences(), run, limits, api_key)


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port in a thread, and yield its address."""
    with bind("127.0.0.1", 0, keyed=False) as bound:
        ready = threading.Event()
        server = make_server(app, ready.set)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            assert ready.wait(PATIENCE)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
        assert not thread.is_alive()


def until(condition: Any) -> None:
    """Wait until a condition holds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE, "the condition did not come to hold in time"
        time.sleep(0.005)


def raw_request(path: str, body: bytes, headers: str = "content-type: application/json\r\n") -> bytes:
    """Return the bytes of a POST request."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {len(body)}\r\n\r\n".encode("latin-1")
        + body
    )


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def main(pause: str, slots: str, queue: str) -> None:
    """Serve in this process, and print the address; tests start it as a separate process."""
    with bind("127.0.0.1", 0, keyed=False) as bound:
        app = make_app(ScriptedEngine(answer, float(pause)), Limits(int(slots), int(queue)))
        make_server(app, lambda: print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)).run([bound])


if __name__ == "__main__":
    main(*sys.argv[1:])
