"""A run as a job: it outlives who started it, waits its turn, and is stopped, resumed and deleted from outside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from shelftalk import pipeline
from shelftalk.catalogue.prepare import prepare
from shelftalk.errors import Busy, Damaged, Failure, InvalidName, NotFound, UserError
from shelftalk.locks import hand_over, is_locked, lock_file, lock_holder
from shelftalk.settings import DecodingSettings, PrepareSettings
from shelftalk.training import jobs
from shelftalk.training.run import Run
from shelftalk.training.state import read_newest_metrics, read_state, read_status
from shelftalk.workspace import Workspace, faults, lock
from tests.conftest import TINY_SETTINGS, write_catalogue_file

LONG = TINY_SETTINGS.replace({"epochs": 12, "checkpoint_every": 30})

START = """
import sys
from tests.training.test_jobs import LONG
from shelftalk import pipeline
from shelftalk.workspace import Workspace
pipeline.train_detached(Workspace(sys.argv[1]), "pegs", sys.argv[2], LONG)
"""

TAKE_A_TURN = """
import sys
from pathlib import Path
from shelftalk.training.queue import turn
from shelftalk.workspace import Workspace
with turn(Workspace(Path(sys.argv[1])), "cpu", sys.argv[2], lambda line: print(line, flush=True)):
    print("my turn", flush=True)
    sys.stdin.read()
"""


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start_and_leave(workspace: Workspace, name: str) -> Run:
    """Start a detached training from a process that has ended when this returns."""
    here = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", START, str(workspace.root), name], check=True, cwd=here)
    return Run.open(workspace, name)


def end(run: Run) -> None:
    """Kill whoever holds the run: no test leaves a process behind."""
    holder = lock_holder(run.folder)
    if holder:
        os.kill(holder, signal.SIGKILL)
        wait_until(lambda: not is_locked(run.folder))


@pytest.fixture
def pegs(workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    settings = PrepareSettings(test_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", settings)
    yield workspace
    for name in workspace.runs():
        end(Run(name, workspace.run(name), workspace, {}))


@pytest.fixture
def take_a_turn(workspace: Workspace) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TAKE_A_TURN, str(workspace.root), name]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_detached_run_is_stopped_killed_and_resumed_and_ends_the_same(pegs: Workspace) -> None:
    whole = pipeline.train_run(pegs, "pegs", "whole", LONG)
    run = start_and_leave(pegs, "apart")
    holder = lock_holder(run.folder)
    assert holder is not None
    assert os.getsid(holder) == holder != os.getpid()
    assert read_status(run.folder, run.finished) == "queued"
    with pytest.raises(Busy, match=rf"apart is in use by process {holder} \(training\)"):
        pipeline.train_run(pegs, "pegs", "apart", LONG)

    wait_until(lambda: read_newest_metrics(run.folder))
    jobs.stop_run(run)
    state = read_state(run.folder)
    assert (state["status"], state["process_id"], state["error"]) == ("stopped", holder, None)
    assert (run.checkpoints / f"step-{state['step']:08d}").is_dir()
    with pytest.raises(UserError, match="'apart' is not running: it is stopped"):
        jobs.stop_run(run)

    jobs.resume_detached(run)
    wait_until(lambda: read_newest_metrics(run.folder)["step"] > state["step"] + 3)
    end(run)
    assert read_state(run.folder)["status"] == "running"
    assert jobs.describe_run(run)["status"] == "interrupted"

    jobs.resume_detached(run)
    wait_until(lambda: jobs.describe_run(run)["status"] not in ("queued", "running"))
    assert jobs.describe_run(run)["status"] == "finished"
    assert "Going on from update" in (run.folder / jobs.LOG).read_text()
    for file in ("metrics.jsonl", "adapter/adapter_model.safetensors"):
        assert (run.folder / file).read_bytes() == (whole.folder / file).read_bytes()
    jobs.resume_detached(run)  # nothing is left to do
    assert not is_locked(run.folder)


def test_a_run_stopped_in_its_first_moment_is_stopped(pegs: Workspace) -> None:
    run = start_and_leave(pegs, "early")
    jobs.stop_run(run)
    assert jobs.describe_run(run)["status"] == "stopped"


def test_who_waits_is_queued_and_says_for_whom(pegs: Workspace, take_a_turn) -> None:
    first = take_a_turn("first")
    assert heard(first) == "my turn"
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        run = Run.open(pegs, "second")
        assert jobs.describe_run(run)["status"] == read_state(run.folder)["status"] == "queued"
        first.communicate("")

    run = pipeline.train_run(pegs, "pegs", "second", TINY_SETTINGS.replace({"epochs": 1}), say=say)
    assert run.finished
    assert said == [f"Waiting for run first, process {first.pid} (training), on cpu."]


def test_a_turn_comes_in_order_of_arrival_and_the_killed_block_nobody(take_a_turn) -> None:
    first = take_a_turn("first")
    assert heard(first) == "my turn"
    second = take_a_turn("second")
    assert f"run first, process {first.pid} (training), on cpu." in heard(second)
    third = take_a_turn("third")
    assert "run first" in (line := heard(third))
    assert "1 more before this one" in line
    fourth = take_a_turn("fourth")
    assert "2 more before this one" in heard(fourth)

    second.kill()  # one that waits
    assert heard(third).endswith("on cpu.")
    first.kill()  # the one whose turn it is
    assert heard(third) == "my turn"
    while "run third" not in heard(fourth):  # the queue may have changed once or twice between two looks at it
        assert fourth.poll() is None
    third.communicate("")
    assert heard(fourth) == "my turn"


def test_a_training_that_fails_says_why(pegs: Workspace, tmp_path: Path) -> None:
    run = pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS.replace({"epochs": 1}))
    (run.adapter / "manifest.json").unlink()
    prepare(write_catalogue_file(tmp_path / "more.jsonl", 40), pegs.catalogue("pegs"), PrepareSettings())
    with pytest.raises(Damaged) as failure:
        pipeline.resume_run(run)
    state = read_state(run.folder)
    assert (state["status"], state["error"]) == ("failed", str(failure.value))
    assert "\n" not in state["error"]
    assert jobs.describe_run(run)["status"] == "failed"


def test_out_of_nowhere_errors_are_one_line_too(pegs: Workspace) -> None:
    def fail(done: int, total: int) -> None:
        raise ZeroDivisionError("by design\nsecond line")

    with pytest.raises(ZeroDivisionError):
        pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS, progress=fail)
    assert read_state(pegs.run("one"))["error"] == "ZeroDivisionError: by design second line"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A living process that has nothing to do with any run."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_a_reused_process_id_holds_nothing(tiny_run: Run, stranger: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """What a killed holder leaves, its id given to another process since."""
    folder = tmp_path / "run"
    folder.mkdir()
    lock_file(folder).write_text(f"process {stranger.pid} (training)")
    run = Run("run", folder, tiny_run.workspace, tiny_run.description)
    assert not is_locked(folder)
    assert lock_holder(folder) is None
    with pytest.raises(UserError, match="not running"):
        jobs.stop_run(run)
    with lock(folder, "training"):
        assert lock_holder(folder) == os.getpid()
    assert stranger.poll() is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see who has a file open")
def test_only_the_true_holder_is_signalled(
    tiny_run: Run, stranger: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOOK", 0.01)
    run = Run("run", tmp_path / "run", tiny_run.workspace, tiny_run.description)
    with lock(run.folder, "training") as descriptor:
        hand_over(descriptor, stranger.pid, "training")  # which it was not
        with pytest.raises(Failure, match="cannot be seen from here"):
            jobs.stop_run(run)
    assert stranger.poll() is None


def test_a_lock_that_was_handed_over_ends_with_its_new_holder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with lock(folder, "starting") as descriptor:
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(descriptor,))
        hand_over(descriptor, child.pid, "training")
    assert lock_holder(folder) == child.pid
    with pytest.raises(Busy, match=rf"process {child.pid} \(training\)"), lock(folder, "trying"):
        pass
    child.kill()
    child.communicate()
    assert not is_locked(folder)


def test_a_run_is_deleted_whole_or_not_at_all(pegs: Workspace) -> None:
    run = pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS.replace({"epochs": 1}))
    with lock(run.folder, "training"), pytest.raises(Busy, match=f"process {os.getpid()}"):
        jobs.delete_run(pegs, "one")
    assert run.finished
    jobs.delete_run(pegs, "one")
    assert not run.folder.exists()
    assert [entry.name for entry in run.folder.parent.iterdir() if entry.is_dir()] == []
    with pytest.raises(NotFound):
        jobs.delete_run(pegs, "one")
    assert pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS.replace({"epochs": 1})).finished


def test_a_damaged_run_can_be_deleted(workspace: Workspace) -> None:
    workspace.run("bad").mkdir(parents=True)
    (workspace.run("bad") / "run.json").write_text("{")
    jobs.delete_run(workspace, "bad")
    assert workspace.runs() == []


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Workspace:
    """A workspace of its own with the finished run `pegs`."""
    shutil.copytree(tiny_run.workspace.root, tmp_path / "copied")
    return Workspace(tmp_path / "copied")


def test_a_renamed_run_answers_and_nothing_in_it_has_changed(copied: Workspace, tmp_path: Path) -> None:
    run = Run.open(copied, "pegs")
    (tmp_path / "titles.csv").write_text("title\nOak peg 3 cm\n")
    settings = DecodingSettings(max_new_tokens=4, temperature=0)
    job = (tmp_path / "titles.csv", tmp_path / "out.csv", settings)
    pipeline.write_catalogue(run, *job)
    before = {path.relative_to(run.folder): path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    vectors = (run.index / "vectors.parquet").stat().st_mtime_ns
    opened = pipeline.open_index(run)

    renamed = pipeline.rename_run(copied, "pegs", "oak-2")
    assert (renamed.name, copied.runs()) == ("oak-2", ["oak-2"])
    after = {
        path.relative_to(renamed.folder): path.read_bytes() for path in renamed.folder.rglob("*") if path.is_file()
    }
    assert after == before
    assert faults(renamed.adapter) == []
    assert opened.search("Oak peg", 3) == pipeline.open_index(renamed).search("Oak peg", 3)
    assert (renamed.index / "vectors.parquet").stat().st_mtime_ns == vectors  # nothing was built again
    assert pipeline.ask(renamed, "Oak peg 3 cm", settings).references
    assert pipeline.write_catalogue(renamed, *job)["before"] == 1  # its own output is known
    assert jobs.describe_run(renamed)["status"] == "finished"
    with pytest.raises(NotFound, match="there are: oak-2"):
        pipeline.rename_run(copied, "pegs", "elsewhere")


def test_a_name_that_is_taken_or_no_name_is_refused(copied: Workspace) -> None:
    copied.run("other").mkdir()
    with pytest.raises(UserError, match="'other' is taken"):
        jobs.rename_run(copied, "pegs", "other")
    with pytest.raises(InvalidName):
        jobs.rename_run(copied, "pegs", "../pegs")
    assert jobs.rename_run(copied, "pegs", "pegs").name == "pegs"
    assert copied.runs() == ["pegs"]


@pytest.mark.parametrize("part", ["", "index", "gguf/0123abcd", "../other"])
def test_a_run_at_work_keeps_its_name(copied: Workspace, part: str) -> None:
    (copied.run("pegs") / part).parent.mkdir(exist_ok=True)
    with lock(Path(os.path.normpath(copied.run("pegs") / part)), "working"), pytest.raises(Busy, match="in use by"):
        jobs.rename_run(copied, "pegs", "other")
    assert jobs.rename_run(copied, "pegs", "other").name == "other"


@pytest.mark.parametrize("moment", ["rename", "fsync_folder"])
def test_a_rename_that_is_cut_off_leaves_one_name(
    copied: Workspace, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path if moment == "rename" else jobs, moment, kill)
    with pytest.raises(KeyboardInterrupt):
        jobs.rename_run(copied, "pegs", "other")
    (name,) = copied.runs()
    assert name == ("pegs" if moment == "rename" else "other")
    assert faults(Run.open(copied, name).adapter) == []


def test_watching_loads_no_model() -> None:
    program = "import sys, shelftalk.training.jobs; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_has_a_name_of_its_own() -> None:
    assert torch.cuda.get_device_name() in jobs.device_name()
    assert jobs.device_name() != torch.cuda.get_device_name()
