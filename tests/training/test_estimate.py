"""Compare an estimate with its run: counts are equal, memory and disk are close; and proposed settings fit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelftalk import pipeline
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cli.estimate import conclude
from shelftalk.cli.output import size
from shelftalk.errors import Failure, TooFewProducts
from shelftalk.models import tiny
from shelftalk.models.gguf_files import write_gguf
from shelftalk.prompts import ENGLISH
from shelftalk.runs.folders import folder_bytes
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import Examples, Plan, cut_into_packs, encode_products
from shelftalk.training.estimate import estimate, later_bytes, smaller_settings
from shelftalk.training.projection import Measured, project
from shelftalk.training.rehearsal import STAGES, TIMED, choose_updates
from shelftalk.workspace import Workspace
from tests.conftest import write_catalogue_file
from tests.forks import run_in_forks
from tests.training.test_batches import example

# One pass of 9,000 tokens an update, so that activations are a good part of the memory, also of a tiny model.
LARGE = TrainingSettings.from_mapping(
    {
        "base_model": "tiny",
        "precision": "fp32",
        "products": 20,
        "epochs": 3,
        "batch_size": 20,
        "gradient_accumulation": 1,
        "pass_tokens": 16_384,
        "validate_every": 2,
        "sample_every": 2,
        "checkpoint_every": 1,
    }
)
# In a process that imports everything itself: of the libraries, a fork's memory would not count what it never touches.
TRAIN = """
import json, sys
from shelftalk import pipeline
from shelftalk.settings import TrainingSettings
from shelftalk.training.memory import peak_memory
from shelftalk.workspace import Workspace
pipeline.train_run(Workspace(sys.argv[1]), "demo", "real", TrainingSettings.from_mapping(json.loads(sys.argv[2])))
print(peak_memory())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("estimate") / "workspace")
    pipeline.prepare_catalogue(workspace, demo_file(), "demo", PrepareSettings())
    return workspace


@pytest.fixture(scope="module")
def stages() -> list[tuple[int, int]]:
    """The stages that the rehearsal of `estimated` went through."""
    return []


@pytest.fixture(scope="module")
def estimated(place: Workspace, stages: list[tuple[int, int]]) -> dict[str, Any]:
    return estimate(place, "demo", LARGE, progress=lambda done, total: stages.append((done, total)))


@pytest.fixture(scope="module")
def trained(place: Workspace) -> tuple[Run, int]:
    """The run that `estimated` predicts, and the peak memory of the process that trained it."""
    command = [sys.executable, "-c", TRAIN, str(place.root), json.dumps(LARGE.as_mapping())]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Run.open(place, "real"), int(output.splitlines()[-1])


@pytest.mark.kill
def test_counts_are_those_of_the_run(estimated: dict[str, Any], trained: tuple[Run, int]) -> None:
    run, _ = trained
    _, tokenizer = tiny.make()
    plan = Plan(encode_products(tokenizer, ENGLISH, run.products(), LARGE), LARGE)
    assert json.loads((run.folder / "state.json").read_text())["steps"] == estimated["updates"] == 3
    assert estimated["products"] == 20
    assert estimated["tokens"] == sum(plan.tokens_by_update())
    assert estimated["labelled_tokens"] == 3 * sum(one.labelled_length for one in plan.examples)
    assert estimated["counted"]


@pytest.mark.kill
def test_memory_and_disk_are_near(estimated: dict[str, Any], trained: tuple[Run, int]) -> None:
    run, memory = trained
    assert 0.85 < estimated["memory_bytes"] / memory < 1.15
    assert 0.8 < estimated["disk_bytes_total"] / folder_bytes(run.folder) < 1.2
    assert estimated["disk_bytes"]["best"] == pytest.approx(folder_bytes(run.checkpoints / "best"), rel=0.2)


@pytest.mark.kill
def test_a_rehearsal_shows_its_progress(estimated: dict[str, Any], stages: list[tuple[int, int]]) -> None:
    """With a large model it takes minutes: loading, and each update, is a stage."""
    done, totals = zip(*stages, strict=True)
    assert done == tuple(range(len(stages)))
    assert len(stages) > 4
    assert set(totals) == {STAGES}
    assert len(stages) <= STAGES + 1  # fewer where updates are slow


@pytest.mark.kill
def test_the_parts_add_up(estimated: dict[str, Any]) -> None:
    assert set(estimated["seconds"]) == {"start", "warm_up", "updates", "validations", "samples", "checkpoints"}
    assert estimated["seconds"]["samples"] > 0
    assert all(seconds >= 0 for seconds in estimated["seconds"].values())
    assert estimated["seconds"]["updates"] == pytest.approx(
        estimated["tokens"] / estimated["tokens_per_second"], rel=1e-3
    )
    assert estimated["seconds_total"] == pytest.approx(sum(estimated["seconds"].values()))
    assert estimated["seconds"]["start"] > 1  # importing the libraries of a training
    assert estimated["fits"]
    assert estimated["smaller"] is None
    assert json.loads(json.dumps(estimated)) == estimated
    assert conclude(estimated) == "It fits."


@pytest.mark.slow  # on a busy machine the memory of two rehearsals differs by some tens of megabytes
def test_what_does_not_fit_gets_the_next_smaller_that_does(place: Workspace, estimated: dict[str, Any]) -> None:
    before = {path.relative_to(place.root) for path in place.root.rglob("*")}
    heard: list[str] = []
    available = estimated["memory_bytes"] - 30 * 2**20
    found = estimate(place, "demo", LARGE, say=heard.append, available=available)
    assert found["fits"] is False
    assert found["smaller"]["settings"] == {"pass_tokens": 8192}
    assert 0 < found["smaller"]["memory_bytes"] <= available
    assert heard == ["That does not fit; rehearsing with --set pass_tokens=8192."]
    assert "the next smaller that does, --set pass_tokens=8192, takes" in conclude(found)
    assert {path.relative_to(place.root) for path in place.root.rglob("*")} == before


def test_smaller_settings_are_milder_first() -> None:
    settings = LARGE.replace({"max_tokens": 512, "pass_tokens": 640})
    assert list(smaller_settings(settings, {"longest": 300, "precision": "bf16"}, None)) == [
        {"pass_tokens": 320},
        {"pass_tokens": 160},
        {"pass_tokens": 160, "max_tokens": 256},
        {"pass_tokens": 128, "max_tokens": 128},
        {"pass_tokens": 64, "max_tokens": 64},
    ]
    large_model = {"longest": 60, "precision": "bf16", "weights_bytes": 5 * 10**9}
    assert list(smaller_settings(settings.replace({"pass_tokens": 64}), large_model, 10**10)) == [
        {"base_model": "gemma-3-270m"}
    ]


def test_no_pass_is_tried_where_the_weights_alone_do_not_fit() -> None:
    found = {"precision": "bf16", "weights_bytes": 5 * 10**9}
    assert list(smaller_settings(LARGE, found, 10**9)) == [{"base_model": "gemma-3-270m"}]


def test_the_rehearsed_updates_are_the_largest_and_the_most_usual() -> None:
    random = np.random.default_rng(7)
    plan = Plan(
        Examples(example(int(length)) for length in random.integers(5, 200, 400)), LARGE.replace({"batch_size": 4})
    )
    first, *others = choose_updates(plan, 256, 2)
    sizes = [max(sum(one.input_length for one in pack) for pack in cut_into_packs(update, 256, 2)) for update in plan]
    assert sizes[first] == max(sizes)
    tokens = np.array(plan.tokens_by_update())
    distances = abs(tokens - tokens.mean())
    assert sorted(distances[others]) == sorted(distances)[:TIMED]


def test_a_run_of_one_update_is_rehearsed_with_it() -> None:
    plan = Plan(Examples([example(9)]), LARGE.replace({"epochs": 1}))
    assert choose_updates(plan, 256, 2) == [0] * (TIMED + 1)


MEASURED = Measured(
    start=5.0,
    encoding=0.01,
    updates=[(1000, 9.0), (500, 1.0), (500, 1.0)],
    warming=1,
    checkpoint=2.0,
    validation=4.0,
    validation_warm_up=3.0,
    sample=1.5,
    adapter=1.0,
    checkpoint_bytes=10**6,
    weights_bytes=3 * 10**5,
    adapter_bytes=4 * 10**5,
)


def test_time_goes_with_tokens_and_counts_every_checkpoint() -> None:
    every = {"validate_every": 8, "sample_every": 8, "checkpoint_every": 7}
    settings = LARGE.replace({"epochs": 2, "batch_size": 10, **every})
    found = project(MEASURED, settings, examples=100, tokens=10_000)
    assert found["updates"] == 20
    assert found["tokens_per_second"] == 500
    assert found["seconds"] == {
        "start": 5.0 + 100 * 0.01,
        "warm_up": 9.0 - 1000 / 500 + 3.0,
        "updates": 20.0,
        "validations": 4 * 4.0,  # the base model, after 8 and 16 updates, and after the last
        "samples": 4 * 1.5,
        "checkpoints": 3 * 2.0 + 1.0,
    }
    assert 2 * 10**6 < found["disk_bytes"]["checkpoints"] < 2.1 * 10**6
    assert found["disk_bytes"]["best"] == 3 * 10**5


def test_where_two_updates_warm_up_neither_is_timed() -> None:
    compiled = replace(MEASURED, updates=[(1000, 9.0), (500, 40.0), (500, 1.0), (600, 1.0)], warming=2)
    assert compiled.tokens_per_second == 550
    assert compiled.warm_up == pytest.approx(9.0 + 40.0 - 1500 / 550)


def test_a_run_of_one_checkpoint_keeps_one_and_no_best_without_validation() -> None:
    found = project(MEASURED, LARGE.replace({"validate_every": 0}), examples=20, tokens=10_000)
    assert found["disk_bytes"]["best"] == found["seconds"]["validations"] == 0
    without_products = replace(MEASURED, validation=0.0)
    automatic = LARGE.replace({"validate_every": None})
    assert project(without_products, automatic, 20, 10_000)["seconds"]["validations"] == 0
    assert project(MEASURED, automatic, 1000, 10_000)["seconds"]["validations"] == (1 + 3 * automatic.epochs) * 4.0
    few = project(MEASURED, LARGE.replace({"epochs": 1}), examples=20, tokens=10_000)
    assert 10**6 < few["disk_bytes"]["checkpoints"] < 1.1 * 10**6


@pytest.mark.kill
def test_mistakes_are_those_of_training(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.training.estimate.subprocess", run_in_forks(tmp_path / "rehearsals"))
    shares = PrepareSettings(validation_share=0.0, test_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", shares)
    with pytest.raises(TooFewProducts, match="no validation products"):  # raised in the other process
        estimate(workspace, "pegs", LARGE)
    assert not list(workspace.root.glob(".estimate-*"))


def test_a_rehearsal_that_cannot_begin_says_why(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Failure, match="rehearsal ended unexpectedly: exit code 1"):
        estimate(place, "demo", LARGE)


def test_a_rehearsal_that_the_system_kills_does_not_fit(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    heard: list[str] = []
    found = estimate(place, "demo", LARGE.replace({"pass_tokens": 1024}), say=heard.append)
    assert found["fits"] is False
    assert found["memory_bytes"] is None
    assert [line.split("--set ", 1)[1] for line in heard] == [
        "pass_tokens=512.",
        "pass_tokens=256 --set max_tokens=256.",
        "pass_tokens=128 --set max_tokens=128.",
        "pass_tokens=64 --set max_tokens=64.",
    ]
    assert conclude(found) == (
        "It does not fit into memory; nothing smaller fits either: take a machine with more memory."
    )


def test_what_using_a_run_takes_later_is_the_size_of_its_files(tmp_path: Path) -> None:
    model, tokenizer = tiny.make()
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    later = later_bytes(tmp_path / "model")
    [weights] = (tmp_path / "model").glob("*.safetensors")
    assert later["export"] == pytest.approx(weights.stat().st_size, rel=0.05)
    write_gguf(tmp_path / "model", tmp_path / "model.gguf", "q8_0")
    vocabulary = 40 * len(tokenizer)  # bytes at most, in each of the two files
    assert later["llama_cpp"] < 2 * (tmp_path / "model.gguf").stat().st_size < later["llama_cpp"] + 2 * vocabulary


def test_the_sentence_says_what_is_known() -> None:
    found: dict[str, Any]
    found = {"fits": None, "running": [], "disk_free_bytes": 10, "disk_bytes_total": 5, "memory_available_bytes": None}
    found["later_bytes"] = {"llama_cpp": 2, "export": 1}
    assert "cannot be said" in conclude(found)
    assert conclude({**found, "fits": True, "disk_free_bytes": 8}) == "It fits."
    full = {**found, "fits": True, "disk_free_bytes": 7, "running": ["first"]}
    assert conclude(full) == (
        "It fits into memory but not on the disk: free some space, or choose another --workspace. Measured while first "
        "trains: alone it is faster."
    )
    none = {**found, "fits": False, "smaller": None, "memory_available_bytes": 2**31}
    assert conclude(none).startswith("It does not fit into the 2.0 GiB of memory available; nothing smaller fits")
    assert (size(None), size(3 * 2**19), size(3 * 2**29)) == ("unknown", "1.5 MiB", "1.5 GiB")
