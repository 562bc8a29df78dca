"""Tasks: commands that outlive the page that asked for them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from shelftalk.locks import lock_holder
from shelftalk.studio.tasks import Task, forget_task, read_task, start_task
from shelftalk.studio.uploads import forget_upload, forget_uploads, keep_upload
from shelftalk.workspace import Workspace
from tests.conftest import write_catalogue_file


def wait(workspace: Workspace, name: str) -> Task:
    deadline = time.monotonic() + 90
    while (task := read_task(workspace, name)).status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return task


def test_a_task_that_was_never_started_is_none(workspace: Workspace) -> None:
    assert read_task(workspace, "nothing") == Task("none")


def test_a_task_gives_what_its_command_printed(workspace: Workspace, tmp_path: Path) -> None:
    source = write_catalogue_file(tmp_path / "pegs.jsonl")
    start_task(workspace, "prepare", ["prepare", str(source), "--name", "pegs"], {"name": "pegs"})
    assert read_task(workspace, "prepare").about == {"name": "pegs"}
    done = wait(workspace, "prepare")
    assert (done.status, done.about, done.error) == ("done", {"name": "pegs"}, None)
    assert done.result["kept"] == 30
    assert workspace.catalogues() == ["pegs"]
    forget_task(workspace, "prepare")
    assert read_task(workspace, "prepare") == Task("none")


def test_a_task_that_fails_says_why_in_one_line(workspace: Workspace) -> None:
    start_task(workspace, "inspect", ["inspect", "nothing"])
    failed = wait(workspace, "inspect")
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.startswith("There is no catalogue 'nothing'")


@pytest.mark.kill
def test_a_running_task_is_not_replaced_and_a_killed_one_has_failed_without_a_message(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = write_catalogue_file(tmp_path / "pegs.jsonl", 300_000)  # seconds of work
    start_task(workspace, "one", ["prepare", str(source), "--name", "pegs"], 1)
    start_task(workspace, "one", ["runs", "list"], 2)
    assert read_task(workspace, "one").about == 1
    holder = lock_holder(workspace.root / "tasks" / "one")
    assert holder is not None
    os.kill(holder, signal.SIGKILL)
    killed = wait(workspace, "one")
    assert (killed.status, killed.error) == ("failed", "")


def test_an_upload_keeps_its_name_and_cannot_leave_its_folder(workspace: Workspace) -> None:
    path = keep_upload(workspace, "../../etc/Päge of <oak>.csv", b"title,body\n")
    assert path.name == "P_ge of _oak_.csv"
    assert path.read_bytes() == b"title,body\n"
    assert (workspace.root / "uploads").resolve() in path.resolve().parents
    assert keep_upload(workspace, "...", b"x").name == "file"
    assert keep_upload(workspace, ".hidden.csv", b"x").name == "hidden.csv"


def test_uploads_are_removed_when_their_catalogue_is_prepared_or_after_a_day(
    workspace: Workspace, tmp_path: Path
) -> None:
    first, second = (keep_upload(workspace, "a.csv", data) for data in (b"1", b"2"))
    mine = tmp_path / "mine.csv"
    mine.write_text("title")
    forget_upload(workspace, mine)
    forget_upload(workspace, first)
    assert (mine.exists(), first.exists(), second.exists()) == (True, False, True)
    forget_uploads(workspace)
    assert second.exists()
    os.utime(second.parent, (0, 0))
    forget_uploads(workspace)
    assert not second.exists()
