"""Recognise the pointers that `git clone` leaves in the place of large files where Git LFS is not installed."""

from __future__ import annotations

from pathlib import Path

POINTER = b"version https://git-lfs"  # how one begins
LONGEST = 1024  # bytes; see git-lfs/docs/spec.md


def is_pointer(path: Path) -> bool:
    """Return whether the file is a pointer of Git LFS; a file that is not there is none."""
    if not path.is_file() or path.stat().st_size >= LONGEST:
        return False
    return path.read_bytes().startswith(POINTER)


def hint(path: Path) -> str:
    """Return in brackets what a pointer of Git LFS is, and the cure; '' for any other file."""
    return " (a pointer of Git LFS; fetch the file with: git lfs pull)" if is_pointer(path) else ""
