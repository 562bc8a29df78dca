"""An evaluation of the tiny run: the keys of its result, its errors, and the files it writes."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import torch

from shelftalk import pipeline, proof
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Busy, Damaged, InvalidSettings, NotFound, TooFewProducts
from shelftalk.evaluation.bootstrap import FEWEST
from shelftalk.evaluation.likelihood import general_likelihoods, general_text, likelihoods
from shelftalk.evaluation.measures import AGAINST_TRUE, MEASURES, WITH_ATTRIBUTES
from shelftalk.evaluation.ways import BASELINES, SOURCE, TRUE, USUAL, WAYS
from shelftalk.generation import on_cluster
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import adapter_off
from shelftalk.models.embedder import Embedder
from shelftalk.models.threads import thread_count
from shelftalk.models.tokens import encode_prompt
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product
from shelftalk.runs.folders import delete_run, rename_run
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace, faults, lock, read_json, sha256, write_json
from tests.conftest import write_catalogue_file

SHORT = DecodingSettings(max_new_tokens=16)
OWN = [way for way in WAYS if way != SOURCE]  # of a run that began from its base model


@pytest.fixture(scope="module", autouse=True)
def one_embedder() -> Iterator[None]:
    """Load the embedder once for all evaluations."""
    loaded = Embedder.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Embedder, "load", lambda: loaded)
        yield


@pytest.fixture(scope="module")
def engine(tiny_run: Run) -> TransformersEngine:
    return TransformersEngine.load(tiny_run)


@pytest.fixture(scope="module")
def measured(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any]]:
    """A copy of the tiny run, evaluated in every way, and the result."""
    workspace = Workspace(tmp_path_factory.mktemp("measured") / "workspace")
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    run = Run.open(workspace, "pegs")
    return run, proof.evaluate_run(run, SHORT, ways=OWN)


@pytest.fixture
def own_run(measured: tuple[Run, dict[str, Any]], tmp_path: Path) -> Run:
    """The measured run without its report, in a workspace of its own: all that an evaluation makes first is there."""
    workspace = Workspace(tmp_path / "own")
    shutil.copytree(measured[0].workspace.root, workspace.root, ignore=shutil.ignore_patterns("report"))
    return Run.open(workspace, "pegs")


def as_if_trained_on(run: Run, catalogue: str) -> Run:
    """Return the run as it would be described had it been trained on another catalogue of its workspace."""
    data_hash = Catalogue.open(run.workspace.existing_catalogue(catalogue)).data_hash
    write_json(run.folder / "run.json", {**run.description, "catalogue": catalogue, "data_hash": data_hash})
    return Run.open(run.workspace, run.name)


@pytest.mark.parametrize("tuned", [False, True])
def test_nats_equal_the_models_own_probabilities(engine: TransformersEngine, tuned: bool) -> None:
    product = Product("1", "Oak peg", "Holds a café coat.")
    prompt = encode_prompt(engine.tokenizer, ENGLISH, product.title)
    text = engine.tokenizer(product.description, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([prompt + text])
    with torch.no_grad():
        if tuned:
            logits = engine.model(input_ids=ids).logits
        else:
            with adapter_off(engine.model):
                logits = engine.model(input_ids=ids).logits
    log_probabilities = logits[0, len(prompt) - 1 : -1].float().log_softmax(-1)
    expected = -log_probabilities[range(len(text)), text].sum().item()
    [(nats, size)] = likelihoods(engine, ENGLISH, [product], [ENGLISH.prompt_for(product.title)], 512, tuned)
    assert nats == pytest.approx(expected, rel=1e-2)
    assert size == len(product.description.encode())


def test_the_same_part_of_a_long_description_counts_after_any_prompt(engine: TransformersEngine) -> None:
    product = Product("1", "Oak peg", "Holds a coat. " * 50)
    short, long = (likelihoods(engine, ENGLISH, [product], [one], 100, True)[0] for one in ("Peg", "Oak rail. " * 20))
    assert short[1] == long[1] < 100
    assert not math.isclose(short[0], long[0])
    [(nats, size)] = likelihoods(engine, ENGLISH, [Product("2", "Peg", "")], ["Peg"], 100, True)
    assert (nats, size) == (0.0, 0)


@pytest.mark.exact
@pytest.mark.parametrize("tuned", [False, True])
def test_a_likelihood_depends_neither_on_the_number_of_threads_nor_on_its_neighbours(
    engine: TransformersEngine, tuned: bool
) -> None:
    found = []
    for count in (1, 2, 4):
        with thread_count(count):
            found.append(general_likelihoods(engine, tuned))
    assert found[0] == found[1] == found[2]


def test_the_general_text_is_long_enough_for_intervals(engine: TransformersEngine) -> None:
    paragraphs = general_text()
    assert len(paragraphs) >= FEWEST
    found = general_likelihoods(engine, tuned=False)
    assert [size for _, size in found] == [len(one.encode()) for one in paragraphs]


def test_it_has_the_shape_others_script_against(measured: tuple[Run, dict[str, Any]]) -> None:
    run, result = measured
    assert result["split"] == "test"
    assert result["n"] + len(result["leaks"]) == run.catalogue().count("test")
    without = [way for way in BASELINES if way != "listed_attributes"]  # the products have no attributes to list
    assert result["order"] == [*OWN, *without, TRUE]
    lacking = {*WITH_ATTRIBUTES, "rules_broken"}
    for way in OWN:
        assert set(MEASURES) - set(result[way]) == lacking
    for way in without:
        assert set(MEASURES) - set(result[way]) == {"bits_per_byte", "stop_rate", *lacking}
    assert set(result[TRUE]) == set(MEASURES) - AGAINST_TRUE - lacking - {"bits_per_byte", "stop_rate"}
    assert result["repeated_title"]["title_rank"] == 1
    assert result["unrelated_text"]["length_ratio"] == pytest.approx(1, abs=0.1)
    assert result["tuned"]["bits_per_byte"] < result["base"]["bits_per_byte"]
    assert result["tuned_grounded"]["bits_per_byte"] == result["tuned"]["bits_per_byte"]
    assert result["nearest_description"]["verbatim_share"] > 0
    assert {(one["before"], one["after"]) for one in result["differences"]} >= {
        ("base", "tuned"),
        ("nearest_description", "tuned"),
    }
    assert result["elsewhere"][0]["name"] == "general text"
    assert json.loads(json.dumps(result)) == result


def test_few_products_get_no_intervals(measured: tuple[Run, dict[str, Any]]) -> None:
    _, result = measured
    assert result["n"] < 20
    assert result["intervals"] is None
    assert "too few for intervals" in result["too_few"]


def test_report_and_card_are_written_and_the_adapter_stays_valid(measured: tuple[Run, dict[str, Any]]) -> None:
    run, result = measured
    assert "What fine-tuning changed: pegs" in (run.folder / "report" / "report.html").read_text()
    assert "# What fine-tuning changed: pegs" in (run.folder / "report" / "report.md").read_text()
    card = (run.adapter / "README.md").read_text()
    assert f"| bits per byte | {result['base']['bits_per_byte']:g} |" in card
    assert run.description["data_hash"] in card
    assert faults(run.adapter) == []


def test_a_card_that_an_earlier_version_sealed_is_left_alone(own_run: Run) -> None:
    manifest = read_json(own_run.adapter / "manifest.json")
    card = own_run.adapter / "README.md"
    manifest["files"]["README.md"] = {"sha256": sha256(card), "bytes": card.stat().st_size}
    write_json(own_run.adapter / "manifest.json", manifest)
    before = card.read_bytes()
    proof.evaluate_run(own_run, SHORT, 2, ["base", "tuned"])
    assert card.read_bytes() == before


def test_a_result_is_kept_for_the_same_question_only(own_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = proof.evaluate_run(own_run, SHORT, 2, ["base", "tuned"])
    assert proof.read_evaluation(own_run.folder) == first
    monkeypatch.setattr(on_cluster, "open_engine", None)
    assert proof.evaluate_run(own_run, SHORT, 2, ["tuned", "base"]) == first
    with pytest.raises(TypeError):
        proof.evaluate_run(own_run, SHORT, 2, ["tuned"])


def test_a_kept_result_brings_its_report_back_and_is_of_this_very_adapter(
    own_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof.evaluate_run(own_run, SHORT, 2, ["tuned"])
    (own_run.folder / "report" / "report.html").unlink()
    monkeypatch.setattr(on_cluster, "open_engine", None)
    proof.evaluate_run(own_run, SHORT, 2, ["tuned"])
    assert (own_run.folder / "report" / "report.html").is_file()
    write_json(own_run.adapter / "manifest.json", {**read_json(own_run.adapter / "manifest.json"), "other": 1})
    with pytest.raises(TypeError):
        proof.evaluate_run(own_run, SHORT, 2, ["tuned"])


def test_a_run_that_is_measured_is_neither_deleted_nor_renamed(own_run: Run) -> None:
    with lock(own_run.folder / "report", "evaluating"):
        with pytest.raises(Busy):
            proof.evaluate_run(own_run, SHORT, 2, ["tuned"])
        with pytest.raises(Busy, match="report of pegs is in use"):
            delete_run(own_run.workspace, "pegs")
        with pytest.raises(Busy, match="report of pegs is in use"):
            rename_run(own_run.workspace, "pegs", "other")


def test_a_run_that_is_begun_anew_loses_what_was_derived(own_run: Run) -> None:
    pipeline.open_spans(own_run)
    Run.create(own_run.workspace, "pegs", "pegs", own_run.settings, own_run.base_model())
    assert not any((own_run.folder / name).exists() for name in ("index", "spans", "report"))


def test_a_result_of_another_version_counts_as_none(own_run: Run) -> None:
    write_json(own_run.folder / proof.EVALUATION, {"question": {}, "result": {"n": 3, "base": {}, "tuned": {}}})
    assert proof.read_evaluation(own_run.folder) is None


def test_another_catalogue_says_what_was_forgotten(own_run: Run, tmp_path: Path) -> None:
    rows = [
        {"title": f"Song {number}", "content": " ".join(f"word{number * 31 + place}" for place in range(12))}
        for number in range(60)
    ]
    (tmp_path / "songs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained = [{"title": one.title, "content": one.description} for one in own_run.products()]
    (tmp_path / "trained.jsonl").write_text("".join(json.dumps(row) + "\n" for row in trained))
    pipeline.prepare_catalogue(own_run.workspace, tmp_path / "trained.jsonl", "trained", PrepareSettings())
    pipeline.prepare_catalogue(own_run.workspace, tmp_path / "songs.jsonl", "songs", PrepareSettings(test_share=0.45))
    result = proof.evaluate_run(own_run, SHORT, 20, ["tuned"], other="songs")
    assert [one["name"] for one in result["elsewhere"]] == ["general text", "songs"]
    assert result["elsewhere"][1]["interval"] is not None
    with pytest.raises(TooFewProducts, match="'trained' repeats a training product"):
        proof.evaluate_run(own_run, SHORT, 20, ["tuned"], other="trained")
    with pytest.raises(NotFound, match="nope"):
        proof.evaluate_run(own_run, SHORT, 20, ["tuned"], other="nope")


def test_what_leaks_is_set_aside_and_nothing_is_called_held_out_that_is_not(
    own_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = own_run.catalogue().products("test")
    copied = dataclasses.replace(held_out[0], uid="copy", title="Another peg")
    monkeypatch.setattr(Run, "products", lambda self: [copied])
    result = proof.evaluate_run(own_run, SHORT, ways=["tuned"])
    assert [(one["uid"], one["trained"], one["field"]) for one in result["leaks"]] == [
        (held_out[0].uid, "copy", "description")
    ]
    assert result["n"] == len(held_out) - 1
    monkeypatch.setattr(Run, "products", lambda self: held_out)
    with pytest.raises(TooFewProducts, match="nothing measured on them would be held out"):
        proof.evaluate_run(own_run, SHORT, ways=["base"])


def test_a_changed_catalogue_an_unknown_way_and_an_unfinished_run_are_refused(own_run: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="got none"):
        proof.evaluate_run(own_run, SHORT, ways=[])
    with pytest.raises(InvalidSettings, match=r"--ways must be of base, .*, got sideways"):
        proof.evaluate_run(own_run, SHORT, ways=["base", "sideways"])
    write_json(own_run.folder / "run.json", {**own_run.description, "data_hash": "0" * 64})
    with pytest.raises(Damaged, match="has changed since run 'pegs' began"):
        proof.evaluate_run(Run.open(own_run.workspace, "pegs"), SHORT)
    (own_run.adapter / "manifest.json").unlink()
    with pytest.raises(NotFound, match="has not finished"):
        proof.evaluate_run(own_run, SHORT)


def test_texts_of_other_scripts_and_of_numbers_alone_are_measured(own_run: Run, tmp_path: Path) -> None:
    texts = ["Держит пальто из шерсти {}", "挂大衣的橡木钉 {} 厘米", "{} 12 345 678 90", "معطف من الصوف {}"]
    rows = [
        {"title": f"Peg {number} {texts[number % 4][:4]}", "content": texts[number % 4].format(number * 7)}
        for number in range(24)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline.prepare_catalogue(own_run.workspace, tmp_path / "rows.jsonl", "scripts", PrepareSettings(test_share=0.2))
    run = as_if_trained_on(own_run, "scripts")
    pipeline.index_run(run)
    result = proof.evaluate_run(run, SHORT, ways=USUAL)
    assert all(math.isfinite(value) for way in result["order"] for value in result[way].values())


def test_no_held_out_product_was_trained_on(tiny_run: Run) -> None:
    trained = {product.uid for product in tiny_run.products()}
    assert trained
    assert not trained & {product.uid for product in tiny_run.catalogue().products("test")}


def test_no_products_held_out_is_said(own_run: Run, tmp_path: Path) -> None:
    source = write_catalogue_file(tmp_path / "pegs.jsonl", 12)
    pipeline.prepare_catalogue(own_run.workspace, source, "all", PrepareSettings(test_share=0, validation_share=0))
    with pytest.raises(TooFewProducts, match="has no products held out"):
        proof.evaluate_run(as_if_trained_on(own_run, "all"), SHORT)


def test_who_comes_while_another_indexes_the_texts_waits(own_run: Run) -> None:
    folder = own_run.folder / "spans"
    shutil.rmtree(folder)
    held = ExitStack()
    held.enter_context(lock(folder, "building the index of spans"))
    Timer(0.5, held.close).start()
    assert pipeline.open_spans(own_run).find(own_run.products()[0].description)
