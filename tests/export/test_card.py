"""Test the model card: its front matter, its text, and that it reveals no local paths."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from shelftalk.export.card import example_of, model_card
from shelftalk.export.formats import FORMATS, Artefact, plan
from shelftalk.models.embedded import LICENCE
from shelftalk.models.registry import BaseModel
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product
from shelftalk.runs.run import Run
from shelftalk.workspace import read_json, write_json

EVALUATION = {
    "split": "test",
    "n": 32,
    "leaks": [{"uid": "1", "trained": "2", "field": "title", "similarity": 1.0}],
    "base": {"bits_per_byte": 1.5003, "stop_rate": 0.0312},
    "tuned": {"bits_per_byte": 1.111, "stop_rate": 1.0},
    "differences": [
        {
            "before": "base",
            "after": "tuned",
            "measures": {
                "bits_per_byte": {"difference": -0.3893, "interval": [-0.41, -0.35], "verdict": "better"},
                "stop_rate": {"difference": 0.9688, "interval": None, "verdict": None},
            },
        }
    ],
    "elsewhere": [
        {
            "name": "general text",
            "base": 0.9,
            "tuned": 0.95,
            "difference": 0.05,
            "interval": [-0.01, 0.1],
            "verdict": "x",
        }
    ],
}


def front_matter(card: str) -> dict[str, Any]:
    """Return a card's front matter as the Hub's own library parses it."""
    read: dict[str, Any] = ModelCard(card).data.to_dict()  # type: ignore[no-untyped-call]
    return read


@pytest.mark.parametrize("name", FORMATS)
def test_the_hub_reads_it(exports: dict[str, Path], name: str) -> None:
    data = front_matter((exports[name] / "README.md").read_text())
    assert "base_model" not in data  # only ids of the Hub are valid there
    assert data["library_name"] == FORMATS[name].library
    assert {"shelftalk", "product-descriptions"} <= set(data["tags"])
    assert data["license"] == "other"


@pytest.mark.parametrize("name", FORMATS)
def test_a_person_reads_where_it_comes_from(exports: dict[str, Path], tiny_run: Run, name: str) -> None:
    card = (exports[name] / "README.md").read_text()
    assert tiny_run.description["data_hash"] in card
    assert tiny_run.description["base"]["revision"] in card
    assert "30 rows read 30 were kept (23 train, 1 validation, 6 test)" in " ".join(card.split())
    assert "| learning_rate | 0.01 |" in card
    title = tiny_run.catalogue().sample("test", 20, tiny_run.settings.seed)[0].title
    assert f"~~~text\n{ENGLISH.prompt_for(title)}~~~" in card
    assert "not facts" in card
    found = read_json(exports[name] / "parity.json")
    assert f"{found['parity']['agreement']:.1%}" in card
    assert found["compared"] in " ".join(card.split())
    assert "Not measured yet: `shelftalk evaluate pegs`" in card


def test_its_program_writes_a_text(
    exports: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exports["merged"])
    programs = re.findall(r"~~~python\n(.*?)~~~", Path("README.md").read_text(), re.DOTALL)
    exec("\n".join(programs).replace("max_new_tokens=160", "max_new_tokens=8"), {})
    assert capsys.readouterr().out.strip()
    assert "model.generate(**inputs, max_new_tokens=160, do_sample=" in programs[-1]


@pytest.fixture
def gate(exports: dict[str, Path]) -> dict[str, Any]:
    found: dict[str, Any] = read_json(exports["adapter"] / "parity.json")
    return found


def test_it_says_that_the_loss_did_not_fall(copied_run: Run, gate: dict[str, Any]) -> None:
    artefact = plan(copied_run, copied_run.base_model(), "merged", None)
    assert "did not fall" not in model_card(artefact, gate, "Oak peg")
    (copied_run.folder / "metrics.jsonl").write_text('{"step": 1, "loss": 4.8}\n{"step": 2, "loss": 31.0}\n')
    assert "it was 4.800 over its first updates, and 31.000 over its last" in model_card(artefact, gate, "Oak peg")


def test_it_has_the_results_with_their_n(tiny_run: Run, gate: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    run = replace(tiny_run, folder=tmp_path / "run")
    write_json(run.folder / "report" / "evaluation.json", {"question": {}, "result": EVALUATION})
    card = model_card(plan(run, run.base_model(), "adapter", None), gate, "Oak peg")
    assert "n = 32 products of the split test" in card
    assert "| bits per byte | 1.5003 | 1.111 | -0.3893 [-0.41, -0.35]: better |" in card
    assert "| stop rate | 0.0312 | 1 | +0.9688, too few for an interval |" in card
    assert "| bits per byte of general text | 0.9 | 0.95 | +0.05 [-0.01, 0.1]: x |" in card
    assert "never trained on;\n1 others were excluded" in card
    assert "Not measured" not in card


def test_it_has_the_excluded_rows_with_their_reasons(
    tiny_run: Run, gate: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tiny_run.catalogue()
    catalogue.summary["rejected"] = {"duplicate_product": 3, "missing_title": 5}
    monkeypatch.setattr(Run, "catalogue", lambda _: catalogue)
    card = model_card(plan(tiny_run, tiny_run.base_model(), "adapter", None), gate, "Oak peg")
    assert "| duplicate product | 3 |\n| missing title | 5 |" in card


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_has_attributes_where_the_run_knows_them(tiny_run: Run, gate: dict[str, Any], name: str) -> None:
    request = example_of(
        [Product("1", "Hook", ""), Product("2", "Mog's peg", "", (("material", "beech"), ("fit", "3 cm")))]
    )
    assert request == "Mog's peg\nmaterial: beech\nfit: 3 cm"
    run = replace(tiny_run, description={**tiny_run.description, "attributes": ["material", "fit"]})
    card = model_card(Artefact(run, run.base_model(), name, "f32"), gate, request)
    assert f"~~~text\n{ENGLISH.prompt_for(request)}~~~" in card
    assert 'a line "name: value" for each attribute, in the order of the training products, and a cue' in card
    assert "from titles and attributes" in card
    quoted = {
        "gguf": shlex.quote(ENGLISH.prompt_for(request)),
        "ollama": shlex.quote(request),
        "vllm": "material: beech\\nfit",
    }
    assert quoted.get(name, "") in card
    assert example_of([Product("1", "Hook", "")]) == "Hook"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("adapter", "tokenizer.apply_chat_template(messages, add_generation_prompt=True)"),
        ("merged", "tokenizer.apply_chat_template(messages, add_generation_prompt=True)"),
        ("gguf", "`llama-server -m pegs-f32.gguf`"),
        ("ollama", "`ollama run pegs`, `/api/chat`"),
        ("vllm", "`/v1/chat/completions`"),
    ],
)
def test_it_says_how_to_chat_and_how_that_was_tried(exports: dict[str, Path], name: str, words: str) -> None:
    card = (exports[name] / "README.md").read_text()
    assert words in card.partition("## In a chat\n")[2].partition("\n## ")[0]
    assert "| second question of a chat read and answered as alone | yes | yes |" in card
    assert f"The chat was asked with {read_json(exports[name] / 'parity.json')['chat']['route']}." in card


def test_it_has_gemmas_terms(tiny_run: Run, gate: dict[str, Any]) -> None:
    embedded = BaseModel("gemma-3-270m", tiny_run.base_model().folder, "sha256:abc", LICENCE)
    card = model_card(Artefact(tiny_run, embedded, "adapter", "f32"), gate, "Oak peg")
    assert LICENCE in card
    assert "AutoPeftModelForCausalLM.from_pretrained(folder)  # with google/gemma-3-270m" in card
    assert "4-bit weights" in card
    data = front_matter(card)
    assert (data["license"], data["base_model"]) == ("gemma", "google/gemma-3-270m")
    hub = replace(embedded, name="google/gemma-2b", licence="see the model's page on the Hub")
    data = front_matter(model_card(Artefact(tiny_run, hub, "merged", "bf16"), gate, "Oak peg"))
    assert (data["license"], data["base_model"]) == ("gemma", "google/gemma-2b")


def test_it_contains_no_local_path(tiny_run: Run, gate: dict[str, Any], tmp_path: Path) -> None:
    own = BaseModel(str(tmp_path / 'Own: "Model"'), tiny_run.base_model().folder, "sample:abc", "one's own")
    settings = {**tiny_run.description["settings"], "base_model": own.name}
    run = replace(tiny_run, description={**tiny_run.description, "settings": settings})
    card = model_card(Artefact(run, own, "merged", "bf16"), gate, "Oak peg")
    assert str(tmp_path) not in card
    assert '- Base model: Own: "Model"; revision' in card
    assert "base_model" not in front_matter(card)
