"""A training that is killed, has damaged checkpoints or a full disk ends with the same bytes.

Every attempt is a process of its own, see tests/forks.py.
"""

from __future__ import annotations

import ctypes
import gc
import io
import itertools
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cli.main import run as run_command
from shelftalk.runs.run import Run
from shelftalk.training.checkpoints import newest_checkpoint, save_checkpoint
from shelftalk.training.train import fingerprint
from shelftalk.workspace import MANIFEST, Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.forks import call
from tests.training.test_checkpoints import FILES, contents, corrupt, small_training

pytestmark = pytest.mark.kill

Act = Callable[[int], None]


def before_each_file_operation(folder: Path, act: Act) -> None:
    """Call `act` with a running number before each file operation under `folder`, and in the middle of each write."""
    numbers = itertools.count(1)
    changes_of_names = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in changes_of_names or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if changes and (
            str(arguments[0]).startswith(str(folder)) or (event in changes_of_names and arguments[-1] != -1)
        ):
            act(next(numbers))

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        act(next(numbers))
        real(descriptor)

    plain_open = io.open

    def open_with_hook(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        handle: Any = plain_open(file, mode, *arguments, **options)
        if str(file).startswith(str(folder)) and mode != "r" and mode != "rb":
            handle.write = split_write(handle)
        return handle

    def split_write(handle: Any) -> Callable[[bytes], int]:
        write = handle.write

        def write_in_two(data: bytes) -> int:
            write(data[: len(data) // 2])
            handle.flush()
            act(next(numbers))
            return len(data) // 2 + int(write(data[len(data) // 2 :]))

        return write_in_two

    sys.addaudithook(watch)  # cannot be removed again, but this process ends after its attempt
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "fsync", fsync)
    patch.setattr(io, "open", open_with_hook)


def train(root: Path, name: str, die_at: int | None = None) -> None:
    """Train run `name` and write its report, or be killed before the file operation `die_at`."""
    done = 0

    def count_or_die(number: int) -> None:
        nonlocal done
        done = number
        if number == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    gc.freeze()  # imported modules are never garbage; scanning them would cost each fork half a second
    workspace = Workspace(root)
    before_each_file_operation(workspace.run(name), count_or_die)
    heard: list[str] = []
    pipeline.train_run(workspace, "pegs", name, TINY_SETTINGS, say=heard.append)
    (root / f"{name}.json").write_text(json.dumps({"heard": heard, "operations": done}))


def results(run: Path) -> tuple[bytes, bytes]:
    """Return the bytes that must not depend on faults: the adapter's weights and the metrics."""
    return (run / "adapter" / "adapter_model.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes()


def read_report(workspace: Workspace, name: str) -> dict[str, Any]:
    """Return the report of a training: its messages ("heard") and its number of file operations ("operations")."""
    record: dict[str, Any] = json.loads((workspace.root / f"{name}.json").read_text())
    return record


@pytest.fixture(scope="module")
def pegs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a run called whole, which nothing interrupted."""
    root = tmp_path_factory.mktemp("faults")
    workspace = Workspace(root / "workspace")
    source = write_catalogue_file(root / "pegs.jsonl")
    pipeline.prepare_catalogue(workspace, source, "pegs", PrepareSettings(test_share=0.2))
    assert call(train, workspace.root, "whole") == 0
    return workspace


def kill_repeatedly(workspace: Workspace, name: str, kills: int) -> None:
    """Kill a training `kills` times and let it finish.

    The state after a kill depends on the file operations done before it, so the moment of a kill is one of those. More
    than half of them belong to the saving of a checkpoint.
    """
    moments, operations = random.Random(name), read_report(workspace, "whole")["operations"]
    run, last_step = workspace.run(name), newest_step(workspace.run("whole"))
    for _ in range(kills):
        left = int(0.9 * operations * (1 - newest_step(run) / last_step))
        moment = moments.randint(1, max(10, left))
        assert call(train, workspace.root, name, moment) == -signal.SIGKILL
    assert call(train, workspace.root, name) == 0
    assert results(run) == results(workspace.run("whole"))
    assert [one.name for one in run.rglob(".*")] == []


def newest_step(run: Path) -> int:
    return max((int(one.name[5:]) for one in run.glob("checkpoints/step-*")), default=0)


@pytest.mark.parametrize(("number", "kills"), list(enumerate([5, 3, 2])))
def test_killed_at_ten_moments_it_ends_the_same(pegs: Workspace, number: int, kills: int) -> None:
    kill_repeatedly(pegs, f"killed-{number}", kills)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(40))
def test_killed_at_two_hundred_moments_it_ends_the_same(pegs: Workspace, number: int) -> None:
    kill_repeatedly(pegs, f"killed-long-{number}", 5)


def copy_unfinished(workspace: Workspace, name: str) -> tuple[Path, Path]:
    """Copy the run named whole without its adapter; return its older and its newest checkpoint."""
    run = workspace.run(name)
    shutil.copytree(workspace.run("whole"), run, ignore=shutil.ignore_patterns("adapter"))
    older, newest = sorted((run / "checkpoints").iterdir())
    return older, newest


SPOILT = list(itertools.product([*FILES, MANIFEST], ["truncate", "flip", "delete", "empty"]))
EACH_FILE_ONCE = SPOILT[::5]


@pytest.mark.parametrize(
    ("file", "how"), [pytest.param(*one, marks=[] if one in EACH_FILE_ONCE else pytest.mark.slow) for one in SPOILT]
)
def test_a_spoilt_file_costs_one_checkpoint_and_nothing_else(pegs: Workspace, file: str, how: str) -> None:
    """The short form spoils each file in one way; test_checkpoints.py looks at each in every way."""
    name = f"spoilt-{how}-{file.replace('_', '-')}"
    older, newest = copy_unfinished(pegs, name)
    corrupt(newest / file, how)
    assert call(train, pegs.root, name) == 0
    skipped, going_on = read_report(pegs, name)["heard"]
    assert newest.name in skipped
    assert file in skipped
    assert going_on == f"Going on from update {int(older.name[5:])}."
    assert results(pegs.run(name)) == results(pegs.run("whole"))


def test_without_a_good_checkpoint_it_starts_again_and_says_so(pegs: Workspace) -> None:
    older, newest = copy_unfinished(pegs, "both-damaged")
    corrupt(older / "random.safetensors", "flip")
    corrupt(newest / MANIFEST, "empty")
    assert call(train, pegs.root, "both-damaged") == 0
    heard = read_report(pegs, "both-damaged")["heard"]
    assert [newest.name in heard[0], older.name in heard[1]] == [True, True]
    assert heard[2:] == ["No checkpoint is left: training starts again at update 0."]
    assert results(pegs.run("both-damaged")) == results(pegs.run("whole"))


def save_old_and_new(folder: Path, steps: tuple[int, int], die_at: int) -> None:
    """Save a checkpoint, go on, and save another one; end without a word before its file operation `die_at`."""

    def die(number: int) -> None:
        if number == die_at:
            os._exit(9)

    training = small_training()
    save_checkpoint(folder, steps[0], *training.at(steps[0]), "data")
    torch.rand(1)  # changes the random state, so that even a checkpoint of the same step has other bytes
    before_each_file_operation(folder, die)
    save_checkpoint(folder, steps[1], *training.at(steps[1]), "data")


def save_until_it_is_whole(folder: Path, steps: tuple[int, int]) -> None:
    """Save in one process after another, each ended one file operation later, until one comes to its end."""
    for number in itertools.count(1):
        process = os.fork()
        if not process:
            try:
                save_old_and_new(folder / str(number), steps, number)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(process, 0)
        if status == 0:
            return
        assert os.waitstatus_to_exitcode(status) == 9


@pytest.mark.parametrize("steps", [(1, 2), (2, 2)], ids=["beside-the-old", "in-place-of-the-old"])
def test_a_save_that_ends_anywhere_leaves_the_old_or_the_new(tmp_path: Path, steps: tuple[int, int]) -> None:
    assert call(save_until_it_is_whole, tmp_path, steps) == 0
    *ended, whole = sorted(tmp_path.iterdir(), key=lambda one: int(one.name))
    training = small_training()
    old = contents(save_checkpoint(tmp_path / "old", steps[0], *training.at(steps[0]), "data"))
    new = contents(whole / f"step-{steps[1]:08d}")
    found = []
    for folder in ended:
        checkpoint, skipped = newest_checkpoint(folder, "data")
        assert checkpoint is not None
        assert skipped == []
        found.append(contents(checkpoint))
        newer = save_checkpoint(folder, 3, *training.at(3), "data")
        assert newest_checkpoint(folder, "data") == (newer, [])
        assert sorted(one.name for one in folder.iterdir()) == [checkpoint.name, newer.name]
    changes = [one == new for one in found]
    assert all(one in (old, new) for one in found)
    assert changes == sorted(changes)  # the old one until some operation, the new one from then on
    assert {True, False} == set(changes)
    assert len(found) > 20


NO_MOUNT = 77


def mount_a_small_disk(folder: Path) -> bool:
    """Mount four megabytes at `folder`, for this process only, and say whether this machine allowed it."""
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None)
    new_user, new_mounts, private, recursive = 0x10000000, 0x00020000, 1 << 18, 1 << 14
    if not hasattr(library, "unshare") or library.unshare(new_user | new_mounts):
        return False
    for file, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path("/proc/self", file).write_text(line)
    library.mount(b"none", b"/", None, private | recursive, None)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]).returncode == 0


def train_on_a_full_disk(disk: Path, after: Path, data_hash: str) -> None:
    """Train there until the disk is full, and again with room; put the run and what was found beside `after`."""
    os.dup2(os.open(after.with_name("errors"), os.O_WRONLY | os.O_CREAT), 2)
    if not mount_a_small_disk(disk):
        sys.exit(NO_MOUNT)
    workspace = Workspace(disk / "workspace")
    source = write_catalogue_file(disk / "pegs.jsonl")
    pipeline.prepare_catalogue(workspace, source, "pegs", PrepareSettings(test_share=0.2))

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        pipeline.train_run(workspace, "pegs", "full", TINY_SETTINGS, progress=stop)
    folder = workspace.run("full")
    (checkpoint,) = (folder / "checkpoints").iterdir()
    size = sum(one.stat().st_size for one in checkpoint.iterdir())
    (disk / "hog").write_bytes(bytes(shutil.disk_usage(disk).free - size // 2))
    settings = {name: "all" if value is None else value for name, value in TINY_SETTINGS.as_mapping().items()}
    command = ["train", "pegs", "--run", "full", "--workspace", str(workspace.root)]
    command += [f"--set={name}={value}" for name, value in settings.items()]
    codes = [run_command(command)]
    left = sorted(one.name for one in (folder / "checkpoints").iterdir())
    newest = newest_checkpoint(folder / "checkpoints", data_hash)
    (disk / "hog").unlink()
    codes.append(run_command(command))
    shutil.copytree(folder, after)
    after.with_name("found.json").write_text(json.dumps([codes, left, newest[0] == checkpoint, newest[1]]))


def test_a_full_disk_is_one_line_and_the_run_goes_on(pegs: Workspace, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    ended = call(train_on_a_full_disk, disk, tmp_path / "after", fingerprint(Run.open(pegs, "whole")))
    errors = (tmp_path / "errors").read_text()
    if ended == NO_MOUNT:
        pytest.skip("this machine lets nobody mount a small disk")
    assert ended == 0, errors
    codes, left, loads, skipped = json.loads((tmp_path / "found.json").read_text())
    assert codes == [1, 0]
    assert left == ["step-00000002"]
    assert loads
    assert skipped == []
    (line,) = [one for one in errors.splitlines() if one.startswith("Error")]
    assert f"Cannot write {disk}/workspace/runs/full/checkpoints/step-00000004" in line
    assert "the disk is full and this takes " in line
    assert "Traceback" not in errors
    assert results(tmp_path / "after") == results(pegs.run("whole"))


class PickleUsed(BaseException):
    """Raised on any attempt to read or write a pickle; no handler catches it by accident."""


def train_without_pickle(root: Path, name: str) -> None:
    """Train a run in two parts, in a process that cannot read or write pickles."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise PickleUsed

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class":
            refuse()

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise RuntimeError

    sys.addaudithook(watch)
    for used in ("load", "loads", "dump", "dumps", "Pickler", "Unpickler"):
        setattr(pickle, used, refuse)
    torch.save = torch.load = refuse
    with pytest.raises(RuntimeError):
        pipeline.train_run(Workspace(root), "pegs", name, TINY_SETTINGS, progress=stop)
    pipeline.train_run(Workspace(root), "pegs", name, TINY_SETTINGS)


def test_no_pickle_is_written_or_read(pegs: Workspace) -> None:
    assert call(train_without_pickle, pegs.root, "plain") == 0
    assert results(pegs.run("plain")) == results(pegs.run("whole"))
    files = [one for one in pegs.run("plain").rglob("*") if one.is_file()]
    assert {one.suffix for one in files} == {".jinja", ".json", ".jsonl", ".md", ".safetensors"}
    for file in files:
        assert not file.read_bytes().startswith((b"\x80", b"PK"))  # a pickle, a zip of pickles
