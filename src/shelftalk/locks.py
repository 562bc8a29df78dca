"""Lock folders: the lock is an flock on a file beside the folder.

The operating system releases it when its process ends, also after a kill. The file names the holder, for people to
read; this is valid only while the lock is held. Use `workspace.lock` to take a lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

LOCK_TIMEOUT = 60.0  # seconds to wait for another process that does the same work


def lock_file(folder: Path) -> Path:
    """Return the file whose flock is `folder`'s lock."""
    return folder.with_name(f".{folder.name}.lock")


def acquire(descriptor: int, timeout: float) -> bool:
    """Try for `timeout` seconds to lock an open file, and return whether it is locked."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def write_holder(descriptor: int, process_id: int, purpose: str) -> None:
    """Write the holder into the file of a held lock: this process, or one that was started with the descriptor."""
    holder = f"process {process_id} ({purpose})".encode()
    os.pwrite(descriptor, holder, 0)
    os.ftruncate(descriptor, len(holder))


def is_locked(folder: Path) -> bool:
    """Return whether a process holds `folder`'s lock; nothing is written."""
    try:
        with lock_file(folder).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def lock_holder(folder: Path) -> int | None:
    """Return the id of the process that holds `folder`'s lock, or None where it is not certain.

    The file may name a killed process whose id was reused since, so the named process must have the file open.
    Without /proc this is not checked.
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
    with suppress(OSError):  # the process has ended, or belongs to another user
        return any(_same(descriptor, path) for descriptor in descriptors.iterdir())
    return False


def _same(descriptor: Path, path: Path) -> bool:
    with suppress(OSError):  # closed meanwhile
        return descriptor.samefile(path)
    return False


def is_running(process_id: int) -> bool:
    """Return whether a process of that id runs on this machine, whoever it belongs to."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:  # a process of another user
        pass
    return True
