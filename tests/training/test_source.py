"""A run that begins from another one goes on from its adapter, and holds out what either of them holds out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline, proof
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import InvalidSettings, NotFound
from shelftalk.runs.folders import delete_run
from shelftalk.runs.run import Run, with_adapter_of
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file

SETTINGS = TINY_SETTINGS.replace({"epochs": 1, "validate_every": 0})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the run `first` on the catalogue `pegs`; tests only read that run."""
    root = tmp_path_factory.mktemp("source")
    workspace = Workspace(root / "workspace")
    split = PrepareSettings(test_share=0.2, validation_share=0.1)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", split)
    pipeline.train_run(workspace, "pegs", "first", SETTINGS)
    return workspace


@pytest.fixture
def first(place: Workspace) -> Run:
    return Run.open(place, "first")


def weights(run: Run) -> dict[str, torch.Tensor]:
    return dict(load_file(run.adapter / "adapter_model.safetensors"))


def test_it_goes_on_from_the_adapter_and_leaves_that_run_as_it_was(place: Workspace, first: Run) -> None:
    before = (first.adapter / "adapter_model.safetensors").read_bytes()
    # At such a rate nothing moves: what is written is what it began from.
    run = pipeline.train_run(place, "pegs", "still", SETTINGS.replace({"learning_rate": 1e-12}), source=first)
    for name, value in weights(first).items():
        torch.testing.assert_close(weights(run)[name], value, rtol=0, atol=1e-7)
    assert (first.adapter / "adapter_model.safetensors").read_bytes() == before
    assert run.source is not None
    assert (run.source.name, run.origin) == ("first", "the run first")
    assert first.source is None and first.origin == "its base model"


def test_a_killed_run_resumes_as_if_it_had_not_been(place: Workspace, first: Run, tmp_path: Path) -> None:
    settings = SETTINGS.replace({"checkpoint_every": 2})
    whole = pipeline.train_run(place, "pegs", "whole", settings, source=first)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError):
        pipeline.train_run(place, "pegs", "cut", settings, source=first, progress=stop)
    heard: list[str] = []
    cut = pipeline.train_run(place, "pegs", "cut", settings, say=heard.append)  # it knows what it began from
    assert "Going on from update 2." in heard
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(cut).items())


def test_a_run_that_failed_before_its_first_checkpoint_remembers_its_source(place: Workspace, first: Run) -> None:
    def stop(done: int, total: int) -> None:
        raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError):
        pipeline.train_run(place, "pegs", "early", SETTINGS, source=first, progress=stop)
    assert not (place.run("early") / "checkpoints").is_dir()
    assert pipeline.train_run(place, "pegs", "early", SETTINGS).origin == "the run first"


def test_a_run_that_begins_anew_keeps_no_losses_of_an_earlier_one(place: Workspace, first: Run) -> None:
    (place.run("anew")).mkdir(parents=True)
    (place.run("anew") / "metrics.jsonl").write_text('{"step": 0, "validation_loss": 9.0}\n')
    run = pipeline.train_run(place, "pegs", "anew", SETTINGS, source=first)
    assert not any("validation_loss" in line for line in (run.folder / "metrics.jsonl").read_text().splitlines())


def test_the_source_may_be_deleted_and_a_third_run_may_begin_from_the_second(place: Workspace, first: Run) -> None:
    second = pipeline.train_run(place, "pegs", "second", SETTINGS.replace({"seed": 1}), source=first)
    third = pipeline.train_run(place, "pegs", "third", SETTINGS.replace({"seed": 2}), source=second)
    delete_run(place, "second")
    third = Run.open(place, "third")
    assert third.source is not None and third.source.source is not None
    assert (third.source.name, third.source.source.name) == ("second", "first")
    assert all(torch.equal(value, weights(third.source.source)[name]) for name, value in weights(first).items())
    with pytest.raises(InvalidSettings, match=r"from: .*second.*, now .*first"):
        pipeline.train_run(place, "pegs", "third", SETTINGS.replace({"seed": 2}), source=first)


def test_what_either_run_holds_out_stays_held_out(place: Workspace, first: Run, tmp_path: Path) -> None:
    """The other catalogue has the same products, and splits them in another way."""
    other = PrepareSettings(test_share=0.3, validation_share=0.1, seed=7)
    pipeline.prepare_catalogue(place, place.root.parent / "pegs.jsonl", "again", other)
    run = pipeline.train_run(place, "again", "other", SETTINGS, source=first)
    theirs, own = first.catalogue(), run.catalogue()
    held_out = {one.title for split in ("validation", "test") for one in theirs.products(split)}
    assert held_out & {one.title for one in own.products("train")}
    assert not held_out & {one.title for one in run.products()}
    trained = {one.title for one in first.products()}
    tested = {one.uid: one.title for one in own.products("test")}
    assert {uid for uid, title in tested.items() if title in trained} <= set(run.description["seen"])
    assert not trained & {title for uid, title in tested.items() if uid not in run.description["seen"]}
    for split in ("validation", "test"):
        measured = run.held_out(split, None)
        assert not trained & {one.title for one in measured}
        assert len(measured) == run.count_held_out(split) < own.count(split)


def test_a_report_compares_with_the_run_it_began_from(place: Workspace, first: Run) -> None:
    run = pipeline.train_run(place, "pegs", "measured", SETTINGS.replace({"seed": 3}), source=first)
    short = DecodingSettings(max_new_tokens=8)
    result = proof.evaluate_run(run, short, 2)
    assert ("source", "tuned") in {(one["before"], one["after"]) for one in result["differences"]}
    assert result["source"]["bits_per_byte"] == proof.evaluate_run(first, short, 2, ["tuned"])["tuned"]["bits_per_byte"]
    assert "the run it began from" in (run.folder / "report" / "report.md").read_text()
    with pytest.raises(InvalidSettings, match="began from its base model"):
        proof.evaluate_run(first, short, 2, ["source"])


def test_its_adapter_keeps_its_shape(place: Workspace, first: Run) -> None:
    values = {**SETTINGS.as_mapping(), "lora_rank": 2}
    assert with_adapter_of(first, values, ["epochs"])["lora_rank"] == first.settings.lora_rank
    with pytest.raises(InvalidSettings, match=f"lora_rank is {first.settings.lora_rank}, not 2"):
        with_adapter_of(first, values, ["lora_rank"])
    same = {**values, "lora_rank": str(first.settings.lora_rank)}  # as from a command line
    assert with_adapter_of(first, same, ["lora_rank"])["lora_rank"] == first.settings.lora_rank
    unfinished = Run(first.name, first.folder / "nowhere", first.workspace, json.loads(json.dumps(first.description)))
    with pytest.raises(NotFound, match="has not finished"):
        with_adapter_of(unfinished, values, [])
