"""Store an uploaded file while a catalogue is prepared from it, and delete it afterwards."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from pathlib import Path

from shelftalk.workspace import Workspace, write_bytes

FOLDER = "uploads"
HOURS_KEPT = 24


def keep_upload(workspace: Workspace, name: str, data: bytes) -> Path:
    """Write an uploaded file under uploads/ and return its path; an identical file is not written again.

    The file name is kept, since it shows the file's type; unsafe characters are replaced.
    """
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = workspace.root / FOLDER / digest / safe_name(name)
    if not path.is_file() or path.stat().st_size != len(data):
        write_bytes(path, data)
    return path


def safe_name(name: str) -> str:
    """Return the name of an uploaded file without a folder and without unsafe characters."""
    return re.sub(r"[^\w.() -]+", "_", Path(name).name, flags=re.ASCII).lstrip(".")[-80:] or "file"


def forget_uploads(workspace: Workspace) -> None:
    """Remove the uploads that are older than a day: no catalogue was prepared from them."""
    folder = workspace.root / FOLDER
    for one in folder.iterdir() if folder.is_dir() else ():
        if time.time() - one.stat().st_mtime > HOURS_KEPT * 3600:
            shutil.rmtree(one, ignore_errors=True)


def forget_upload(workspace: Workspace, path: Path) -> None:
    """Remove an uploaded file; a file outside uploads/ is not touched."""
    if path.parent.parent == workspace.root / FOLDER:
        shutil.rmtree(path.parent, ignore_errors=True)
