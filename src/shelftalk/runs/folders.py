"""Rename and delete runs: what can be done to a run's folder as a whole, while no process works in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from shelftalk.errors import Busy, UserError
from shelftalk.locks import is_locked
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace, fsync_folder, lock, writing


def delete_run(workspace: Workspace, name: str) -> None:
    """Remove a run's folder whole, damaged or not.

    Raises:
        NotFound: there is no such run.
        Busy: a process holds it, or works inside it.
    """
    folder = workspace.existing_run(name)
    aside = folder.with_name(f".{name}.deleted")
    with lock(folder, "deleting"), writing(folder):
        _require_quiet(folder)
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        fsync_folder(folder.parent)
        shutil.rmtree(aside)


def rename_run(workspace: Workspace, name: str, new_name: str) -> Run:
    """Give a run another name, and return it under that one; killed at any moment, it has either name.

    Its folder is renamed and nothing in it changes: the adapter's README.md and log.txt keep the old name. A process
    that answers with the run goes on doing so.

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
        _require_quiet(folder)
        folder.rename(target)
        fsync_folder(folder.parent)
    return Run.open(workspace, new_name)


def _require_quiet(folder: Path) -> None:
    """Do nothing if no process works inside a run's folder.

    Raises:
        Busy: one does.
    """
    for file in folder.rglob(".*.lock"):
        if is_locked(file.with_name(file.name[1:].removesuffix(".lock"))):
            what = file.relative_to(folder).parts[0].removeprefix(".").removesuffix(".lock")
            raise Busy(f"The {what} of {folder.name} is in use by another process; wait until it has finished.")
