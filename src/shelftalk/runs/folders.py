"""Rename and delete runs while no process uses them, and open one on a machine of a cluster."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from shelftalk.errors import Busy, NotFound, UserError
from shelftalk.locks import is_locked
from shelftalk.mounts import refuse_mounts_inside, remove
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace, fsync_folder, lock, writing


def delete_run(workspace: Workspace, name: str) -> None:
    """Remove a run's folder atomically, damaged or not; of a link to one only the link.

    Raises:
        NotFound: there is no such run.
        Busy: a process holds its lock, or one inside its folder.
        NotWritable: a mount point lies in it, or see `workspace.writing`.
    """
    folder = workspace.existing_run(name)
    renamed = folder.with_name(f".{name}.deleted")
    with lock(folder, "deleting"), writing(folder):
        _require_unused(folder)
        for one in (folder, renamed):
            refuse_mounts_inside(one)
        remove(renamed)
        folder.rename(renamed)
        fsync_folder(folder.parent)
        if renamed.is_symlink():
            renamed.unlink()
        else:
            shutil.rmtree(renamed)


def rename_run(workspace: Workspace, name: str, new_name: str) -> Run:
    """Rename a run atomically, and return it under the new name.

    Its folder is renamed and nothing in it changes: the adapter's README.md and log.txt keep the old name. A process
    that serves the run continues.

    Raises:
        NotFound: there is no such run.
        InvalidName: see `workspace.check_name`.
        UserError: the new name is taken.
        Busy: a process trains the run, builds its index or converts its model.
        Damaged: see `Run.open`.
    """
    run, target = Run.open(workspace, name), workspace.run(new_name)
    folder = run.folder
    if folder == target:
        return run
    with lock(folder, "renaming"), lock(target, "renaming"), writing(folder):
        if target.exists():
            raise UserError(f"The name {new_name!r} is taken; choose another one, or delete that run first.")
        _require_unused(folder)
        folder.rename(target)
        fsync_folder(folder.parent)
    return Run.open(workspace, new_name)


def _require_unused(folder: Path) -> None:
    """Require that no process holds a lock inside a run's folder.

    Raises:
        Busy: a process holds one.
    """
    for file in folder.rglob(".*.lock"):
        if is_locked(file.with_name(file.name[1:].removesuffix(".lock"))):
            what = file.relative_to(folder).parts[0].removeprefix(".").removesuffix(".lock")
            raise Busy(f"The {what} of {folder.name} is in use by another process; wait until it has finished.")


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder, also while some of them come and go."""
    return sum(_bytes(file) for file in folder.rglob("*"))


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:
        return 0


def open_on_worker(root: str, name: str) -> Run:
    """Open the run `name` of the workspace at `root` on a machine of a cluster.

    Raises:
        NotFound: this machine does not see the workspace, or there is no such run.
    """
    if not Path(root).is_dir():
        raise NotFound(
            f"The machine {platform.node()} does not see the workspace {root}; put it on storage that all machines of "
            "the cluster mount at that path."
        )
    return Run.open(Workspace(root), name)
