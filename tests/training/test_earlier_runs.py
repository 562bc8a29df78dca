"""A run knows what the weights it begins from were trained on, and measures nothing on that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelftalk import pipeline, proof
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cli.main import run as run_command
from shelftalk.errors import Damaged, TooFewProducts
from shelftalk.evaluation.accepted import create_run
from shelftalk.evaluation.evaluate import sample_held_out
from shelftalk.evaluation.report import earlier_seen
from shelftalk.evidence.trained_on import (
    NOTHING,
    UNKNOWN,
    hash_description,
    hash_title,
    read_record,
    trained_in_all,
    trained_on,
    write_record,
)
from shelftalk.export import gate
from shelftalk.export.export import export
from shelftalk.models import tiny
from shelftalk.models.registry import find_model
from shelftalk.records import Product
from shelftalk.runs.describe import show_run
from shelftalk.runs.run import RECORD, Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file

SETTINGS = TINY_SETTINGS.replace({"epochs": 1, "validate_every": 0, "products": 8, "precision": "fp32"})
SPLIT = PrepareSettings(test_share=0.2, validation_share=0.1)
OTHER = PrepareSettings(test_share=0.3, validation_share=0.1, seed=7)  # the same products in other splits


@pytest.fixture(scope="module", autouse=True)
def short_texts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "WRITTEN", 2)
        yield


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `first`, `second`, which began from it, and `merged`, the export of the second."""
    root = tmp_path_factory.mktemp("earlier")
    place = Workspace(root / "workspace")
    file = write_catalogue_file(root / "pegs.jsonl")
    pipeline.prepare_catalogue(place, file, "pegs", SPLIT)
    pipeline.prepare_catalogue(place, write_catalogue_file(root / "more.jsonl", 24), "more", OTHER)
    first = pipeline.train_run(place, "pegs", "first", SETTINGS)
    second = pipeline.train_run(place, "more", "second", SETTINGS.replace({"seed": 2}), source=first)
    export(second, "merged", root / "merged")
    return root


@pytest.fixture
def place(earlier: Path, tmp_path: Path) -> Workspace:
    """Another workspace, which has the products in one split of its own."""
    workspace = Workspace(tmp_path / "workspace")
    pipeline.prepare_catalogue(workspace, earlier / "pegs.jsonl", "pegs", OTHER.replace({"seed": 3}))
    return workspace


def opened(earlier: Path, name: str) -> Run:
    return Run.open(Workspace(earlier / "workspace"), name)


def titles_of(*runs: Run) -> set[str]:
    return {product.title for run in runs for product in run.products()}


def test_an_export_tells_what_all_its_trainings_learned_from_and_no_text_or_path(earlier: Path) -> None:
    first, second = opened(earlier, "first"), opened(earlier, "second")
    found = read_record(earlier / "merged")
    assert found.runs == (
        (first.description["data_hash"], 8),
        (second.description["data_hash"], len(second.products())),
    )
    trained = [*first.products(), *second.products()]
    assert found.titles == {hash_title(one) for one in trained}
    assert found.descriptions == {hash_description(one) for one in trained}
    text = (earlier / "merged" / RECORD).read_text()
    assert not any(word in text.casefold() for word in ("peg", "oak", "coat", "first", str(earlier)))
    assert RECORD in json.loads((earlier / "merged" / "manifest.json").read_text())["files"]
    card = (earlier / "merged" / "README.md").read_text()
    line = f"- 8 products, of the catalogue with the SHA-256 `{first.description['data_hash']}`\n"
    assert f"{line}\nNothing was left out.\n" in card  # a paragraph of its own


def test_the_chain_of_bases_is_followed_and_nothing_is_measured_on_what_it_trained_on(
    earlier: Path, place: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []
    base = shutil.copytree(earlier / "merged", place.root.parent / "base")
    settings = SETTINGS.replace({"base_model": str(base)})
    run = pipeline.train_run(place, "pegs", "third", settings, say=heard.append)
    trained = titles_of(opened(earlier, "first"), opened(earlier, "second"))
    held_out = {
        split: {one.title: one.uid for one in run.catalogue().products(split)} for split in ("validation", "test")
    }
    repeated = {uid for titles in held_out.values() for title, uid in titles.items() if title in trained}
    count = sum(map(len, held_out.values()))
    assert 0 < len(repeated) < count
    assert set(run.description["seen"]) == repeated
    sentence = (
        f"{len(repeated)} of {count} held-out products were trained on by an earlier run in this base; nothing is"
    )
    assert heard[0].startswith(sentence)
    assert show_run(run)["earlier"]["warning"] == heard[0]
    assert (show_run(run)["earlier"]["runs"], show_run(run)["earlier"]["held_out"]) == (2, count)
    for split in ("validation", "test"):
        assert not trained & {one.title for one in run.held_out(split, None)}
    result = proof.evaluate_run(run, DecodingSettings(max_new_tokens=2), None, ["base", "tuned"])
    seen = len(held_out["test"].keys() & trained)
    assert result["earlier"] == {"held_out": len(held_out["test"]), "seen": seen, "known": True}
    assert result["n"] + len(result["leaks"]) == len(held_out["test"]) - seen
    told = f"{seen} of {len(held_out['test'])} held-out products were trained on by an earlier run in this base"
    assert told in (run.folder / "report" / "report.md").read_text()
    assert f"and {seen} because an earlier run in its base trained on them" in (run.adapter / "README.md").read_text()
    assert run_command(["runs", "show", "third", "--workspace", str(place.root)]) == 0
    assert sentence in capsys.readouterr().out
    # A run that begins from this one, and an export of it, know the whole chain, also when the first base is gone.
    fourth = pipeline.train_run(place, "pegs", "fourth", settings.replace({"seed": 4}), source=run)
    (base / RECORD).unlink()
    (base / "parity.json").unlink()
    assert len(trained_in_all(fourth, fourth.base_model()).runs) == 4
    assert titles_of(run) <= {one.title for one in fourth.catalogue().products("train")}
    assert {hash_title(one) for one in run.products()} <= read_record(fourth.folder).titles


def test_products_of_another_catalogue_that_the_base_was_trained_on_are_not_measured(
    earlier: Path, place: Workspace
) -> None:
    second = opened(earlier, "second")  # began from the run `first`, of other splits
    own = titles_of(opened(earlier, "first"))
    shutil.copytree(place.catalogue("pegs"), second.workspace.catalogue("elsewhere"))
    other = Catalogue.open(second.workspace.existing_catalogue("elsewhere"))
    assert own & {one.title for one in other.products("test")}
    kept, _ = sample_held_out(second, [], other, None)
    assert not own & {one.title for one in kept}
    assert len(sample_held_out(second, [], other, 2)[0]) == 2  # drawn from those that are left


def test_a_base_that_was_trained_on_every_held_out_product_is_said(
    earlier: Path, place: Workspace, tmp_path: Path
) -> None:
    base = shutil.copytree(earlier / "merged", tmp_path / "base")
    catalogue = Catalogue.open(place.existing_catalogue("pegs"))
    write_record(base, trained_on("0" * 64, catalogue.sample(None, None, 0)))
    run = pipeline.train_run(place, "pegs", "all", SETTINGS.replace({"base_model": str(base)}))
    assert run.count_held_out("test") == 0
    with pytest.raises(TooFewProducts, match=r"Each of the \d+ test products .* was trained on by an earlier run"):
        sample_held_out(run, run.products(), run.catalogue(), None)
    with pytest.raises(TooFewProducts, match=r"Each of the \d+ validation products .* Or set validate_every=0"):
        settings = SETTINGS.replace({"base_model": str(base), "validate_every": 1})
        pipeline.train_run(place, "pegs", "validated", settings)


def test_an_export_of_an_earlier_version_is_not_taken_for_an_untrained_model(
    earlier: Path, place: Workspace, tmp_path: Path
) -> None:
    base = shutil.copytree(earlier / "merged", tmp_path / "base")
    (base / RECORD).unlink()
    assert read_record(base) == UNKNOWN
    assert read_record(tmp_path) == NOTHING
    heard: list[str] = []
    settings = SETTINGS.replace({"base_model": str(base), "products": 4})
    run = pipeline.train_run(place, "pegs", "old", settings, say=heard.append)
    assert "What an earlier run in this base trained on was not known when this run began" in heard[0]
    assert show_run(run)["earlier"]["products"] is None
    (base / RECORD).write_text('{"runs": [3]}')
    with pytest.raises(Damaged, match="is no record of products; export the model again"):
        pipeline.train_run(place, "pegs", "spoilt", settings)
    assert place.runs() == ["old"]


def test_case_punctuation_and_the_order_of_a_title_hide_no_product() -> None:
    found = trained_on("", [Product("1", "Oak Peg, 3 cm", "Holds a coat of 3 stone.")])
    assert found.repeats(Product("2", "oak peg 3 CM!", "Other."))
    assert found.repeats(Product("2", "3 cm oak peg", "Other."))
    assert found.repeats(Product("2", "Other", "HOLDS a coat (of 3 stone)"))
    assert not found.repeats(Product("2", "Oak peg 4 cm", "Of 3 stone holds a coat."))
    assert not trained_on("", []).repeats(Product("2", "", ""))


def test_a_model_that_nobody_trained_has_no_record(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    assert read_record(tmp_path) == NOTHING
    (tmp_path / "parity.json").write_text('{"of": "another program"}')
    assert read_record(tmp_path) == NOTHING


def test_a_run_on_a_base_that_gets_its_record_later_is_measured_without_what_it_knows(
    earlier: Path, place: Workspace, tmp_path: Path
) -> None:
    base = shutil.copytree(earlier / "merged", tmp_path / "base")
    record = (base / RECORD).rename(tmp_path / RECORD)
    settings = SETTINGS.replace({"base_model": str(base), "products": 2})
    run = pipeline.train_run(place, "pegs", "old", settings)
    asked = (run, DecodingSettings(max_new_tokens=1), 1, ["tuned"])
    before = proof.evaluate_run(*asked)["earlier"]
    assert (before["seen"], before["known"]) == (0, False)
    assert "is not known, so products that are measured here" in (earlier_seen({"earlier": before}) or "")
    assert "number is not known" in (run.adapter / "README.md").read_text()
    written = (run.folder / "run.json").read_bytes()
    shutil.copy(record, base / RECORD)
    trained = titles_of(opened(earlier, "first"), opened(earlier, "second"))
    held_out = {one.title for one in run.catalogue().products("test")}
    after = proof.evaluate_run(*asked)["earlier"]  # the earlier result is not shown again
    assert after == {"held_out": len(held_out), "seen": len(held_out & trained), "known": True}
    assert after["seen"] > 0
    assert "number is not known" not in (run.adapter / "README.md").read_text()
    assert (run.folder / "run.json").read_bytes() == written
    old = Run(run.name, run.folder, place, {**run.description})  # as an earlier version left it
    for key in ("earlier", "seen", "left_out"):
        old.description.pop(key, None)
    for one in (run, old):
        assert {kept.title for kept in sample_held_out(one, [], one.catalogue(), None)[0]} == held_out - trained
        assert trained_in_all(one, one.base_model()).is_known
        (run.folder / RECORD).unlink(missing_ok=True)


def test_a_new_run_has_no_record_of_an_earlier_one_of_its_name(place: Workspace) -> None:
    folder = place.run("again")
    folder.mkdir(parents=True)
    write_record(folder, UNKNOWN)
    run = create_run(place, "again", "pegs", SETTINGS, find_model("tiny", place), None, [], print)
    assert trained_in_all(run, run.base_model()).runs == ((run.description["data_hash"], 8),)


SHA = "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "[]",
        json.dumps({"runs": [], "titles": ["0" * 16], "descriptions": []}),
        json.dumps({"runs": [], "titles": [], "descriptions": ["0" * 16]}),
        json.dumps({"runs": [{"catalogue_sha256": SHA, "products": 1}], "titles": ["`</td>"], "descriptions": []}),
        json.dumps({"runs": [{"catalogue_sha256": SHA, "products": 1}], "titles": [7], "descriptions": []}),
        json.dumps({"runs": [{"catalogue_sha256": f"{SHA}\n", "products": 1}], "titles": [], "descriptions": []}),
        json.dumps({"runs": [{"catalogue_sha256": "`</td><script>", "products": 1}], "titles": [], "descriptions": []}),
        json.dumps({"runs": [{"catalogue_sha256": None, "products": 1}], "titles": [], "descriptions": []}),
        *(
            f'{{"runs": [{{"catalogue_sha256": "{SHA}", "products": {count}}}], "titles": [], "descriptions": []}}'
            for count in ("1e999", "-5", "1.5", "true", '"1"', "NaN", "9" * 4000)
        ),
    ],
)
def test_a_record_that_shelftalk_cannot_have_written_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(Damaged):
        read_record(tmp_path)


def test_all_that_shelftalk_writes_is_a_record(tmp_path: Path) -> None:
    peg = Product("1", "Oak peg", "Holds a coat.")
    for found in (UNKNOWN, trained_on(SHA, []), trained_on(SHA, [peg]) | UNKNOWN):
        write_record(tmp_path, found)
        assert read_record(tmp_path) == found
