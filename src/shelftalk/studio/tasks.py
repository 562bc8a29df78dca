"""Long work that the studio asks for: shelftalk's own commands, each in a process that outlives page and server.

    workspace/tasks/NAME/
      about.json     what the task was asked for; its result counts only for the same
      output.json    what the command printed: its result, once it has ended well
      log.txt        what it said meanwhile

A task runs as long as a process holds its lock. So any page, of any browser, before or after the server was restarted,
sees the same task at the same place.
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
TAIL = 8192  # bytes of the log that are looked at


@dataclass(frozen=True)
class Task:
    """What is known of a task: `status` is none, running, done or failed.

    `about` is what it was started with; `result` is there when it is done, `error` when it failed, and `progress`,
    (done, total), may be there while it runs.
    """

    status: str
    about: Any = None
    result: Any = None
    error: str | None = None
    progress: tuple[int, int] | None = None


def start_task(
    workspace: Workspace, name: str, arguments: Sequence[str], about: Any = None, token: str | None = None
) -> bool:
    """Start the command with `arguments`, which prints JSON, as task `name`, and say whether it did.

    A task of that name that runs already is left alone. `--workspace` and `--json` are added. What an earlier task of
    that name left is removed.

    Raises:
        InvalidSettings: an argument holds a character that no command line can.
    """
    if any("\0" in argument for argument in arguments):
        raise InvalidSettings("A name holds a NUL character, which cannot be passed on; mend it in the file.")
    workspace.make()
    folder = _folder(workspace, name)
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
    """Return what is known of task `name`."""
    folder = _folder(workspace, name)
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
    """Return the tasks whose names begin with `kind` and a hyphen, by the rest of their names, sorted."""
    names = sorted(folder.name for folder in (workspace.root / "tasks").glob(f"{kind}-*") if folder.is_dir())
    return {name.removeprefix(f"{kind}-"): read_task(workspace, name) for name in names}


def forget_task(workspace: Workspace, name: str) -> None:
    """Remove what task `name` left; one that runs is left alone."""
    folder = _folder(workspace, name)
    with suppress(Busy), lock(folder, "forgetting"):
        shutil.rmtree(folder, ignore_errors=True)


def forget_tasks_of(workspace: Workspace, run: str) -> None:
    """Remove what tasks for a run left: another run of that name shall not be taken for it."""
    for kind in ("start", "stop", "ready", "evaluate", "influence"):
        forget_task(workspace, f"{kind}-{run}")


def _folder(workspace: Workspace, name: str) -> Path:
    return workspace.root / "tasks" / name


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _reason(log: str) -> str:
    """Return the error that a command ended with; nothing where it was killed without a word."""
    errors = [line.removeprefix("Error: ") for line in log.splitlines() if line.startswith("Error: ")]
    return errors[-1] if errors else ""
