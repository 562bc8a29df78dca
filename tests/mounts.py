"""Mounts that only one forked process sees, and that end with it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests import forks

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000  # flags of unshare(2)
BIND, RECURSIVE_PRIVATE = 0x1000, 0x4000 | 0x40000  # flags of mount(2)


def mount(binds: Sequence[tuple[Path, Path]] = (), overlay: tuple[Path, Path] | None = None) -> None:
    """Mount each first path on its second one; `overlay`: the first folder as a container's image, on the second one.

    What is written to the overlay is kept in memory.
    """
    user, group = os.geteuid(), os.getegid()
    marks = ""  # what the overlay writes down of its folders
    try:
        _call("unshare", NEW_MOUNTS)
    except PermissionError:  # who may not mount for all may do so for oneself, where the system allows that
        _call("unshare", NEW_MOUNTS | NEW_USER)
        marks = ",userxattr"
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _call("mount", None, b"/", None, RECURSIVE_PRIVATE, None)
    for source, target in binds:
        _call("mount", os.fsencode(source), os.fsencode(target), None, BIND, None)
    if overlay:
        image, target = overlay
        memory = image.with_name("memory")
        memory.mkdir()
        mount_memory(memory, 1 << 20)
        for part in ("upper", "work"):
            (memory / part).mkdir()
        options = f"lowerdir={image},upperdir={memory / 'upper'},workdir={memory / 'work'}{marks}"
        _call("mount", b"overlay", os.fsencode(target), b"overlay", 0, options.encode())


def mount_memory(target: Path, size: int) -> None:
    """Mount a new disk of so many bytes in memory, in a process that has called `mount`."""
    _call("mount", b"none", os.fsencode(target), b"tmpfs", 0, f"size={size}".encode())


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@cache
def _works(parent: Path, overlay: bool) -> bool:
    source, target = parent / "source", parent / "target"
    for folder in (source, target):
        folder.mkdir(exist_ok=True)
    return forks.call(mount, [] if overlay else [(source, target)], (source, target) if overlay else None) == 0


def require_mounts(parent: Path, overlay: bool = False) -> None:
    """Skip the test where this system does not let a process of this user mount anything."""
    if not hasattr(ctypes.CDLL(None), "unshare") or not _works(parent, overlay):
        pytest.skip(f"this system does not allow {'an overlay' if overlay else 'mounts'} to this user")
