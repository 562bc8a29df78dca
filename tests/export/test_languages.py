"""A run of a Portuguese catalogue is trained, asked, exported and served with Portuguese words around its texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shelftalk import pipeline, proof
from shelftalk.api.app import create_app
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evaluation.accepted import create_run
from shelftalk.evaluation.evaluate import _template
from shelftalk.evaluation.ways import BASE, SOURCE
from shelftalk.export.export import export
from shelftalk.generation import on_cluster
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.models.chat_template import trained_language
from shelftalk.models.registry import find_model
from shelftalk.models.tokens import load_tokenizer
from shelftalk.prompts import ENGLISH, TEMPLATES
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.training.lengths import measure_lengths
from shelftalk.training.train import fingerprint, make_plan
from shelftalk.training.validation import validation_examples
from shelftalk.workspace import Workspace
from tests.api.served import FewReferences, WatchedEngine
from tests.conftest import TINY_SETTINGS, write_catalogue_file

PORTUGUESE = TEMPLATES["pt"]
SETTINGS = TINY_SETTINGS.replace({"epochs": 1, "validate_every": 0})
GREEDY = DecodingSettings(max_new_tokens=12, temperature=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the run `cabides`, and a catalogue in English; tests leave them as they are."""
    root = tmp_path_factory.mktemp("languages")
    workspace = Workspace(root / "workspace")
    text = "Um cabide de {0} cm para os casacos da casa, com dois parafusos, e não risca a parede."
    rows = [{"title": f"Cabide {one} cm", "material": "carvalho", "content": text.format(one)} for one in range(30)]
    (root / "cabides.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    split = PrepareSettings(test_share=0.2, validation_share=0.1)
    pipeline.prepare_catalogue(workspace, root / "cabides.jsonl", "cabides", split)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", split)
    pipeline.train_run(workspace, "cabides", "cabides", SETTINGS)
    return workspace


@pytest.fixture
def run(place: Workspace) -> Run:
    return Run.open(place, "cabides")


def test_every_row_of_training_and_validation_asks_in_its_language(run: Run) -> None:
    tokenizer = load_tokenizer(run.base_model().folder)
    examples = [*make_plan(run, tokenizer).examples, *validation_examples(tokenizer, run)]
    rows = [tokenizer.decode(one.ids) for one in examples]
    assert all("\nmaterial: carvalho\n\nDescrição do produto:\nUm cabide" in row for row in rows)
    assert any("O que é Cabide" in row for row in rows)
    assert not [row for row in rows if "Product description" in row or "What is" in row]


def test_lengths_are_those_of_the_prompts_in_the_language_of_the_catalogue(run: Run) -> None:
    tokenizer, catalogue = load_tokenizer(run.base_model().folder), run.catalogue()
    own = measure_lengths(catalogue, tokenizer)
    english = measure_lengths(Catalogue(catalogue.folder, {**catalogue.summary, "language": "en"}), tokenizer)
    assert own["row"] != english["row"]


@pytest.mark.parametrize("way", ["plain", "grounded", "with_references"])
def test_every_way_of_writing_asks_in_its_language(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    asked: list[str] = []
    engine = ScriptedEngine(lambda prompt, tuned: asked.append(prompt) or "Um cabide azul de 9 m.")  # type: ignore[func-returns-value]
    for module in (pipeline, proof, on_cluster):
        monkeypatch.setattr(module, "open_engine", lambda *_, **__: engine)
    options = {} if way == "plain" else {way: True}
    pipeline.ask(run, "Cabide 7 cm", GREEDY, 1, **options)  # type: ignore[arg-type]
    (tmp_path / "in.csv").write_text("title\nCabide 7 cm\n")
    pipeline.write_catalogue(run, tmp_path / "in.csv", tmp_path / "out.csv", GREEDY, 1, **options)  # type: ignore[arg-type]
    if way == "plain":
        pipeline.compare_held_out(run, 2, GREEDY, 1)
        proof.explain(run, "Cabide 7 cm", settings=GREEDY, influence=False)
    assert len(asked) > 2
    assert all("\n\nDescrição do produto:\n" in one and "Product description" not in one for one in asked)


@pytest.mark.parametrize("name", ["merged", "ollama"])
def test_exports_have_its_words_and_pass_the_gate(run: Run, tmp_path: Path, name: str) -> None:
    export(run, name, tmp_path / "out", "f32" if name == "ollama" else None)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert 'language: "pt"\n' in card and "Descrição do produto:" in card and "Product description:" not in card
    if name == "ollama":
        import gguf

        template = (
            gguf.GGUFReader(tmp_path / "out" / "cabides-f32.gguf").get_field("tokenizer.chat_template").contents()
        )
        texts = [template, (tmp_path / "out" / "Modelfile").read_text(encoding="utf-8")]
    else:
        texts = [(tmp_path / "out" / "chat_template.jinja").read_text(encoding="utf-8")]
        assert trained_language(tmp_path / "out") == trained_language(run.adapter) == "pt"
    assert all("Descrição do produto:" in one and "Product description:" not in one for one in texts)


@pytest.mark.parametrize("code", TEMPLATES)
def test_a_chat_template_makes_the_prompts_of_training(run: Run, code: str) -> None:
    from shelftalk.models.chat_template import chat_template

    tokenizer, words = load_tokenizer(run.base_model().folder), TEMPLATES[code]
    chat = [{"role": "user", "content": "Cabide\nmaterial: carvalho"}]
    made = tokenizer.apply_chat_template(
        chat, chat_template=chat_template(words), tokenize=False, add_generation_prompt=True
    )
    assert made == tokenizer.bos_token + words.prompt_for("Cabide\nmaterial: carvalho")


def test_a_run_that_begins_from_weights_in_another_language_says_so_and_takes_its_catalogues(
    place: Workspace, run: Run, tmp_path: Path
) -> None:
    said: list[str] = []
    begun = create_run(place, "pegs", "pegs", run.settings, run.base_model(), run, (), said.append)
    expected = (
        "The weights that this run begins from learned requests in Portuguese; its own are in English, the language of "
        "catalogue 'pegs'."
    )
    assert expected in said
    assert begun.template == ENGLISH
    assert [_template(begun, side) for side in (BASE, "tuned", SOURCE)] == [ENGLISH, ENGLISH, PORTUGUESE]
    export(run, "merged", tmp_path / "merged")
    merged = str(tmp_path / "merged")
    for catalogue, count in (("pegs", 1), ("cabides", 0)):
        said.clear()
        settings = SETTINGS.replace({"base_model": merged})
        create_run(place, f"on-{catalogue}", catalogue, settings, find_model(merged, place), None, (), said.append)
        assert said.count(expected) == count


def test_the_language_is_part_of_what_a_checkpoint_belongs_to(run: Run) -> None:
    other = Run(run.name, run.folder, run.workspace, {**run.description, "language": "en"})
    assert fingerprint(run) != fingerprint(other)


def test_a_server_asks_in_its_language(tmp_path: Path) -> None:
    engine = WatchedEngine()
    served = Run("cabides", tmp_path, Workspace(tmp_path), {"language": "pt"})
    client = TestClient(create_app(engine, FewReferences(), served), base_url="http://127.0.0.1")
    chat = {"model": "cabides", "messages": [{"role": "user", "content": "O que é isto?"}], "max_tokens": 3}
    assert client.post("/v1/chat/completions", json=chat).status_code == 200
    assert client.post("/v1/describe", json={"title": "Cabide", "max_new_tokens": 3}).status_code == 200
    asked = ["O que é isto?", "Cabide", "Cabide"]
    assert [prompt for prompt, _, _ in engine.calls] == list(map(PORTUGUESE.prompt_for, asked))
