"""A run is renamed and deleted atomically, and not while a process uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.errors import Busy, InvalidName, NotFound, UserError
from shelftalk.runs import folders
from shelftalk.runs.describe import describe_run
from shelftalk.runs.folders import delete_run, rename_run
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace, faults, lock
from tests.conftest import TINY_SETTINGS


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Workspace:
    """A separate workspace with the finished run `pegs`."""
    shutil.copytree(tiny_run.workspace.root, tmp_path / "copied")
    return Workspace(tmp_path / "copied")


def test_of_a_link_to_a_run_only_the_link_is_deleted(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "run.json").write_text("{}")
    workspace.run("pegs").parent.mkdir(parents=True)
    for _ in range(2):
        workspace.run("pegs").symlink_to(tmp_path / "elsewhere")
        delete_run(workspace, "pegs")
        assert workspace.runs() == []
        assert [entry.name for entry in workspace.run("pegs").parent.iterdir()] == [".pegs.lock"]
    assert (tmp_path / "elsewhere" / "run.json").is_file()


def test_a_run_is_deleted_whole_or_not_at_all(copied: Workspace) -> None:
    run = Run.open(copied, "pegs")
    with lock(run.folder, "training"), pytest.raises(Busy, match=f"process {os.getpid()}"):
        delete_run(copied, "pegs")
    assert run.finished
    delete_run(copied, "pegs")
    assert not run.folder.exists()
    assert [entry.name for entry in run.folder.parent.iterdir() if entry.is_dir()] == []
    with pytest.raises(NotFound):
        delete_run(copied, "pegs")
    assert pipeline.train_run(copied, "pegs", "pegs", TINY_SETTINGS.replace({"epochs": 1})).finished


def test_a_damaged_run_can_be_deleted(workspace: Workspace) -> None:
    workspace.run("bad").mkdir(parents=True)
    (workspace.run("bad") / "run.json").write_text("{")
    delete_run(workspace, "bad")
    assert workspace.runs() == []


def test_a_renamed_run_answers_and_nothing_in_it_has_changed(copied: Workspace, tmp_path: Path) -> None:
    run = Run.open(copied, "pegs")
    (tmp_path / "titles.csv").write_text("title\nOak peg 3 cm\n")
    settings = DecodingSettings(max_new_tokens=4, temperature=0)
    job = (tmp_path / "titles.csv", tmp_path / "out.csv", settings)
    pipeline.write_catalogue(run, *job)
    before = {path.relative_to(run.folder): path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    vectors = (run.index / "vectors.parquet").stat().st_mtime_ns
    opened = pipeline.open_index(run)

    renamed = rename_run(copied, "pegs", "oak-2")
    assert (renamed.name, copied.runs()) == ("oak-2", ["oak-2"])
    after = {
        path.relative_to(renamed.folder): path.read_bytes() for path in renamed.folder.rglob("*") if path.is_file()
    }
    assert after == before
    assert faults(renamed.adapter) == []
    assert opened.search("Oak peg", 3) == pipeline.open_index(renamed).search("Oak peg", 3)
    assert (renamed.index / "vectors.parquet").stat().st_mtime_ns == vectors  # nothing was built again
    assert pipeline.ask(renamed, "Oak peg 3 cm", settings).references
    assert pipeline.write_catalogue(renamed, *job)["before"] == 1  # its own output is recognised
    assert describe_run(renamed)["status"] == "finished"
    with pytest.raises(NotFound, match="there are: oak-2"):
        rename_run(copied, "pegs", "elsewhere")


def test_a_name_that_is_taken_or_no_name_is_refused(copied: Workspace) -> None:
    copied.run("other").mkdir()
    with pytest.raises(UserError, match="'other' is taken"):
        rename_run(copied, "pegs", "other")
    with pytest.raises(InvalidName):
        rename_run(copied, "pegs", "../pegs")
    assert rename_run(copied, "pegs", "pegs").name == "pegs"
    assert copied.runs() == ["pegs"]


@pytest.mark.parametrize("part", ["", "index", "gguf/0123abcd", "../other"])
def test_a_run_at_work_keeps_its_name(copied: Workspace, part: str) -> None:
    (copied.run("pegs") / part).parent.mkdir(exist_ok=True)
    with lock(Path(os.path.normpath(copied.run("pegs") / part)), "working"), pytest.raises(Busy, match="in use by"):
        rename_run(copied, "pegs", "other")
    assert rename_run(copied, "pegs", "other").name == "other"


@pytest.mark.parametrize("step", ["rename", "fsync_folder"])
def test_an_interrupted_rename_leaves_one_name(copied: Workspace, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path if step == "rename" else folders, step, kill)
    with pytest.raises(KeyboardInterrupt):
        rename_run(copied, "pegs", "other")
    (name,) = copied.runs()
    assert name == ("pegs" if step == "rename" else "other")
    assert faults(Run.open(copied, name).adapter) == []


def test_looking_at_runs_loads_no_model() -> None:
    program = (
        "import sys, shelftalk.runs.describe, shelftalk.runs.folders\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
