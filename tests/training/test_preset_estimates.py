"""Estimates of all presets from few rehearsals: counts equal those of separate rehearsals, the rest is arithmetic."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from shelftalk import pipeline
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import InvalidSettings, NotFound, TooFewProducts
from shelftalk.models.load import best_device
from shelftalk.presets import load_preset, preset_names
from shelftalk.settings import TrainingSettings
from shelftalk.training import preset_estimates, rehearsal
from shelftalk.training.batches import Examples
from shelftalk.training.compiled import WORTH_IT
from shelftalk.training.estimate import estimate
from shelftalk.training.preset_estimates import PRODUCTS_DIFFERENCE, Work, estimate_presets, scale_estimate
from shelftalk.training.projection import project
from shelftalk.workspace import Workspace
from tests.conftest import write_catalogue_file
from tests.forks import run_in_forks
from tests.training.test_batches import example
from tests.training.test_estimate import MEASURED

TINY = {"base_model": "tiny", "precision": "fp32", "compile": "off"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("presets") / "workspace")
    pipeline.prepare_catalogue(workspace, demo_file(), "demo", PrepareSettings())
    return workspace


@pytest.fixture(scope="module")
def found(place: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    before = {path.relative_to(place.root) for path in place.root.rglob("*")}
    heard: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shelftalk.training.estimate.subprocess", run_in_forks(tmp_path_factory.mktemp("rehearsals")))
        found = estimate_presets(place, "demo", TINY, say=heard.append)
    left = {path.relative_to(place.root).parts[0] for path in place.root.rglob("*")} - {one.parts[0] for one in before}
    assert left == {"models"}
    rehearsed = [name for name, one in found["presets"].items() if one["rehearsed"]]
    assert heard[0] == "Unpacking tiny before that, which happens once."
    assert sorted(heard[1:]) == sorted(f"Rehearsing {name}." for name in rehearsed)
    return found


def settings_of(name: str, **changes: Any) -> TrainingSettings:
    return TrainingSettings.from_mapping({**load_preset(name), **TINY, **changes})


@pytest.mark.kill
def test_every_preset_is_there_and_few_were_rehearsed(found: dict[str, Any]) -> None:
    assert sorted(found["presets"]) == preset_names()
    assert 1 <= sum(one["rehearsed"] for one in found["presets"].values()) == len(found["rehearsals"]) <= 3
    assert found["products"] == 732
    for name, one in found["presets"].items():
        assert one["products"] == min(settings_of(name).products or 732, 732)  # all, also where a preset has more
        assert one["seconds_total"] > 1
        assert 0 < one["memory_bytes"] < found["memory_available_bytes"]
        assert one["fits"]
    assert found["presets"]["messy"]["rehearsed"]  # without dropout, as demo, which has fewer tokens
    assert found["presets"]["demo"]["updates"] == 537  # of the 732 products and their plain texts
    assert found["presets"]["overnight"]["updates"] == -(-732 * 3 // 16)
    alone = found["presets"]["overnight"]["tokens"] / 3
    assert alone < found["presets"]["demo"]["tokens"] < 1.5 * alone  # plain texts are short
    assert (found["device"], found["precision"], found["running"]) == (best_device().type, "fp32", [])
    assert json.loads(json.dumps(found)) == found


@pytest.mark.kill
def test_what_was_scaled_is_near_a_rehearsal_of_its_own(
    place: Workspace, found: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelftalk.training.estimate.subprocess", run_in_forks(tmp_path / "rehearsals"))
    name = next(name for name in ("overnight", "small-demo") if not found["presets"][name]["rehearsed"])
    scaled, direct = found["presets"][name], estimate(place, "demo", settings_of(name))
    for key in ("products", "updates", "tokens", "fits"):
        assert scaled[key] == direct[key]
    assert 0.7 < scaled["memory_bytes"] / direct["memory_bytes"] < 1.4
    assert 0.1 < scaled["seconds_total"] / direct["seconds_total"] < 10  # the speed of a busy machine varies
    assert 0.9 < scaled["disk_bytes_total"] / direct["disk_bytes_total"] < 1.1


def rehearsed(settings: TrainingSettings, products: int, tokens: int) -> dict[str, Any]:
    return {
        "settings": settings.as_mapping(),
        "products": products,
        "examples": products,
        "tokens": tokens,
        "memory_bytes": 10**9,
        "memory_available_bytes": 2 * 10**9,
        "measured": asdict(MEASURED),
    }


def given(*rehearsals: dict[str, Any]) -> dict[str, Any]:
    return {
        "products": 10_000,
        "examples_per_product": 1.0,
        "tokens_per_product": 50.0,
        "memory_available_bytes": 2 * 10**9,
        "rehearsals": list(rehearsals),
    }


def test_other_settings_are_scaled_by_the_same_arithmetic() -> None:
    found = given(rehearsed(settings_of("overnight"), 3000, 450_000))
    settings = settings_of("overnight", products=1000, epochs=2, gradient_accumulation=16, checkpoint_every=7)
    scaled = scale_estimate(found, settings)
    exact = project(MEASURED, settings, 1000, 100_000)
    assert scaled == {
        "products": 1000,
        "updates": 63,
        "tokens": 100_000,
        "tokens_per_second": 500.0,
        "seconds_total": exact["seconds_total"],
        "disk_bytes_total": exact["disk_bytes_total"],
        "memory_bytes": 10**9,
        "fits": True,
    }
    assert exact["seconds_total"] == 5 + 1000 * 0.01 + (9 - 2 + 3) + 200 + 9 * 2 + 1 + 7 * 4  # validations
    more = scale_estimate(found, settings.replace({"products": "all"}))
    assert more is not None
    assert more["products"] == 10_000


def test_a_rank_twice_as_high_writes_twice_as_much() -> None:
    found = given(rehearsed(settings_of("overnight"), 3000, 450_000))
    one, two = (scale_estimate(found, settings_of("overnight", lora_rank=rank)) for rank in (8, 16))
    assert one is not None
    assert two is not None
    assert one["seconds_total"] == two["seconds_total"]
    more = two["disk_bytes_total"] - one["disk_bytes_total"]
    assert more == 2 * 10**6 + 3 * 10**5 + 4 * 10**5  # two checkpoints, the best weights, the adapter


@pytest.mark.parametrize(
    "changes",
    [
        {"base_model": "gemma-3-270m"},
        {"max_tokens": 128},
        {"pass_tokens": 128},
        {"precision": "bf16"},
        {"vocabulary": "catalogue"},
        {"lora_variant": "dora"},
        {"lora_rank": 32},
        {"lora_dropout": 0.0},
        {"validate_every": 0},
        {"neftune_noise": 5},
        {"compile": "on"},
        {"batch_size": 1, "gradient_accumulation": 4},  # passes of a third of the size
    ],
)
def test_what_decides_speed_or_memory_wants_a_rehearsal_of_its_own(changes: dict[str, Any]) -> None:
    found = given(rehearsed(settings_of("overnight"), 3000, 450_000))
    assert scale_estimate(found, settings_of("overnight", **changes)) is None


def test_a_compiled_run_does_not_stand_for_one_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.training.compiled.can_compile", lambda: True)
    settings = settings_of("overnight", compile="automatic")
    found = given(rehearsed(settings, 3000, 450_000))
    least = -(-WORTH_IT // (50 * 3))
    assert scale_estimate(found, settings.replace({"products": least})) is not None
    assert scale_estimate(found, settings.replace({"products": least - 1})) is None


def test_a_run_that_holds_many_more_products_does_not_stand_for_others() -> None:
    settings = settings_of("overnight")
    many = rehearsed(settings, 3000 + PRODUCTS_DIFFERENCE, 15_450_000)
    assert scale_estimate(given(many), settings) is not None
    many["products"] += 1
    assert scale_estimate(given(many), settings) is None


def test_where_memory_ran_out_nothing_is_known_but_the_counts(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_memory = {"memory_bytes": None, "memory_available_bytes": None}
    monkeypatch.setattr(preset_estimates, "rehearse_in_process", lambda *_: out_of_memory)
    found = estimate_presets(place, "demo", TINY)
    for one in found["presets"].values():
        assert one["fits"] is False
        assert one["seconds_total"] is one["memory_bytes"] is one["tokens_per_second"] is None
        assert one["updates"] > 0
        assert one["tokens"] > 0
    assert found["tokens_per_second"] is found["memory_available_bytes"] is None


def test_the_preset_with_the_most_tokens_is_rehearsed(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TrainingSettings] = []

    def rehearse(workspace: Workspace, catalogue: str, settings: TrainingSettings, token: str | None) -> dict[str, Any]:
        asked.append(settings)
        return {"memory_bytes": 3 * 10**9, "memory_available_bytes": 2 * 10**9, "measured": asdict(MEASURED)}

    monkeypatch.setattr(preset_estimates, "rehearse_in_process", rehearse)
    found = estimate_presets(place, "demo", {**TINY, "pass_tokens": 128})
    # Two epochs: the preset messy, without dropout; demo has fewer tokens, and differs only in what it learns from.
    assert [settings.epochs for settings in asked] == [3, 2]
    assert not any(one["fits"] for one in found["presets"].values())


def test_pass_size_is_that_of_packs() -> None:
    settings = settings_of("overnight", pass_tokens=640)
    assert Work(16, 16, 16 * 100).pass_size(settings.replace({"epochs": 1})) == 400  # four: an even number of passes
    assert Work(1, 1, 700).pass_size(settings.replace({"epochs": 1})) == 350


def test_tokens_of_a_sample_are_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = Examples([example(10), example(30)])
    read = int(examples.input_lengths.sum())
    assert rehearsal.count_tokens(examples, settings_of("overnight"), 2 / 5) == round(3 * read * 5 / 2)
    assert rehearsal.count_tokens(examples, settings_of("overnight"), 1) == 3 * read


def test_mistakes_are_those_of_training(place: Workspace, workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no catalogue 'nope'"):
        estimate_presets(place, "nope")
    with pytest.raises(InvalidSettings, match="did you mean epochs"):
        estimate_presets(place, "demo", {"epoch": 1})
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", PrepareSettings())
    path = workspace.catalogue("pegs") / "catalogue.json"
    summary = json.loads(path.read_text())
    path.write_text(json.dumps({**summary, "split": {"train": 0, "validation": 0, "test": 30}}))
    with pytest.raises(TooFewProducts, match="no products to train on"):
        estimate_presets(workspace, "pegs", TINY)
