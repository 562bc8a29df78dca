"""Let the trainings of a workspace that want the same device wait for each other, in order of arrival.

    queue/DEVICE/.00000003-NAME.lock    the ticket of run NAME: its flock is held from arrival to end

A ticket's turn has come when no ticket with a lower number is held. Whoever was killed, waiting or training, holds its
ticket no more and is passed over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from shelftalk.locks import is_locked, lock_file
from shelftalk.workspace import Workspace, lock

LOOK = 0.3  # seconds between two looks at the queue


@contextmanager
def turn(workspace: Workspace, device: str, name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until `device` is free for run `name`, and keep it for the length of the block.

    `say` is told for whom it waits, and again when the queue before it has changed.
    """
    queue = workspace.root / "queue" / re.sub(r"[^A-Za-z0-9.-]+", "-", device)
    with ExitStack() as stack:
        ticket = _take_ticket(queue, name, stack)
        told: list[Path] = []
        while before := [one for one in _tickets(queue) if _number(one) < _number(ticket) and is_locked(one)]:
            if before != told:
                say(_waiting_line(device, before))
                told = before
            time.sleep(LOOK)
        yield


def _take_ticket(queue: Path, name: str, stack: ExitStack) -> Path:
    """Join the end of the queue until `stack` is left, and clear away the tickets that nobody holds."""
    with lock(queue, "joining the queue"):  # or a ticket that is made and not yet held would be cleared away
        for abandoned in [one for one in _tickets(queue) if not is_locked(one)]:
            lock_file(abandoned).unlink(missing_ok=True)
        ticket = queue / f"{1 + max(map(_number, _tickets(queue)), default=0):08d}-{name}"
        stack.enter_context(lock(ticket, "training"))
        stack.callback(lock_file(ticket).unlink, missing_ok=True)
    return ticket


def _tickets(queue: Path) -> list[Path]:
    return sorted((queue / file.name[1 : -len(".lock")] for file in queue.glob(".*-*.lock")), key=_number)


def _number(ticket: Path) -> int:
    return int(ticket.name.partition("-")[0])


def _waiting_line(device: str, before: list[Path]) -> str:
    first = before[0]
    try:
        holder = f", {lock_file(first).read_text(encoding='utf-8')},"
    except OSError:  # it has just ended
        holder = ""
    others = f", and {len(before) - 1} more before this one" if len(before) > 1 else ""
    return f"Waiting for run {first.name.partition('-')[2]}{holder} on {device}{others}."
