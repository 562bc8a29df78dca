"""Names, atomic writes, manifests and locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.errors import Busy, Damaged, InvalidName, NotFound, NotWritable
from shelftalk.workspace import (
    MANIFEST,
    Workspace,
    check_name,
    faults,
    is_locked,
    lock,
    read_json,
    staged_folder,
    write_bytes,
    write_json,
)


@pytest.mark.parametrize("name", ["../x", "", ".", "..", "a/b", "A", "a b", "-a", "a" * 65, "é", "a\n", "a\x00"])
def test_names_that_would_leave_their_folder_are_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="not allowed"):
        check_name(name, "run")


@given(st.text())
def test_an_allowed_name_is_one_plain_folder(name: str) -> None:
    try:
        folder = Workspace("w").run(name)
    except InvalidName:
        return
    assert folder.parent == Path("w/runs")
    assert Path(os.path.normpath(folder)) == folder


def test_a_missing_run_says_which_there_are(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="there is none yet"):
        workspace.existing_run("a")
    write_json(workspace.run("b") / "run.json", {})
    with pytest.raises(NotFound, match="there are: b"):
        workspace.existing_run("a")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NotWritable, match="disk is full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "workspace").write_text("")
    with pytest.raises(NotWritable, match="a file stands where a folder should be"):
        Workspace(tmp_path / "workspace").make()


def test_a_staged_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "done"
    with pytest.raises(RuntimeError), staged_folder(target) as staging:
        (staging / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with staged_folder(target) as staging:
        (staging / "part").write_text("one")
        assert not target.exists()
    assert faults(target) == []
    with staged_folder(target) as staging:
        (staging / "other").write_text("two")
    assert sorted(entry.name for entry in target.iterdir()) == [MANIFEST, "other"]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda file: file.unlink(), "missing"),
        (lambda file: file.write_bytes(b""), "0 bytes instead of 5"),
        (lambda file: file.write_bytes(b"hallo"), "another SHA-256"),
    ],
)
def test_a_manifest_shows_what_was_spoilt(tmp_path: Path, spoil, word: str) -> None:
    with staged_folder(tmp_path / "done") as staging:
        (staging / "deep").mkdir()
        (staging / "deep" / "file").write_bytes(b"hello")
    spoil(tmp_path / "done" / "deep" / "file")
    (found,) = faults(tmp_path / "done")
    assert "deep/file" in found
    assert word in found


def test_a_folder_without_manifest_is_not_done(tmp_path: Path) -> None:
    assert faults(tmp_path) == [f"{MANIFEST} is missing or unreadable"]
    with pytest.raises(Damaged):
        read_json(tmp_path / "nothing.json")


HOLD = """
import sys, time
from pathlib import Path
from shelftalk.workspace import lock
with lock(Path(sys.argv[1]), "holding"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=rf"process {holder.pid} \(holding\)"), lock(folder, "trying"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with lock(folder, "trying"):
            pass


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    target = workspace.catalogue("goods")
    with staged_folder(target) as staging:
        (staging / "catalogue.json").write_text("old")
    target.rename(target.with_name(".goods.outgoing"))  # what a kill at that moment leaves
    assert (workspace.existing_catalogue("goods") / "catalogue.json").read_text() == "old"
    real = Path.rename

    def refuse(self: Path, other: Path) -> Path:
        if self.name.endswith(".staging"):
            raise OSError(28, "No space left on device")
        return real(self, other)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(NotWritable), staged_folder(target) as staging:
        (staging / "catalogue.json").write_text("new")
    assert (target / "catalogue.json").read_text() == "old"


def test_looking_at_a_lock_does_not_take_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not is_locked(folder)
    with lock(folder, "holding"):
        assert is_locked(folder)
    assert not is_locked(folder)
