"""Queue the trainings of a workspace that use the same device, in order of arrival.

    queue/DEVICE/.00000003-NAME.lock    the ticket of run NAME: its flock is held from arrival to end

A run may train when no ticket with a lower number is held. A killed process releases its ticket, whether it waited or
trained.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from shelftalk.locks import is_locked, lock_file
from shelftalk.workspace import Workspace, lock

POLL_SECONDS = 0.3


@contextmanager
def turn(workspace: Workspace, device: str, name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until `device` is free for run `name`, and reserve it until the block ends.

    `say` gets a message that names the runs ahead, and another one whenever they change.
    """
    queue = workspace.root / "queue" / re.sub(r"[^A-Za-z0-9.-]+", "-", device)
    with ExitStack() as stack:
        ticket = _take_ticket(queue, name, stack)
        announced: list[Path] = []
        while ahead := [one for one in _tickets(queue) if _number(one) < _number(ticket) and is_locked(one)]:
            if ahead != announced:
                say(_waiting_line(device, ahead))
                announced = ahead
            time.sleep(POLL_SECONDS)
        yield


def _take_ticket(queue: Path, name: str, stack: ExitStack) -> Path:
    """Join the end of the queue until `stack` is closed, and delete tickets that no process holds."""
    with lock(queue, "joining the queue"):  # otherwise another process could delete a new ticket before it is locked
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


def _waiting_line(device: str, ahead: list[Path]) -> str:
    first = ahead[0]
    try:
        holder = f", {lock_file(first).read_text(encoding='utf-8')},"
    except OSError:  # it ended in the meantime
        holder = ""
    others = f", and {len(ahead) - 1} more before this one" if len(ahead) > 1 else ""
    return f"Waiting for run {first.name.partition('-')[2]}{holder} on {device}{others}."
