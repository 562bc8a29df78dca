"""Writing on a cluster gives the texts that one process writes, even if a process is killed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shelftalk import pipeline, proof
from shelftalk.errors import InvalidSettings
from shelftalk.generation.catalogue import WINDOW
from shelftalk.generation.choose import choose_engine
from shelftalk.generation.on_cluster import writers
from shelftalk.prompts import ENGLISH
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace
from tests.cluster.conftest import TwoNodes
from tests.cluster.write import SETTINGS
from tests.conftest import ROOT

KillLater = Callable[[str, float], None]
ROWS = 4 * WINDOW - 100


@pytest.fixture(scope="module")
def run(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run in a separate workspace."""
    workspace = Workspace(tmp_path_factory.mktemp("elsewhere") / "workspace")
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    return Run.open(workspace, "pegs")


@pytest.fixture(scope="module")
def titles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("titles") / "titles.csv"
    names = ["" if number % 50 == 7 else f"Oak peg {number} {'x' * (number % 9)}" for number in range(ROWS)]
    lines = [f"{number},{name}" for number, name in enumerate(names)]
    file.write_text("\n".join(["sku,title", *lines]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def written_here(run: Run, titles: Path) -> bytes:
    """The descriptions of the titles that this process writes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        output = titles.with_name("here.csv")
        pipeline.write_catalogue(run, titles, output, SETTINGS)
    finally:
        torch.set_num_threads(before)
    return output.read_bytes()


def check_survival(
    run: Run, titles: Path, written_here: bytes, two_nodes: TwoNodes, kill_later: KillLater, victim: str, seed: int
) -> None:
    moment, output, struck = random.Random(seed), titles.with_name(f"{victim}-{seed}.csv"), False
    rows = moment.choice([1, WINDOW, 2 * WINDOW])

    def watch(done: int, total: int) -> None:
        nonlocal struck
        if done >= rows and not struck:
            struck = True
            kill_later(victim, moment.uniform(0, 0.5))

    pipeline.write_catalogue(run, titles, output, SETTINGS, progress=watch, cluster=two_nodes.address)
    assert struck
    assert output.read_bytes() == written_here


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("victim", ["worker", "raylet"])
def test_after_a_death_at_any_moment_the_texts_are_the_same(
    run: Run, titles: Path, written_here: bytes, two_nodes: TwoNodes, kill_later: KillLater, victim: str, seed: int
) -> None:
    check_survival(run, titles, written_here, two_nodes, kill_later, victim, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_driver_dies_and_the_next_one_goes_on(
    run: Run, titles: Path, written_here: bytes, two_nodes: TwoNodes, seed: int
) -> None:
    moment, output = random.Random(seed), titles.with_name(f"driver-{seed}.csv")
    journal = output.with_name(f"{output.name}.journal")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    command = [sys.executable, "-m", "tests.cluster.write", two_nodes.address, str(run.workspace.root)]
    command += [str(titles), str(output)]
    rows = moment.choice([1, WINDOW, 2 * WINDOW])
    with subprocess.Popen(command, env=environment, cwd=ROOT) as driver:
        while not journal.exists() or journal.read_bytes().count(b"\n") <= rows:
            assert driver.poll() is None
            time.sleep(0.02)
        time.sleep(moment.uniform(0, 0.5))
        driver.kill()
    assert not output.exists()
    assert driver.returncode == -9
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=180)
    assert output.read_bytes() == written_here


def test_an_evaluation_on_a_cluster_gives_the_same_figures(run: Run, two_nodes: TwoNodes) -> None:
    ways = ["base", "tuned", "tuned_grounded"]
    there = proof.evaluate_run(run, SETTINGS, ways=ways, cluster=two_nodes.address)
    (run.folder / proof.EVALUATION).unlink()
    assert there == proof.evaluate_run(run, SETTINGS, ways=ways)


def test_the_requested_engine_writes_on_a_cluster(run: Run, two_nodes: TwoNodes) -> None:
    assert choose_engine(run, SETTINGS)[0] == "llama.cpp"
    with writers(run, SETTINGS, "transformers", 1, two_nodes.address) as found:
        assert found.name == "transformers"
        assert found.engine().complete(ENGLISH.prompt_for("Oak peg"), tuned=True, settings=SETTINGS).tokens


def test_settings_that_the_workers_engine_does_not_support_are_refused(
    run: Run, titles: Path, two_nodes: TwoNodes, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSettings, match="--engine must be one of"):
        pipeline.write_catalogue(run, titles, tmp_path / "out.csv", SETTINGS, engine="pen", cluster=two_nodes.address)
