"""What version 0.1 wrote opens in this version, and goes on; see make_version_0_1.py for how it was made."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline, proof
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import InvalidSettings, UserError
from shelftalk.evaluation.votes import cast_vote, tally
from shelftalk.evidence.spans import SpanIndex
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.faults import check_text
from shelftalk.generation.history import read_history
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.generation.texts import Texts
from shelftalk.retrieval.index import build_index
from shelftalk.retrieval.pointer import is_built
from shelftalk.review.outputs import find_output, find_record, list_outputs
from shelftalk.runs.describe import list_runs, show_run
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.training.jobs import resume_run
from shelftalk.workspace import Workspace, faults, sha256

ARCHIVE = Path(__file__).parent / "version_0_1.tar.xz"
DECODING = DecodingSettings(max_new_tokens=8, seed=1)  # those of make_version_0_1.py


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version-0-1")
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            assert not Path(member.name).is_absolute() and ".." not in Path(member.name).parts
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    return folder


@pytest.fixture
def shop(unpacked: Path, tmp_path: Path) -> Path:
    return shutil.copytree(unpacked, tmp_path / "shop")


def opened(shop: Path, name: str) -> Run:
    return Run.open(Workspace(shop / "workspace"), name)


def write(shop: Path, output: str, **changes: Any) -> dict[str, Any]:
    """Go on with a job of version 0.1: its commands, with an engine that says the title again."""
    run, said = opened(shop, "finished"), list[str]()
    target = shop / output
    job = Job(
        shop / "products.csv",
        target,
        run.decoding(DECODING),
        {"adapter": sha256(run.adapter / "manifest.json"), "engine": "transformers"},
        find_record(run, target),
        run.template,
        known=run.known_attributes,
    )
    engine = ScriptedEngine(lambda prompt, tuned: prompt.partition("\n")[0])
    found = describe_titles(replace(job, **changes), lambda: engine, lambda: pipeline.open_index(run), say=said.append)
    return {**found, "said": "".join(said)}


def test_the_fixture_is_small() -> None:
    assert ARCHIVE.stat().st_size < 100_000


def test_a_catalogue_opens_and_is_what_its_file_gives_today(shop: Path) -> None:
    workspace = Workspace(shop / "workspace")
    catalogue = Catalogue.open(workspace.existing_catalogue("pegs"))
    assert len(catalogue.products()) == catalogue.count() == 14
    assert catalogue.attribute_names() == []
    assert not faults(catalogue.folder)  # the hashes of version 0.1 hold
    settings = PrepareSettings(attributes="none")
    assert pipeline.prepare_catalogue(workspace, shop / "products.csv", "pegs", settings)["kept"] == 14
    assert Catalogue.open(catalogue.folder).data_hash == catalogue.data_hash


def test_a_run_is_listed_and_shown_with_its_hashes(shop: Path) -> None:
    workspace = Workspace(shop / "workspace")
    assert {run["name"]: run["status"] for run in list_runs(workspace)} == {
        "finished": "finished",
        "killed": "interrupted",
    }
    run = opened(shop, "finished")
    assert show_run(run)["metrics"]["step"] == 6
    assert not faults(run.adapter)
    assert len(run.products()) == 12
    assert run.base_model().revision == run.description["base"]["revision"]


def test_a_killed_run_goes_on_from_its_checkpoint_to_the_adapter_of_version_0_1(shop: Path) -> None:
    run, said = opened(shop, "killed"), list[str]()
    described = (run.folder / "run.json").read_bytes()
    resume_run(run, say=said.append)
    assert "Going on from update 3." in said
    assert (run.folder / "run.json").read_bytes() == described
    found, other = (load_file(one.adapter / "adapter_model.safetensors") for one in (run, opened(shop, "finished")))
    assert found.keys() == other.keys()
    for name, value in found.items():  # equal to the byte on the machine of the fixture
        torch.testing.assert_close(value, other[name], rtol=1e-3, atol=1e-3)


def test_an_index_answers_as_it_is(shop: Path) -> None:
    run = opened(shop, "finished")
    before = sha256(run.index / "vectors.parquet"), sha256(run.folder / "spans" / "manifest.json")
    found = pipeline.open_index(run).search("Oak peg 5 cm", 2)
    assert found[0].title == "Oak peg 5 cm"
    assert SpanIndex.open(run.folder / "spans").find("A peg of oak, 5 cm long, oiled twice.")
    assert (sha256(run.index / "vectors.parquet"), sha256(run.folder / "spans" / "manifest.json")) == before
    assert is_built(run.index)


def test_its_vectors_are_not_made_again(shop: Path) -> None:
    run = opened(shop, "finished")
    shutil.rmtree(run.index / "embedded", ignore_errors=True)

    def embed(texts: object) -> object:
        raise AssertionError("nothing is to be embedded")

    assert build_index(run.products(), run.index, embed)["products"] == 12  # type: ignore[arg-type]


def test_its_texts_are_explained(shop: Path) -> None:
    found = proof.explain(opened(shop, "finished"), "Oak peg 31 cm", DECODING, description="It holds a coat.")
    assert found["references"]
    assert found["influence"]  # from the optimiser's state in the checkpoint


def test_history_and_votes_are_read_and_go_on(shop: Path) -> None:
    folder = opened(shop, "finished").folder
    assert [row["query"] for row in read_history(folder)] == ["Oak peg 31 cm"]
    cast_vote(folder, "Oak peg 33 cm", "tuned")
    assert {key: tally(folder)[key] for key in ("tuned", "base", "n")} == {"tuned": 2, "base": 1, "n": 3}


def test_an_unfinished_journal_goes_on_with_its_rows_which_are_checked_now(shop: Path) -> None:
    journal = shop / "more.csv.journal"
    header, *rows = map(orjson.loads, journal.read_bytes().splitlines())
    rows[0]["text"] = "It weighs 99 kg."  # a claim that nothing states
    journal.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in (header, *rows)))
    found = write(shop, "more.csv", references=1)
    assert (found["before"], found["described"]) == (len(rows), 14) == (4, 14)
    assert not journal.exists()
    run = opened(shop, "finished")
    texts = Texts(find_output(run, shop / "more.csv").texts)  # so it can be reviewed and published
    index = pipeline.open_index(run)
    for row in rows:
        written = texts[row["row"]]
        assert written.description == row["text"]
        expected = check_text(row["text"], written.title, index.search(written.title, 1), language="en")
        assert (written.unsupported, written.contradicted) == (expected.unsupported, expected.contradicted)
    assert texts[rows[0]["row"]].unsupported == 1


def test_a_journal_of_another_job_is_refused(shop: Path) -> None:
    with pytest.raises(InvalidSettings, match="references: 1, now 2"):
        write(shop, "more.csv", references=2)


def test_a_finished_output_is_kept_and_says_what_it_lacks(shop: Path) -> None:
    content = (shop / "texts.csv").read_bytes()
    found = write(shop, "texts.csv")
    assert (found["before"], found["described"]) == (14, 14)
    assert "write it again with --replace" in found["said"]
    assert (shop / "texts.csv").read_bytes() == content
    run = opened(shop, "finished")
    assert list_outputs(run) == []
    with pytest.raises(UserError, match=r"was written by version 0\.1, without the texts that review and publish need"):
        find_output(run, shop / "texts.csv")
    write(shop, "texts.csv", replace=True)
    assert find_output(run, shop / "texts.csv").texts.is_file()


def test_its_evaluation_is_shown(shop: Path) -> None:
    evaluation = proof.read_evaluation(opened(shop, "finished").folder)
    assert evaluation is not None and evaluation["n"] == 1
