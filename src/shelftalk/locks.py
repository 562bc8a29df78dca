"""Who holds a folder's lock: an operating system's lock (flock) on a file beside the folder.

It ends with the process that holds it, however that process ends. What the file says of its holder is for people, and
counts only while the lock is held. See `workspace.lock` for taking one.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0  # seconds to wait for another process that builds what is wanted


def lock_file(folder: Path) -> Path:
    """Return the file whose flock is `folder`'s lock."""
    return folder.with_name(f".{folder.name}.lock")


def acquire(descriptor: int, patience: float) -> bool:
    """Try to lock an open file, for `patience` seconds while another process has it, and say whether it worked."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def hand_over(descriptor: int, process_id: int, purpose: str) -> None:
    """Write into a held lock's file who holds it: this process, or one that was started with the descriptor."""
    holder = f"process {process_id} ({purpose})".encode()
    os.pwrite(descriptor, holder, 0)
    os.ftruncate(descriptor, len(holder))


def is_locked(folder: Path) -> bool:
    """Say whether a process holds `folder`'s lock; nothing is written."""
    try:
        with lock_file(folder).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def lock_holder(folder: Path) -> int | None:
    """Return the id of the process that holds `folder`'s lock, or none where that is not certain.

    The file may name a process that was killed and whose id another one has by now, so the process named must have
    the file open. Without /proc the file alone is believed, and only while the lock is held.
    """
    path = lock_file(folder)
    if not is_locked(folder):
        return None
    named = re.match(r"process (\d+)", path.read_text(encoding="utf-8"))
    if not named:
        return None
    process_id = int(named[1])
    return process_id if not Path("/proc/self/fd").is_dir() or _has_open(process_id, path) else None


def _has_open(process_id: int, path: Path) -> bool:
    descriptors = Path(f"/proc/{process_id}/fd")
    with suppress(OSError):  # the process ended, or belongs to someone else
        return any(_same(descriptor, path) for descriptor in descriptors.iterdir())
    return False


def _same(descriptor: Path, path: Path) -> bool:
    with suppress(OSError):  # closed by now
        return descriptor.samefile(path)
    return False
