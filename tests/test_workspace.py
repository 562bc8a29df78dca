"""Names, atomic writes, manifests and locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Thread, Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.errors import Busy, Damaged, InvalidName, NotFound, NotWritable
from shelftalk.lines import append_line
from shelftalk.locks import is_locked
from shelftalk.workspace import (
    MANIFEST,
    Workspace,
    check_name,
    clear_leftovers,
    faults,
    lock,
    read_json,
    staged_file,
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
    with pytest.raises(NotWritable, match=r"/file: the disk is full and this takes 3 bytes; free some space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["file", "out[1]*.csv"])
def test_the_next_write_removes_the_temporary_file_of_a_killed_writer(tmp_path: Path, name: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".{name}.{ended.pid}.tmp").write_text("half")
    (tmp_path / f".{name}.{os.getppid()}.tmp").write_text("still writing")
    write_bytes(tmp_path / name, b"whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f".{name}.{os.getppid()}.tmp", name]


def test_a_staged_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(RuntimeError), staged_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with staged_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert (path.read_text(), list(tmp_path.iterdir())) == ("whole", [path])


def test_lines_are_added_whole(tmp_path: Path) -> None:
    append_line(tmp_path / "lines", "one")
    append_line(tmp_path / "lines", "zwölf")
    assert (tmp_path / "lines").read_text(encoding="utf-8") == "one\nzwölf\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_line_that_finds_the_disk_full_says_so() -> None:
    with pytest.raises(NotWritable, match="/dev/full: the disk is full and this takes 4 bytes"):
        append_line(Path("/dev/full"), "one")


def test_a_full_disk_is_known_from_a_library_in_rust_too(tmp_path: Path) -> None:
    from safetensors import SafetensorError

    with (
        pytest.raises(NotWritable, match="done: the disk is full and this takes 9 bytes"),
        staged_folder(tmp_path / "done", 9),
    ):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SafetensorError), staged_folder(tmp_path / "done"):
        raise SafetensorError("Error while deserializing: header too large")


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
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
    ("corrupt", "word"),
    [
        (lambda file: file.unlink(), "missing"),
        (lambda file: file.write_bytes(b""), "has 0 bytes, and manifest.json says 5"),
        (lambda file: file.write_bytes(b"hallo"), "another SHA-256"),
    ],
)
def test_a_manifest_shows_what_is_corrupt(tmp_path: Path, corrupt, word: str) -> None:
    with staged_folder(tmp_path / "done") as staging:
        (staging / "deep").mkdir()
        (staging / "deep" / "file").write_bytes(b"hello")
    corrupt(tmp_path / "done" / "deep" / "file")
    (found,) = faults(tmp_path / "done")
    assert "deep/file" in found
    assert word in found


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": 1}', '{"files": {"a": 1}}', '{"files": {"a": {"bytes": 1}}}', "\x00"]
)
def test_a_manifest_that_says_nothing_is_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert faults(tmp_path) == [f"{MANIFEST} is missing or unreadable"]


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "deep/../../outside"])
def test_a_manifest_that_lists_a_file_outside_is_a_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_bytes(b"")
    write_json(tmp_path / "done" / MANIFEST, {"files": {name: {"bytes": 0, "sha256": ""}}})
    (found,) = faults(tmp_path / "done", hashes=False)
    assert f"{name!r}, which is outside" in found


def test_a_required_file_must_be_listed_not_only_there(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "done") as staging:
        (staging / "listed").write_text("one")
    (tmp_path / "done" / "later").write_text("two")
    assert faults(tmp_path / "done", required=["listed"]) == []
    assert faults(tmp_path / "done", required=["listed", "later"]) == [f"later is not in {MANIFEST}"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only /proc says which file a descriptor is")
def test_everything_of_a_staged_folder_reaches_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with staged_folder(tmp_path / "done") as staging:
        (staging / "deep").mkdir()
        (staging / "deep" / "file").write_text("one")
    assert synced == ["deep", "file", MANIFEST, ".done.staging", tmp_path.name]


def test_folders_that_killed_writers_left_are_restored_or_removed(tmp_path: Path) -> None:
    for name in (".one.outgoing", "two", ".two.outgoing", ".three.staging"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    clear_leftovers(tmp_path)
    assert {entry.name: (entry / "file").read_text() for entry in tmp_path.iterdir()} == {
        "one": ".one.outgoing",
        "two": "two",
    }


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


def test_a_lock_is_waited_for_until_the_timeout(tmp_path: Path) -> None:
    held = ExitStack()
    held.enter_context(lock(tmp_path / "index", "building"))
    with pytest.raises(Busy), lock(tmp_path / "index", "trying", timeout=0):
        pass
    Timer(0.3, held.close).start()
    with lock(tmp_path / "index", "trying", timeout=60):
        pass


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    target = workspace.catalogue("goods")
    with staged_folder(target) as staging:
        (staging / "catalogue.json").write_text("old")
    target.rename(target.with_name(".goods.outgoing"))  # the state after a kill at that moment
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


def test_a_kill_and_then_an_empty_folder_lose_nothing(tmp_path: Path) -> None:
    target = tmp_path / "done"
    with staged_folder(target) as staging:
        (staging / "file").write_text("old")
    target.rename(tmp_path / ".done.outgoing")  # the state after a kill between the two renames
    target.mkdir()
    with pytest.raises(RuntimeError), staged_folder(target):
        raise RuntimeError
    assert (target / "file").read_text() == "old"


def test_a_folder_stays_where_it_is_while_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, renamed, real = tmp_path / "done", [], Path.rename
    with staged_folder(target) as staging:
        (staging / "file").write_text("old")

    def note(self: Path, other: Path) -> Path:
        renamed.append(self.name)
        return real(self, other)

    monkeypatch.setattr(Path, "rename", note)
    with pytest.raises(RuntimeError), staged_folder(target):
        raise RuntimeError
    assert renamed == []
    with staged_folder(target):
        pass
    assert renamed == ["done", ".done.staging"]


def test_a_reader_does_not_disturb_a_writer_between_its_two_renames(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, found, real = workspace.catalogue("goods"), [], Path.rename
    with staged_folder(target) as staging:
        (staging / "catalogue.json").write_text("old")

    def read() -> None:
        found.extend([workspace.catalogues(), (workspace.existing_catalogue("goods") / "catalogue.json").read_text()])

    reader = Thread(target=read)

    def read_between(self: Path, other: Path) -> Path:
        if self.name == ".goods.staging":
            reader.start()
            reader.join(0.2)
        return real(self, other)

    monkeypatch.setattr(Path, "rename", read_between)
    with lock(target, "prepare"), staged_folder(target) as staging:
        (staging / "catalogue.json").write_text("new")
    reader.join()
    assert found == [["goods"], "new"]


def test_the_catalogues_that_killed_writers_left_are_listed(workspace: Workspace) -> None:
    for name in ("goods", "dotted.outgoing"):
        with staged_folder(workspace.catalogue(name)) as staging:
            (staging / "catalogue.json").write_text("{}")
    workspace.catalogue("goods").rename(workspace.catalogue("goods").with_name(".goods.outgoing"))
    assert workspace.catalogues() == ["dotted.outgoing", "goods"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path, exists: bool) -> None:
    target, folder, file = tmp_path / "elsewhere", tmp_path / "workspace" / "pegs", tmp_path / "workspace" / "out.csv"
    folder.parent.mkdir()
    if exists:
        target.mkdir()
        (target / "file").write_text("old")
    folder.symlink_to(target)
    file.symlink_to(target / "file")
    for text in ("one", "two"):
        with staged_folder(folder) as staging:
            (staging / "file").write_text(text)
        write_bytes(file, text.encode())
        assert ((folder / "file").read_text(), file.read_text()) == (text, text)
    assert not any(entry.is_symlink() for entry in folder.parent.iterdir())
    assert sorted(entry.name for entry in folder.parent.iterdir()) == ["out.csv", "pegs"]
    assert [entry.read_text() for entry in target.glob("*")] == ["old"] * exists


def test_a_link_is_still_there_after_work_that_fails_or_a_kill(tmp_path: Path) -> None:
    target, folder = tmp_path / "elsewhere", tmp_path / "pegs"
    target.mkdir()
    folder.symlink_to(target)
    with pytest.raises(RuntimeError), staged_folder(folder):
        raise RuntimeError
    assert folder.readlink() == target
    folder.rename(tmp_path / ".pegs.outgoing")  # the state after a kill between the two renames
    folder.mkdir()
    with pytest.raises(RuntimeError), staged_folder(folder):
        raise RuntimeError
    assert folder.readlink() == target
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["elsewhere", "pegs"]


def test_the_link_that_an_earlier_version_left_is_no_obstacle(tmp_path: Path) -> None:
    folder, left = tmp_path / "pegs", tmp_path / ".pegs.outgoing"
    with staged_folder(folder):
        pass
    left.symlink_to(tmp_path / "elsewhere")
    with staged_folder(folder):
        pass
    assert not left.is_symlink()


def test_a_file_in_the_place_of_a_folder_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "done").write_text("mine")
    with pytest.raises(NotWritable, match="a file stands where a folder should be"), staged_folder(tmp_path / "done"):
        raise AssertionError("the work began")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("done", "mine")]


def test_checking_a_lock_does_not_take_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not is_locked(folder)
    with lock(folder, "holding"):
        assert is_locked(folder)
    assert not is_locked(folder)
