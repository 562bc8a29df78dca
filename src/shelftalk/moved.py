"""Find what a stored path names after its folder was moved, alone or with the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; one that this user may not see is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Return whether there is a file; one that this user may not see is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def places(path: Path, root: Path) -> Iterator[Path]:
    """Yield where `path` may be now: there, or, by its last parts, in the workspace at `root` or beside it.

    The most parts come first. A name alone proves nothing: the caller compares the hash of what it finds.
    """
    yield path
    roots = dict.fromkeys((root.absolute(), root.resolve()))  # a link to the workspace has another parent
    for first in range(1, len(path.parts)):
        last = path.parts[first:]
        if ".." not in last:
            for one in roots:
                yield one.joinpath(*last)
                yield one.parent.joinpath(*last)
