"""Why something cannot be written: what the operating system's errors mean to the user, with the cure."""

from __future__ import annotations

import errno
import re
from pathlib import Path


def reason(error: Exception, path: Path, size: int | None = None) -> str | None:
    """Return which path cannot be written and why, on writing `size` bytes at `path`; None for any other error."""
    needs = "" if size is None else f" and this takes {size:,} bytes"
    elsewhere, again = "choose another --workspace", "free some space and run the same command again"
    reasons = {
        **dict.fromkeys((errno.EACCES, errno.EPERM), f"permission denied; {elsewhere}"),
        errno.EROFS: f"the file system is read-only; {elsewhere}",
        **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), f"a file stands where a folder should be; {elsewhere}"),
        errno.ENOSPC: f"the disk is full{needs}; {again}",
        errno.EDQUOT: f"the disk quota is used up{needs}; {again}",
        errno.EBUSY: "it is in use by the system, as a mount point is; unmount it, or choose another name",
        errno.EXDEV: "it cannot be moved, as a folder of a container's image cannot be; choose another name",
    }
    if (number := _error_number(error)) not in reasons:
        return None
    named = getattr(error, "filename2", None) or getattr(error, "filename", None) or path  # the copy, if it is one
    if number in (errno.EBUSY, errno.EXDEV):  # then those are names for a moment
        named = path
    return f"{named}: {reasons[number]}"


def _error_number(error: Exception) -> int | None:
    """Return the errno of an error; libraries written in Rust have it in the message only."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None
