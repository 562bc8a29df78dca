"""An index says with which embedder it was made; vectors of another one are never mixed into it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from shelftalk import pipeline
from shelftalk.cli.main import run as run_command
from shelftalk.errors import Damaged, InvalidSettings, NewerFormat, UserError
from shelftalk.models.embedders import MINILM, EmbedderId, FoundEmbedder, find_embedder, open_for_questions
from shelftalk.proof import evaluate_run
from shelftalk.records import Product
from shelftalk.retrieval import vectors
from shelftalk.retrieval.index import EMBEDDED, SHARD, build_index, open_index
from shelftalk.retrieval.pointer import FORMAT, is_built, named_embedder
from shelftalk.retrieval.search import open_search
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace, read_json, write_json
from tests.german import german_workspace
from tests.models.test_embedders import save_bert, save_sentence_model
from tests.retrieval.words import WordEmbedder, numbered

OTHER = EmbedderId("other/model", "commit")


class Turned(WordEmbedder):
    """Another embedder: the numbers of each vector in reverse."""

    def embed(self, texts: Sequence[str], *more: object) -> np.ndarray:
        return np.ascontiguousarray(super().embed(texts)[:, ::-1])


def stored(folder: Path) -> np.ndarray:
    return np.concatenate(list(vectors.read_vectors(folder / vectors.FILE)))


def built(products: list[Product], folder: Path, embedder: WordEmbedder, identity: EmbedderId) -> np.ndarray:
    build_index(products, folder, embedder.embed, embedder=identity)
    return stored(folder)


def test_another_embedder_embeds_every_product_again_and_back(tmp_path: Path) -> None:
    folder, products = tmp_path / "index", numbered(40)
    first = built(products, folder, WordEmbedder(), MINILM)
    before = (folder / vectors.FILE).read_bytes()
    turned = Turned()
    assert np.array_equal(built(products, folder, turned, OTHER), first[:, ::-1])
    assert len(turned.embedded) == 40
    assert (vectors.embedder_of(folder / vectors.FILE), named_embedder(folder)) == (OTHER, OTHER)
    (folder / vectors.FILE).rename(tmp_path / "lost")
    assert named_embedder(folder) == OTHER  # by the pointer
    (tmp_path / "lost").rename(folder / vectors.FILE)
    pointer = read_json(folder / "index.json")
    assert (pointer["format"], pointer["embedder"]) == (FORMAT, OTHER._asdict())  # version 0.1 reads up to 1
    assert is_built(folder)
    again = WordEmbedder()
    build_index(products, folder, again.embed)
    assert len(again.embedded) == 40
    assert (folder / vectors.FILE).read_bytes() == before
    assert read_json(folder / "index.json")["format"] == 1


def test_other_weights_of_the_same_name_are_another_embedder(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    built(numbered(20), folder, Turned(), OTHER)
    again = WordEmbedder()
    build_index(numbered(20), folder, again.embed, embedder=OTHER._replace(revision="later"))
    assert len(again.embedded) == 20


def test_shards_of_a_killed_build_with_another_embedder_are_not_reused(tmp_path: Path) -> None:
    folder, products = tmp_path / "index", numbered(SHARD + 10)
    begun = Turned()

    def killed(texts: Sequence[str]) -> np.ndarray:
        if begun.embedded:
            raise KeyboardInterrupt
        return begun.embed(texts)

    with pytest.raises(KeyboardInterrupt):
        build_index(products, folder, killed, embedder=OTHER)
    assert len(list((folder / EMBEDDED).iterdir())) == 1
    own = WordEmbedder()
    assert np.array_equal(built(products, folder, own, MINILM), WordEmbedder().embed(own.embedded))
    assert len(own.embedded) == len(products)


def test_a_name_that_is_none_is_damage(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    built(numbered(5), folder, Turned(), OTHER)
    file = folder / vectors.FILE
    for named in (b"[]", b"{}", b'{"name": 1, "revision": ""}', b"{", b"\xff"):
        table = pq.read_table(file)
        pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), b"embedder": named}), file)
        with pytest.raises(Damaged):
            vectors.embedder_of(file)


def test_a_newer_format_is_refused_when_its_embedder_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    write_json(folder / "index.json", {"format": FORMAT + 1})
    with pytest.raises(NewerFormat):
        named_embedder(folder)


@pytest.fixture
def pegs(tiny_run: Run, tmp_path: Path) -> Run:
    shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace")
    return Run.open(Workspace(tmp_path / "workspace"), "pegs")


def test_a_run_is_searched_with_the_embedder_of_its_index(pegs: Run, tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model", prompts=True)
    made = pipeline.index_run(pegs, embedder=str(folder))
    assert made["embedder"] == str(folder)
    identity = find_embedder(str(folder), pegs.workspace).identity
    assert vectors.embedder_of(pegs.index / vectors.FILE) == identity
    assert stored(pegs.index).shape == (len(pegs.products()), 32)
    found = pipeline.open_index(pegs).search("Oak peg 3 cm", 2)
    assert found == open_search(pegs.index, pegs.workspace).search("Oak peg 3 cm", 2)
    assert {one.near for one in found} == {None}  # not measured
    answer = pipeline.ask(pegs, "Oak peg 3 cm", DecodingSettings(max_new_tokens=4), references=2)
    assert answer.references == found
    assert pipeline.index_run(pegs)["embedder"] == str(folder)  # unless another is asked for
    (pegs.index / vectors.FILE).write_bytes(b"damaged")
    assert pipeline.open_index(pegs).search("Oak peg 3 cm", 2) == found  # built again, with the same one


def test_an_index_that_is_replaced_while_its_embedder_loads_is_not_searched_with_the_earlier_one(
    pegs: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_sentence_model(tmp_path / "model")
    pipeline.index_run(pegs, embedder=str(folder))
    expected = pipeline.open_index(pegs).search("Oak peg 3 cm", 2)
    pipeline.index_run(pegs, embedder=MINILM.name)

    def load(found: FoundEmbedder) -> object:
        if found.identity == MINILM:  # another process is faster
            pipeline.index_run(pegs, embedder=str(folder))
        return open_for_questions(found)

    monkeypatch.setattr("shelftalk.retrieval.search.open_for_questions", load)
    assert pipeline.open_index(pegs).search("Oak peg 3 cm", 2) == expected


def test_what_was_made_with_references_of_another_embedder_is_another_result(pegs: Run, tmp_path: Path) -> None:
    source, output = tmp_path / "titles.csv", tmp_path / "texts.jsonl"
    source.write_text("title\nOak peg 3 cm\n", encoding="utf-8")
    few = DecodingSettings(max_new_tokens=4)
    pipeline.write_catalogue(pegs, source, output, few)
    assert pipeline.write_catalogue(pegs, source, output, few)["before"] == 1
    evaluate_run(pegs, few, 2, ("base", "tuned"))
    pipeline.index_run(pegs, embedder=str(save_sentence_model(tmp_path / "model")))
    with pytest.raises(UserError, match="is not this job's output"):
        pipeline.write_catalogue(pegs, source, output, few)
    written = read_json(pegs.folder / "report/evaluation.json")
    evaluate_run(pegs, few, 2, ("base", "tuned"))
    assert read_json(pegs.folder / "report/evaluation.json")["question"] != written["question"]
    assert pipeline.write_catalogue(pegs, source, output, few, references=0, replace=True)["described"] == 1


def test_a_changed_or_lost_embedder_is_said_and_the_index_is_left_alone(pegs: Run, tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    pipeline.index_run(pegs, embedder=str(folder))
    before = stored(pegs.index)
    save_bert(folder, seed=9)
    with pytest.raises(InvalidSettings, match="has changed since the index was made; index the run again with"):
        pipeline.open_index(pegs)
    shutil.rmtree(folder)
    with pytest.raises(InvalidSettings, match="made with another embedder than this machine has"):
        pipeline.open_index(pegs)
    assert np.array_equal(stored(pegs.index), before)
    assert pipeline.index_run(pegs, embedder=MINILM.name)["embedder"] == MINILM.name
    assert pipeline.open_index(pegs).search("Oak peg 3 cm", 1)[0].near is not None


def test_an_embedder_that_was_moved_with_the_workspace_is_found(pegs: Run, tmp_path: Path) -> None:
    folder = save_sentence_model(pegs.workspace.root / "models" / "own")
    pipeline.index_run(pegs, embedder=str(folder))
    expected = pipeline.open_index(pegs).search("Oak peg 3 cm", 2)
    pegs.workspace.root.rename(tmp_path / "elsewhere")
    moved = Run.open(Workspace(tmp_path / "elsewhere"), "pegs")
    assert pipeline.open_index(moved).search("Oak peg 3 cm", 2) == expected
    before = stored(moved.index)
    assert pipeline.index_run(moved)["embedder"] == str(folder)
    assert np.array_equal(stored(moved.index), before)
    save_bert(tmp_path / "elsewhere/models/own", seed=9)
    with pytest.raises(InvalidSettings, match="another embedder than this machine has"):
        pipeline.open_index(moved)


def test_the_command_takes_an_embedder_by_name(pegs: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from shelftalk.cli.main import run

    folder = save_sentence_model(tmp_path / "model")
    workspace = ("--workspace", str(pegs.workspace.root))
    assert run(["index", "pegs", "--embedder", str(folder), "--json", *workspace]) == 0
    assert json.loads(capsys.readouterr().out)["embedder"] == str(folder)
    assert run(["index", "pegs", "--embedder", "nothing", *workspace]) == 2
    assert "Error: There is no embedder 'nothing': give all-MiniLM-L6-v2" in capsys.readouterr().err
    assert open_index(pegs.index)[1].count == len(pegs.products())


@pytest.mark.parametrize("language", ["de", "en"])
def test_an_english_embedder_of_texts_in_another_language_is_said(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    root = tmp_path / "workspace"
    if language == "de":
        german_workspace(tiny_run, root)
    else:
        shutil.copytree(tiny_run.workspace.root, root)
    assert run_command(["index", tiny_run.name, "--workspace", str(root)]) == 0
    shown = " ".join(capsys.readouterr().err.split())
    said = "these products are in German: --embedder multilingual-e5-small finds more of them."
    assert (said in shown) == (language == "de")
