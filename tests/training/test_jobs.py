"""A training as a job outlives its parent process, waits in a queue, and is stopped and resumed by other processes."""

from __future__ import annotations

import os
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
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Busy, Damaged, Failure, UserError
from shelftalk.locks import is_locked, lock_file, lock_holder, write_holder
from shelftalk.runs.describe import describe_run
from shelftalk.runs.metrics import read_newest_metrics
from shelftalk.runs.run import LOG, Run
from shelftalk.runs.state import read_state, read_status
from shelftalk.training import jobs
from shelftalk.training.state import RunState
from shelftalk.workspace import Workspace, lock
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.forks import Command, call

LONG = TINY_SETTINGS.replace({"epochs": 12, "checkpoint_every": 30})

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


def train_detached(root: Path, name: str) -> None:
    pipeline.train_detached(Workspace(root), "pegs", name, LONG)


def start_and_leave(workspace: Workspace, name: str) -> Run:
    """Start a detached training from a process that has ended when this returns."""
    assert call(train_detached, workspace.root, name) == 0
    return Run.open(workspace, name)


def end(run: Run) -> None:
    """Kill the process that holds the run, so that no test leaves a process behind."""
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
def start_queued(workspace: Workspace) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
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


@pytest.mark.kill
def test_a_detached_run_is_stopped_killed_and_resumed_and_ends_the_same(pegs: Workspace, tmp_path: Path) -> None:
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

    resumed = Command(["runs", "resume", run.name, "--workspace", pegs.root], tmp_path)
    wait_until(lambda: read_newest_metrics(run.folder)["step"] > state["step"] + 3)
    end(run)
    assert resumed.wait() == -signal.SIGKILL
    assert read_state(run.folder)["status"] == "running"
    assert describe_run(run)["status"] == "interrupted"

    jobs.resume_detached(run)
    wait_until(lambda: describe_run(run)["status"] not in ("queued", "running"))
    assert describe_run(run)["status"] == "finished"
    assert "Going on from update" in (run.folder / LOG).read_text()
    for file in ("metrics.jsonl", "adapter/adapter_model.safetensors"):
        assert (run.folder / file).read_bytes() == (whole.folder / file).read_bytes()
    jobs.resume_detached(run)  # already finished
    assert not is_locked(run.folder)


@pytest.mark.kill
def test_a_run_stopped_in_its_first_moment_is_stopped(pegs: Workspace) -> None:
    run = start_and_leave(pegs, "early")
    jobs.stop_run(run)
    assert describe_run(run)["status"] == "stopped"


def test_a_waiting_run_is_queued_and_names_the_run_ahead(pegs: Workspace, start_queued) -> None:
    first = start_queued("first")
    assert heard(first) == "my turn"
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        run = Run.open(pegs, "second")
        assert describe_run(run)["status"] == read_state(run.folder)["status"] == "queued"
        first.communicate("")

    run = pipeline.train_run(pegs, "pegs", "second", TINY_SETTINGS.replace({"epochs": 1}), say=say)
    assert run.finished
    assert said == [f"Waiting for run first, process {first.pid} (training), on cpu."]


def test_the_queue_is_in_order_of_arrival_and_killed_runs_leave_it(start_queued) -> None:
    first = start_queued("first")
    assert heard(first) == "my turn"
    second = start_queued("second")
    assert f"run first, process {first.pid} (training), on cpu." in heard(second)
    third = start_queued("third")
    assert "run first" in (line := heard(third))
    assert "1 more before this one" in line
    fourth = start_queued("fourth")
    assert "2 more before this one" in heard(fourth)

    second.kill()  # is waiting
    assert heard(third).endswith("on cpu.")
    first.kill()  # is training
    assert heard(third) == "my turn"
    while "run third" not in heard(fourth):  # the queue may change several times between two polls
        assert fourth.poll() is None
    third.communicate("")
    assert heard(fourth) == "my turn"


def test_a_training_that_fails_says_why(pegs: Workspace, tmp_path: Path) -> None:
    run = pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS.replace({"epochs": 1}))
    (run.adapter / "manifest.json").unlink()
    prepare(write_catalogue_file(tmp_path / "more.jsonl", 40), pegs.catalogue("pegs"), PrepareSettings())
    with pytest.raises(Damaged) as failure:
        jobs.resume_run(run)
    state = read_state(run.folder)
    assert (state["status"], state["error"]) == ("failed", str(failure.value))
    assert "\n" not in state["error"]
    assert describe_run(run)["status"] == "failed"


def test_unexpected_errors_are_one_line_too(pegs: Workspace) -> None:
    def fail(done: int, total: int) -> None:
        raise ZeroDivisionError("by design\nsecond line")

    with pytest.raises(ZeroDivisionError):
        pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS, progress=fail)
    assert read_state(pegs.run("one"))["error"] == "ZeroDivisionError: by design second line"


@pytest.fixture
def unrelated_process() -> Iterator[subprocess.Popen[bytes]]:
    """A running process that is unrelated to any run."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_a_reused_process_id_holds_nothing(
    tiny_run: Run, unrelated_process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """A killed holder leaves its process id in the lock file; the system has reused that id since."""
    folder = tmp_path / "run"
    folder.mkdir()
    lock_file(folder).write_text(f"process {unrelated_process.pid} (training)")
    run = Run("run", folder, tiny_run.workspace, tiny_run.description)
    assert not is_locked(folder)
    assert lock_holder(folder) is None
    with pytest.raises(UserError, match="not running"):
        jobs.stop_run(run)
    with lock(folder, "training"):
        assert lock_holder(folder) == os.getpid()
    assert unrelated_process.poll() is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see who has a file open")
def test_only_the_true_holder_is_signalled(
    tiny_run: Run, unrelated_process: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    run = Run("run", tmp_path / "run", tiny_run.workspace, tiny_run.description)
    with lock(run.folder, "training") as descriptor:
        write_holder(descriptor, unrelated_process.pid, "training")  # but that process does not have the lock
        with pytest.raises(Failure, match="cannot be seen from here"):
            jobs.stop_run(run)
    assert unrelated_process.poll() is None


def test_a_lock_that_was_handed_over_ends_with_its_new_holder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with lock(folder, "starting") as descriptor:
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(descriptor,))
        write_holder(descriptor, child.pid, "training")
    assert lock_holder(folder) == child.pid
    with pytest.raises(Busy, match=rf"process {child.pid} \(training\)"), lock(folder, "trying"):
        pass
    child.kill()
    child.communicate()
    assert not is_locked(folder)


def test_starting_and_stopping_loads_no_model() -> None:
    program = "import sys, shelftalk.training.jobs; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_has_a_name_of_its_own() -> None:
    assert torch.cuda.get_device_name() in jobs.device_name()
    assert jobs.device_name() != torch.cuda.get_device_name()


def test_a_training_records_its_seconds_memory_and_machine_over_all_its_processes(
    tiny_run: Run, tmp_path: Path
) -> None:
    whole = read_state(tiny_run.folder)
    assert whole["seconds"] > 0
    assert whole["peak_memory"] > 2**20
    assert whole["machine"]["cores"] == os.cpu_count()
    seconds = []
    for _ in range(2):  # the second process goes on where the first one was stopped
        with RunState(tmp_path) as state, jobs.recorded_outcome(state):
            time.sleep(0.1)  # waiting for its turn
            with jobs.measured(state):
                time.sleep(0.2)
        seconds.append(read_state(tmp_path)["seconds"])
    assert 0.2 <= seconds[0] < seconds[1]
    assert seconds[1] >= seconds[0] + 0.2
