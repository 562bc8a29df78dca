"""What can be replaced: a mount point, such as a container's volume, can be written, but not replaced."""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shelftalk.errors import NotWritable, UserError

MOUNTS = Path("/proc/self/mountinfo")  # Linux: one line a mount
STAGING = ".shelftalk-staging"  # in a mounted folder: what is being written
WHOLE = ".shelftalk-whole"  # in a mounted folder: what is complete and being moved up
NO_CONTENT = {"lost+found", STAGING}  # the first is in every new ext4 volume


def is_mount(path: Path) -> bool:
    """Return whether `path` itself, not what a link of that name leads to, is a mount point: a folder or a file."""
    place = _place(path)
    if (mounts := _mounts()) is None:
        return os.path.ismount(place)  # which does not know a mount of a part of the same file system
    return place in {mount.place for mount in mounts}


def mount_inside(folder: Path) -> Path | None:
    """Return a mount point that lies in `folder`, at any depth; None without one, and without a table of mounts."""
    place = _place(folder)
    return min((mount.place for mount in _mounts() or () if place in mount.place.parents), default=None)


def refuse_mounts_inside(folder: Path) -> None:
    """Refuse to replace or delete a folder in which a mount point lies: the files mounted there would be deleted.

    Raises:
        NotWritable: there is one.
    """
    if inside := mount_inside(folder):
        raise NotWritable(
            f"{folder} cannot be replaced or deleted: in it {inside} is a mount point, whose files would be deleted "
            "too; unmount it, and run the same command again."
        )


def content_of_mount(folder: Path) -> str | None:
    """Return the name of a file in a mounted folder, the first by name; None where nothing of anybody's is in it."""
    return min((one.name for one in folder.iterdir() if one.name not in NO_CONTENT), default=None)


def is_free(path: Path) -> bool:
    """Return whether a folder can just be renamed to `path`: nothing is there, or an empty folder, not a mount."""
    if path.is_symlink() or not path.is_dir():
        return not os.path.lexists(path)
    return not any(path.iterdir()) and not is_mount(path)


def remove(path: Path) -> None:
    """Remove a file or folder, as far as that is possible; one in which a mount point lies stays.

    Of a link only itself is removed, not what it leads to.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    elif not mount_inside(path):
        shutil.rmtree(path, ignore_errors=True)


def require_replaceable(folder: Path, unused: Path) -> None:
    """Require that a folder, or a link to one, can be replaced, before any work is done; it stays where it is.

    `unused` is a path beside it, which is free before and afterwards.

    Raises:
        NotWritable: it is a mount point with files.
        OSError: it cannot be renamed, such as one of a container's image; or it is a file.
    """
    if is_mount(folder):
        if name := content_of_mount(folder):
            raise NotWritable(
                f"{folder} is a mount point, which cannot be replaced, and holds {name}; empty it, or unmount it."
            )
    elif not is_free(folder) and not folder.is_symlink():
        next(folder.iterdir())  # fails for a file
        if _is_overlay(folder):
            _try_to_move(folder, unused)


def _try_to_move(folder: Path, unused: Path) -> None:
    """Raise the OSError with which an overlay refuses to move a folder of its image; nothing is moved."""
    unused.mkdir()
    try:
        (unused / "file").touch()
        folder.rename(unused)  # always fails, as the target is not empty; whether the folder can move is tested before
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    finally:
        remove(unused)


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


class _Mount(NamedTuple):
    place: Path
    device: bytes
    file_system: bytes


def _mounts() -> list[_Mount] | None:
    """Return the kernel's table of mounts; None where there is none."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    return [
        _Mount(Path(os.fsdecode(_unescaped(fields[4]))), fields[2], fields[fields.index(b"-") + 1])
        for fields in (line.split(b" ") for line in lines)
    ]


def _is_overlay(folder: Path) -> bool:
    number = folder.stat().st_dev
    device = b"%d:%d" % (os.major(number), os.minor(number))
    return any(mount.device == device and mount.file_system == b"overlay" for mount in _mounts() or ())


def _place(path: Path) -> Path:
    return Path(os.path.realpath(path.parent)) / path.name


def _unescaped(field: bytes) -> bytes:
    r"""Return a path of the kernel's table, in which a space is \040."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), field)
