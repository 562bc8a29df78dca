"""Training on a cluster makes the adapter that one process makes, even if a process is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cluster.connect import connected
from shelftalk.errors import Failure, InvalidSettings, TooFewProducts
from shelftalk.runs.describe import describe_run
from shelftalk.runs.run import Run
from shelftalk.runs.state import read_state
from shelftalk.workspace import Workspace
from tests.cluster import calls
from tests.cluster.conftest import TwoNodes
from tests.cluster.train import CATALOGUE, SETTINGS
from tests.conftest import ROOT, write_catalogue_file

STEPS = 63


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that one process trained without Ray, in a workspace for more runs with the same settings."""
    root = tmp_path_factory.mktemp("together")
    workspace, settings = Workspace(root / "workspace"), PrepareSettings(test_share=0.2, validation_share=0.1)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl", 31), CATALOGUE, settings)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = pipeline.train_run(workspace, CATALOGUE, "local", SETTINGS)
    finally:
        torch.set_num_threads(before)
    assert read_state(run.folder)["steps"] == STEPS
    return run


def weights(run: Run) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


def require_same(run: Run, local: Run) -> None:
    """Check that a run has the same weights as `local` to the byte, and made each update once."""
    assert describe_run(run)["status"] == "finished"
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, STEPS + 1))
    assert (run.folder / "metrics.jsonl").read_bytes() == (local.folder / "metrics.jsonl").read_bytes()
    assert weights(run) == weights(local)


def train_and_kill(local: Run, address: str, name: str, kill_later: Callable[[str, float], None], victim: str) -> Run:
    """Train with one worker, and kill a process at a random moment after the first updates."""
    moment = random.Random(name)
    # Early, since news of updates comes late: those that are left take longer than that, on any machine.
    step, struck = moment.randrange(1, STEPS // 3), False

    def watch(done: int, total: int) -> None:
        nonlocal struck
        if done >= step and not struck:
            struck = True
            kill_later(victim, moment.uniform(0, 0.3))

    run = pipeline.train_run(local.workspace, CATALOGUE, name, SETTINGS, progress=watch, cluster=address, workers=1)
    assert struck
    return run


def test_a_worker_dies_and_the_adapter_is_the_same(
    local: Run, two_nodes: TwoNodes, kill_later: Callable[[str, float], None]
) -> None:
    run = train_and_kill(local, two_nodes.address, "worker-0", kill_later, "worker")
    require_same(run, local)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("victim", ["worker", "raylet"])
def test_after_a_death_at_any_moment_the_adapter_is_the_same(
    local: Run, two_nodes: TwoNodes, kill_later: Callable[[str, float], None], victim: str, seed: int
) -> None:
    run = train_and_kill(local, two_nodes.address, f"{victim}-{seed}", kill_later, victim)
    require_same(run, local)


def environment() -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def driver(two_nodes: TwoNodes, local: Run, name: str, workers: int = 1) -> subprocess.Popen[str]:
    arguments = [two_nodes.address, str(local.workspace.root), name, str(workers)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.train", *arguments],
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    metrics = folder / "metrics.jsonl"
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < step:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)


def check_a_killed_driver(two_nodes: TwoNodes, local: Run, seed: int) -> None:
    name, moment = f"driver-{seed}", random.Random(seed)
    with driver(two_nodes, local, name) as first:
        wait_for_step(local.folder.parent / name, moment.randrange(1, STEPS - 20), first)
        time.sleep(moment.uniform(0, 0.3))
        first.kill()
    with driver(two_nodes, local, name) as second:
        _, errors = second.communicate(timeout=180)
    assert second.returncode == 0, errors
    require_same(Run.open(local.workspace, name), local)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_driver_dies_and_the_next_one_goes_on(two_nodes: TwoNodes, local: Run, seed: int) -> None:
    check_a_killed_driver(two_nodes, local, seed)


@pytest.mark.slow
def test_two_workers_stop_gently_and_make_what_two_processes_make_without_ray(two_nodes: TwoNodes, local: Run) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "tests.cluster.train", "", str(local.workspace.root), "torchrun", "2"]
    subprocess.run(command, env=environment(), cwd=ROOT, check=True, capture_output=True, timeout=180)
    with driver(two_nodes, local, "two", workers=2) as first:
        wait_for_step(local.folder.parent / "two", 20, first)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=120)
    run = Run.open(local.workspace, "two")
    state = read_state(run.folder)
    assert state["status"] == "stopped"
    assert 20 <= state["step"] < STEPS
    assert (run.checkpoints / f"step-{state['step']:08d}").is_dir()
    with driver(two_nodes, local, "two", workers=2) as second:
        _, errors = second.communicate(timeout=180)
    assert second.returncode == 0, errors
    require_same(run, Run.open(local.workspace, "torchrun"))


@pytest.mark.slow
def test_an_error_of_the_training_ends_it_as_it_is(two_nodes: TwoNodes, local: Run, tmp_path: Path) -> None:
    settings = PrepareSettings(test_share=0.2, validation_share=0)
    pipeline.prepare_catalogue(local.workspace, write_catalogue_file(tmp_path / "few.jsonl", 20), "few", settings)
    with pytest.raises(TooFewProducts, match="has no validation products"):
        pipeline.train_run(local.workspace, "few", "few", SETTINGS, cluster=two_nodes.address, workers=1)
    state = read_state(local.folder.parent / "few")
    assert (state["status"], "validation products" in state["error"]) == ("failed", True)


@pytest.mark.slow
def test_a_training_that_dies_without_progress_fails(two_nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    from shelftalk.cluster import process_group

    monkeypatch.setattr(process_group, "MOST_WITHOUT_PROGRESS", 2)
    heard: list[str] = []
    with connected(two_nodes.address), pytest.raises(Failure, match="died 2 times in a row"):
        process_group.run_process_group(calls.send_and_die, "Loading.", 1, heard.append, lambda: False)
    assert heard == ["Loading."] * 3  # a new message at first, so one restart more


def test_more_workers_than_the_cluster_has_are_refused(two_nodes: TwoNodes, local: Run) -> None:
    with pytest.raises(InvalidSettings, match="--workers 3 are more than the cluster's 2 CPUs; take at most 2"):
        pipeline.train_run(local.workspace, CATALOGUE, "three", SETTINGS, cluster=two_nodes.address, workers=3)
    assert read_state(local.folder.parent / "three")["status"] == "failed"
