"""Which paths are mount points, such as a container's volumes: what is there can be written, but not replaced."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from shelftalk.errors import NotWritable, UserError

MOUNTS = Path("/proc/self/mountinfo")  # Linux: one line a mount, its path in the fifth field
STAGING = ".shelftalk-staging"  # in a mounted folder: what is being written
WHOLE = ".shelftalk-whole"  # in a mounted folder: what is complete and being moved up
NO_CONTENT = {"lost+found", STAGING}  # the first is in every new ext4 volume


def is_mount(path: Path) -> bool:
    """Return whether `path` itself, not what a link of that name leads to, is a mount point: a folder or a file."""
    place = Path(os.path.realpath(path.parent)) / path.name
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return os.path.ismount(place)  # which does not know a mount of a part of the same file system
    return os.fsencode(place) in {_unescaped(line.split(b" ", 5)[4]) for line in lines}


def content_of_mount(folder: Path) -> str | None:
    """Return the name of a file in a mounted folder, the first by name; None where nothing of anybody's is in it."""
    return min((one.name for one in folder.iterdir() if one.name not in NO_CONTENT), default=None)


def has_content(path: Path) -> bool:
    """Return whether something is at `path` that cannot just be replaced by a folder: all but an empty folder."""
    return path.exists() and (path.is_symlink() or any(path.iterdir()))


def require_replaceable(folder: Path, aside: Path) -> None:
    """Require that a folder can be replaced, before any work is done; it is renamed to `aside` and back to see that.

    Raises:
        NotWritable: it is a mount point with files.
        OSError: it cannot be renamed, such as one of a container's image; or it is a file.
    """
    if is_mount(folder):
        if name := content_of_mount(folder):
            raise NotWritable(
                f"{folder} is a mount point, which cannot be replaced, and holds {name}; empty it, or unmount it."
            )
    elif has_content(folder):
        folder.rename(aside)
        aside.rename(folder)


def refuse_mounted_file(path: Path, option: str) -> None:
    """Refuse a file to write that is a mount point, before any work is done.

    Raises:
        UserError: it is one.
    """
    if not path.is_dir() and is_mount(path):
        raise UserError(
            f"{option} {path} is a mount point, and a mounted file cannot be replaced; mount its folder instead, and "
            "give a file in it."
        )


def move_up(folder: Path, last: str) -> None:
    """Move all that lies in WHOLE in a mounted `folder` into the folder itself, the file `last` as the last one.

    After a kill the next call goes on; two calls at once do not disturb each other.
    """
    whole = folder / WHOLE
    with suppress(FileNotFoundError):  # another process has moved it
        for entry in sorted(whole.iterdir(), key=lambda entry: (entry.name == last, entry.name)):
            with suppress(FileNotFoundError):
                entry.rename(folder / entry.name)
        whole.rmdir()


def _unescaped(field: bytes) -> bytes:
    r"""Return a path of the kernel's table, in which a space is \040."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), field)
