"""Long tasks of the studio: shelftalk's own commands, each in a process that outlives page and server.

    workspace/tasks/NAME/
      about.json     the input of the task; its result is valid for the same input only
      output.json    the command's standard output: its result, when it has succeeded
      log.txt        the command's standard error

A task runs as long as a process holds its lock. So every page in every browser sees the same task, also after the
server was restarted.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelftalk.commands import start_command
from shelftalk.errors import Busy, Damaged, InvalidSettings
from shelftalk.locks import is_locked
from shelftalk.workspace import Workspace, lock, read_json, write_json, writing

PROGRESS = re.compile(r": (\d+) of (\d+)\b")
TAIL = 8192  # last bytes of the log that are parsed


@dataclass(frozen=True)
class Task:
    """The state of a task: `status` is none, running, done or failed.

    `about` is the input that it was started with; `result` is set when it is done, `error` when it failed, and
    `progress`, (done, total), may be set while it runs.
    """

    status: str
    about: Any = None
    result: Any = None
    error: str | None = None
    progress: tuple[int, int] | None = None


def start_task(
    workspace: Workspace, name: str, arguments: Sequence[str], about: Any = None, token: str | None = None
) -> bool:
    """Start a command that prints JSON as task `name`, and return whether it was started.

    It is not started if a task of that name is running. `--workspace` and `--json` are added to `arguments`. The files
    of an earlier task of that name are removed.

    Raises:
        InvalidSettings: an argument contains a NUL character.
    """
    if any("\0" in argument for argument in arguments):
        raise InvalidSettings("A name contains a NUL character, which a command cannot take; remove it from the file.")
    workspace.make()
    folder = task_folder(workspace, name)
    if is_locked(folder):
        return False
    with suppress(Busy), lock(folder, "starting") as descriptor, writing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "about.json", about)
        command = [*arguments, "--workspace", str(workspace.root.resolve()), "--json"]
        with (folder / "output.json").open("wb") as output, (folder / "log.txt").open("wb") as log:
            start_command(command, descriptor, name, output, log, token, {"SHELFTALK_PROGRESS_SECONDS": "1"})
        return True
    return False


def read_task(workspace: Workspace, name: str) -> Task:
    """Return the state of task `name`."""
    folder = task_folder(workspace, name)
    running = is_locked(folder)
    try:
        about = read_json(folder / "about.json")
    except Damaged:
        return Task("running" if running else "none")
    log = _tail(folder / "log.txt")
    if running:
        found = PROGRESS.findall(log)
        return Task("running", about, progress=(int(found[-1][0]), int(found[-1][1])) if found else None)
    with suppress(OSError, ValueError):
        return Task("done", about, json.loads((folder / "output.json").read_bytes()))
    return Task("failed", about, error=_reason(log))


def list_tasks(workspace: Workspace, kind: str) -> dict[str, Task]:
    """Return the tasks whose names start with `kind` and a hyphen, sorted, keyed by the rest of their names."""
    names = sorted(folder.name for folder in (workspace.root / "tasks").glob(f"{kind}-*") if folder.is_dir())
    return {name.removeprefix(f"{kind}-"): read_task(workspace, name) for name in names}


def forget_task(workspace: Workspace, name: str) -> None:
    """Remove the files of task `name`, unless it is running."""
    folder = task_folder(workspace, name)
    with suppress(Busy), lock(folder, "forgetting"):
        shutil.rmtree(folder, ignore_errors=True)


def forget_tasks_of(workspace: Workspace, run: str) -> None:
    """Remove the files of a run's tasks, so that they do not count for a later run of the same name."""
    for kind in ("start", "stop", "ready", "evaluate", "influence", "write", "publish", "dossier"):
        forget_task(workspace, f"{kind}-{run}")


def task_folder(workspace: Workspace, name: str) -> Path:
    """Return the folder of task `name`, in which its command may write more; the next one of that name begins empty."""
    return workspace.root / "tasks" / name


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _reason(log: str) -> str:
    """Return the error message that a command ended with; "" if it was killed."""
    errors = [line.removeprefix("Error: ") for line in log.splitlines() if line.startswith("Error: ")]
    return errors[-1] if errors else ""
