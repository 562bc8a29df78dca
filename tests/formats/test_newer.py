"""A newer format is refused by its number, with the file and the cure, and nothing of it is changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged, InvalidSettings, NewerFormat, NotFound
from shelftalk.evaluation.votes import cast_vote, tally
from shelftalk.evidence.spans import SpanIndex
from shelftalk.generation.history import read_history
from shelftalk.generation.journal import Journal
from shelftalk.generation.texts import FORMAT as RECORD_FORMAT
from shelftalk.lines import read_records
from shelftalk.models.places import find_begun
from shelftalk.retrieval.pointer import FORMAT as INDEX_FORMAT
from shelftalk.retrieval.pointer import read_pointer
from shelftalk.review.decisions import Decision, DecisionLog
from shelftalk.review.outputs import find_record, list_outputs
from shelftalk.runs.describe import list_runs
from shelftalk.runs.metrics import read_newest_metrics
from shelftalk.runs.run import Run
from shelftalk.training.checkpoints import load_best, newest_checkpoint, read_update_scales
from shelftalk.training.train import fingerprint
from shelftalk.workspace import Workspace, read_json, write_json
from tests.conftest import write_catalogue_file
from tests.review.outputs import row, write_output
from tests.shell import Shell

REFUSED = r"{} has format {}, and this version of shelftalk reads only up to {}; update shelftalk with: pip install "


@pytest.fixture
def run(tiny_run: Run, tmp_path: Path) -> Run:
    root = shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace")
    copied = Run.open(Workspace(root), "pegs")
    pipeline.open_spans(copied)
    return copied


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of all files but locks."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(".lock"))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def number(file: Path, format: object = 2) -> None:
    write_json(file, {**read_json(file), "format": format})


def refused(file: Path, read: Callable[[], object], newest: int = 1) -> None:
    number(file, newest + 1)
    before = tree(file.parent)
    with pytest.raises(NewerFormat, match=REFUSED.format(file.name, newest + 1, newest)) as caught:
        read()
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert tree(file.parent) == before


def test_what_describes_a_folder_has_its_number(run: Run) -> None:
    newest = max(run.checkpoints.glob("step-*"))
    described = [run.folder / "run.json", newest / "progress.json", run.index / "index.json"]
    described += [run.folder / "spans" / "spans.json", run.catalogue().folder / "catalogue.json"]
    assert [read_json(file).get("format") for file in described] == [1] * 5


def test_a_newer_run_is_refused_and_listed_as_that(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    refused(run.folder / "run.json", lambda: Run.open(run.workspace, "pegs"))
    assert [one["status"] for one in list_runs(run.workspace)] == ["newer"]
    shell = Shell(run.workspace.root, capsys)
    for command in ("train pegs --run pegs", "runs show pegs", "runs resume pegs", "ask pegs Peg"):
        assert "run.json has format 2" in shell.mistake(*command.split())


def test_a_newer_catalogue_is_refused(run: Run) -> None:
    folder = run.catalogue().folder
    refused(folder / "catalogue.json", lambda: Catalogue.open(folder))


def prepare_others(run: Run, folder: Path) -> Callable[[], object]:
    source = write_catalogue_file(folder / "others.jsonl", 21)
    return lambda: pipeline.prepare_catalogue(run.workspace, source, "pegs", PrepareSettings())


def test_a_newer_catalogue_is_not_prepared_again(run: Run, tmp_path: Path) -> None:
    folder = run.catalogue().folder
    shutil.rmtree(run.folder)
    refused(folder / "catalogue.json", prepare_others(run, tmp_path))


def test_a_newer_bundled_catalogue_is_refused(workspace: Workspace) -> None:
    file = workspace.catalogue("demo") / "catalogue.json"
    write_json(file, {})
    refused(file, lambda: pipeline.prepare_bundled(workspace))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "Run pegs was trained on catalogue 'pegs'"),
        ({"base": {}}, "Run pegs was trained on catalogue 'pegs'"),
        (
            {"format": 2, "catalogue": {"name": "pegs"}},
            "run.json of pegs does not tell its catalogue.*runs delete pegs",
        ),
        (None, "run.json of pegs does not tell its catalogue.*runs delete pegs"),
        ([], "run.json of pegs does not tell its catalogue.*runs delete pegs"),
    ],
)
def test_the_catalogue_of_a_run_that_cannot_be_read_is_not_changed(
    run: Run, tmp_path: Path, change: dict[str, object] | list[object] | None, says: str
) -> None:
    folder, file = run.catalogue().folder, run.folder / "run.json"
    if isinstance(change, dict):
        write_json(file, {**read_json(file), **change})
    else:
        file.write_text("" if change is None else "[]")
    assert [one["status"] for one in list_runs(run.workspace)] == ["newer" if "2" in str(change) else "damaged"]
    before = tree(folder)
    with pytest.raises(InvalidSettings, match=says):
        prepare_others(run, tmp_path)()
    assert tree(folder) == before
    same, other = write_catalogue_file(tmp_path / "pegs.jsonl"), write_catalogue_file(tmp_path / "new.jsonl", 21)
    again = pipeline.prepare_catalogue(run.workspace, same, "pegs", PrepareSettings(test_share=0.2))
    assert again["data_hash"] == json.loads(before["catalogue.json"])["data_hash"]  # the same data, which harms no run
    pipeline.prepare_catalogue(run.workspace, other, "another", PrepareSettings())


def test_a_newer_checkpoint_is_refused_and_not_skipped(run: Run) -> None:
    newest = max(run.checkpoints.glob("step-*"))
    (newest / "manifest.json").unlink()  # whatever else a newer version changed in it
    refused(newest / "progress.json", lambda: newest_checkpoint(run.checkpoints, fingerprint(run)))
    with pytest.raises(NewerFormat):
        read_update_scales(run.checkpoints, None)


def test_newer_best_weights_are_refused(run: Run) -> None:
    best = run.checkpoints / "best"
    best.mkdir(exist_ok=True)
    write_json(best / "best.json", {"step": 1})
    refused(best / "best.json", lambda: load_best(run.checkpoints, None))


@pytest.mark.parametrize("read", [pipeline.open_index, pipeline.index_run, pipeline.ready])
def test_a_newer_index_is_refused_and_not_made_again(run: Run, read: Callable[[Run], object]) -> None:
    refused(run.index / "index.json", lambda: read(run), INDEX_FORMAT)


def test_a_newer_index_of_spans_is_refused_and_not_made_again(run: Run) -> None:
    refused(run.folder / "spans" / "spans.json", lambda: pipeline.open_spans(run))


@pytest.mark.parametrize("rows", [b"", b'{"row": 0, "text": ""}\n'])
def test_a_newer_journal_is_refused(tmp_path: Path, rows: bytes) -> None:
    path = tmp_path / "out.csv.journal"
    path.write_bytes(json.dumps({"format": 2, "job": {"a": 1}}).encode() + b"\n" + rows)
    before = path.read_bytes()
    with pytest.raises(NewerFormat, match=REFUSED.format(path.name, 2, 1)), Journal.open(path, {"a": 1}):
        pass
    assert path.read_bytes() == before


def test_a_newer_record_of_an_output_is_refused(run: Run, tmp_path: Path) -> None:
    output = write_output(tmp_path, [row(1)], records=run.folder / "generated")
    record = output.texts.with_suffix(".json")
    assert read_json(record)["format"] == RECORD_FORMAT
    refused(record, lambda: list_outputs(run))
    with pytest.raises(NewerFormat):
        find_record(run, output.path)
    with pytest.raises(NewerFormat):
        write_output(tmp_path, [row(1)], records=run.folder / "generated")


def test_newer_votes_and_answers_are_refused(run: Run) -> None:
    cast_vote(run.folder, "Peg", "tuned")
    for name, read in (("votes.jsonl", tally), ("history.jsonl", read_history)):
        file = run.folder / name
        with file.open("a") as lines:
            lines.write(json.dumps({"format": 2, "query": "Peg", "choice": {"of": "base"}}) + "\n")
        with pytest.raises(NewerFormat, match=REFUSED.format(name, 2, 1)):
            read(run.folder)


def test_newer_decisions_are_refused_and_not_left_out(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "texts.csv.decisions.jsonl")
    log.append([Decision("a", "b", "accepted", "", "A peg.", "Ana", "2026-11-30T00:00:00+00:00")])
    assert len(log.read_new()) == 1
    with log.path.open("a") as lines:
        lines.write(json.dumps({"format": 2, "product": "a", "decision": "withdrawn"}) + "\n")
    with pytest.raises(NewerFormat, match=REFUSED.format(log.path.name, 2, 1)):
        DecisionLog(log.path).read_new()


@pytest.mark.parametrize("format", [0, -1, True, "2", 1.5, None, [], 10**30])
def test_a_number_that_is_none_is_refused_too(run: Run, format: object) -> None:
    number(run.folder / "run.json", format)
    with pytest.raises(NewerFormat, match=r"run\.json has format"):
        Run.open(run.workspace, "pegs")


def test_a_description_that_is_no_object_is_damaged(run: Run) -> None:
    folder = run.catalogue().folder
    readers: dict[Path, Callable[[], object]] = {
        run.index / "index.json": lambda: read_pointer(run.index),
        run.folder / "spans" / "spans.json": lambda: SpanIndex.open(run.folder / "spans"),
        folder / "catalogue.json": lambda: Catalogue.open(folder),
    }
    moved = run.workspace.root / "base_models.json"
    newest, identity = max(run.checkpoints.glob("step-*")), fingerprint(run)
    for text in ("[]", "null", '"x"', "[" * 200_000):
        for file, read in readers.items():
            file.write_text(text)
            with pytest.raises(Damaged):
                read()
        moved.write_text(text)
        with pytest.raises(NotFound):  # the base model, and nothing else
            find_begun({"name": "/nowhere", "revision": "sample:0"}, "pegs", run.workspace)
        (newest / "progress.json").write_text(text)
        assert newest_checkpoint(run.checkpoints, identity)[0] != newest


@pytest.mark.parametrize("header", ["[]", "null", '"x"', "[" * 200_000])
def test_lines_that_are_no_objects_cost_themselves(tmp_path: Path, header: str) -> None:
    for name in ("out.journal", "history.jsonl", "decisions.jsonl", "metrics.jsonl"):
        (tmp_path / name).write_text(f"{header}\n")
    with pytest.raises(Damaged, match="is not a journal"), Journal.open(tmp_path / "out.journal", {"a": 1}):
        pass
    assert read_records(tmp_path / "history.jsonl") == []
    assert DecisionLog(tmp_path / "decisions.jsonl").read_new() == []
    assert read_newest_metrics(tmp_path) == {}


def test_a_record_of_an_output_that_is_no_object_costs_itself(run: Run, tmp_path: Path) -> None:
    output = write_output(tmp_path, [row(1)], records=run.folder / "generated")
    for text in ("[]", "null", '{"number": 1e999}'):
        output.texts.with_suffix(".json").write_text(text)
        assert list_outputs(run) == []
