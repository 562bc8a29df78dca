"""A run's adapter, its zip and its exports on another machine: no workspace, another home, no path of this disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub.constants
import pytest

from shelftalk import pipeline
from shelftalk.export.archive import zip_adapter
from shelftalk.export.card import adapter_card, example_of, model_card
from shelftalk.export.export import export
from shelftalk.export.formats import FORMATS, plan
from shelftalk.export.gate import gate_products
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models import tiny
from shelftalk.models.adapters import load_adapter
from shelftalk.models.load import load_model
from shelftalk.prompts import ENGLISH
from shelftalk.proof import write_report
from shelftalk.runs.run import CARD, Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import MANIFEST, faults, read_json, write_json, write_manifest
from tests.conftest import TINY_SETTINGS, copy_without_runs
from tests.evaluation.test_report import result

PROMPT = ENGLISH.prompt_for("Oak peg 3 cm")
GREEDY = DecodingSettings(max_new_tokens=24, temperature=0)
OURS, NEWER = "a" * 40, "b" * 40  # commits of a base model on the Hub

LOAD = """
import json, sys
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

told = {}
for folder in sys.argv[2:]:
    try:
        model, tokenizer = AutoPeftModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    except OSError as error:
        told[folder] = str(error)
        continue
    inputs = tokenizer(sys.argv[1], return_tensors="pt")
    written = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, inputs["input_ids"].shape[1] :]
    told[folder] = tokenizer.decode(written, skip_special_tokens=True).strip()
assert "shelftalk" not in sys.modules
print(json.dumps(told))
"""


class Elsewhere(NamedTuple):
    """Another person's home with the Hub's cache, and the folders of adapters there with what each should write."""

    home: Path
    written: dict[Path, str]


def load_there(home: Path, folders: list[Path]) -> dict[str, str]:
    """Load adapters as a person does who has only these folders and the Hub's cache; return what each wrote."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOAD, PROMPT, *map(str, folders)],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return told


def cache(root: Path, name: str, commit: str, seed: int = 0) -> None:
    """Add a model to the Hub's cache under `root`, as its client does, and make that commit the newest."""
    folder = root / f"models--{name.replace('/', '--')}"
    model, tokenizer = tiny.make(seed)
    for part in (model, tokenizer):
        part.save_pretrained(folder / "snapshots" / commit)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)


def what_it_writes(run: Run) -> str:
    """Return the text of the reference engine for PROMPT."""
    model, tokenizer = load_model(run.base_model().folder, "fp32")
    text = TransformersEngine(load_adapter(model, run.adapter), tokenizer).complete(PROMPT, tuned=True, settings=GREEDY)
    return text.text


def as_before(run: Run, name: str, listed: bool = False) -> Run:
    """Copy a run under another name with the adapter/ that 0.1 wrote; `listed`: with the card in its manifest."""
    old = run.folder.with_name(name)
    shutil.copytree(run.folder, old)
    base, config = run.description["base"]["name"], read_json(run.adapter / "adapter_config.json")
    write_json(old / "adapter" / "adapter_config.json", {**config, "base_model_name_or_path": base, "revision": None})
    (old / "adapter" / CARD).write_text(f"- Base model: {base}\n| base_model | {base} |\n")
    for file in [*(old / "adapter").glob("*token*"), *(old / "adapter").glob("*.jinja"), old / "adapter" / MANIFEST]:
        file.unlink()
    write_manifest(old / "adapter", excluded=() if listed else (CARD,))
    return Run.open(run.workspace, name)


def unpack(run: Run, folder: Path) -> Path:
    """Unpack a run's zip and return the folder in it."""
    with zipfile.ZipFile(io.BytesIO(zip_adapter(run))) as archive:
        archive.extractall(folder)
    return folder / f"{run.name}-adapter"


@pytest.fixture(scope="module")
def elsewhere(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Adapters of two runs of this version and of one as before, whose workspace is gone.

    The tiny model takes the place of Gemma 3 270M in the workspace, and of Gemma 2B in the cache of the Hub.
    """
    home, here = tmp_path_factory.mktemp("home of another"), tmp_path_factory.mktemp("here")
    workspace = copy_without_runs(tiny_run.workspace, here / "workspace")
    shutil.copytree(workspace.model("tiny"), workspace.model("gemma-3-270m"))
    cache(here / "hub", "google/gemma-2b", OURS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(here / "hub"))
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        written = {}
        for name, base in (("embedded", "gemma-3-270m"), ("hub", "google/gemma-2b")):
            run = pipeline.train_run(workspace, "pegs", name, TINY_SETTINGS.replace({"base_model": base, "epochs": 1}))
            told = what_it_writes(run)
            written[Path(shutil.copytree(run.adapter, home / f"{name} run"))] = told
            written[unpack(run, home / f"{name} zip")] = told
        old = as_before(Run.open(workspace, "embedded"), "old")
        export(old, "adapter", home / "old export")
        written |= dict.fromkeys((unpack(old, home / "old zip"), home / "old export"), written[home / "embedded run"])
    shutil.rmtree(here)
    cache(home / "hub" / "hub", "google/gemma-3-270m", OURS)
    cache(home / "hub" / "hub", "google/gemma-2b", OURS)
    cache(home / "hub" / "hub", "google/gemma-2b", NEWER, seed=1)
    yield Elsewhere(home, written)


def test_an_adapter_names_the_hubs_base_and_its_commit(elsewhere: Elsewhere) -> None:
    """Gemma 3 270M is converted from a package, so that it has no commit."""
    for folder in elsewhere.written:
        config = read_json(folder / "adapter_config.json")
        on_hub = folder.name.startswith("hub")
        expected = ("google/gemma-2b", OURS) if on_hub else ("google/gemma-3-270m", None)
        assert (config["base_model_name_or_path"], config["revision"]) == expected, folder
        assert faults(folder, required=["adapter_config.json", "tokenizer.json", "chat_template.jinja"]) == []
        card = (folder / CARD).read_text()
        assert "AutoPeftModelForCausalLM.from_pretrained(folder)" in card
        assert f"base_model: {json.dumps(expected[0])}".replace('"', "") in card.replace('"', "")


def test_the_zip_of_an_earlier_run_changes_nothing_in_the_run(dora_run: Run, tmp_path: Path) -> None:
    for name, listed in (("listed", True), ("free", False)):
        old = as_before(dora_run, name, listed)
        try:
            before = {path: path.read_bytes() for path in old.adapter.iterdir()}
            assert zip_adapter(old) == zip_adapter(old)
            assert {path: path.read_bytes() for path in old.adapter.iterdir()} == before
            moved = old.workspace.catalogue("pegs").rename(tmp_path / "moved")  # its card then says less
            try:
                card = (unpack(old, tmp_path / name) / CARD).read_text()
            finally:
                moved.rename(old.workspace.catalogue("pegs"))
            assert "products of the catalogue pegs" in card
            assert "How to load it" in card
            assert str(tmp_path.parent) not in card
        finally:
            shutil.rmtree(old.folder)


@pytest.fixture(scope="module")
def own(dora_run: Run, exports: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Everything that leaves this disk, of a run on a base model in a folder of one's own."""
    root = tmp_path_factory.mktemp("own")
    folders = {name: root / name for name in FORMATS}
    gate = read_json(exports["adapter"] / "parity.json")
    request = example_of(gate_products(dora_run)[0])
    for name, folder in folders.items():
        folder.mkdir()
        artefact = plan(dora_run, dora_run.base_model(), name, None)
        FORMATS[name].write(artefact, folder)
        (folder / CARD).write_text(model_card(artefact, gate, request))
    old = as_before(dora_run, "old")
    folders |= {"run": Path(shutil.copytree(dora_run.adapter, root / "run")), "zip": unpack(dora_run, root / "z")}
    folders["old zip"] = unpack(old, root / "old")
    write_report(old, result())
    folders["report"] = Path(shutil.copytree(old.folder / "report", root / "report"))
    shutil.rmtree(old.folder)
    return folders


def test_no_file_has_a_path_of_this_disk(dora_run: Run, own: dict[str, Path]) -> None:
    base = dora_run.base_model().folder
    places = [base, base.parent, dora_run.workspace.root, Path.home(), Path.cwd(), Path(sys.prefix)]
    forbidden = [os.fsencode(place) for place in places if len(place.parts) > 1] + [os.fsencode(tempfile.gettempdir())]
    for folder in own.values():
        for file in folder.rglob("*"):
            assert not [place for place in forbidden if file.is_file() and place in file.read_bytes()], file


@pytest.fixture(scope="module")
def told(elsewhere: Elsewhere, own: dict[str, Path], dora_run: Run) -> dict[str, str]:
    """What each adapter wrote elsewhere, or the error; one with a base of one's own also as its card says."""
    copy = shutil.copytree(dora_run.base_model().folder, elsewhere.home / "copy")
    edited = Path(shutil.copytree(own["zip"], elsewhere.home / "edited"))
    config: dict[str, Any] = read_json(edited / "adapter_config.json")
    write_json(edited / "adapter_config.json", {**config, "base_model_name_or_path": str(copy)})
    return load_there(elsewhere.home, [*elsewhere.written, own["zip"], edited])


@pytest.mark.kill
def test_peft_alone_loads_each_adapter_by_its_folder(elsewhere: Elsewhere, told: dict[str, str]) -> None:
    assert {folder: told[str(folder)] for folder in elsewhere.written} == elsewhere.written


@pytest.mark.kill
def test_a_base_of_ones_own_leads_to_the_card_that_says_what_to_do(
    dora_run: Run, own: dict[str, Path], told: dict[str, str], elsewhere: Elsewhere
) -> None:
    for name in ("run", "zip", "old zip", "adapter"):
        assert read_json(own[name] / "adapter_config.json")["base_model_name_or_path"] == "Own Model (read README.md)"
        card = (own[name] / CARD).read_text()
        assert "base_model:" not in card
        weights = (dora_run.base_model().folder / "model.safetensors").read_bytes()
        assert 'called `"Own Model"`.\nAsk for a copy' in card
        hashed = hashlib.sha256(weights).hexdigest()  # each fine-tune of the same architecture has the same size
        assert f"these weights:\n\n- `model.safetensors` of {len(weights):,} bytes, SHA-256 `{hashed}`\n" in card
    assert "Own Model (read README.md)" in told[str(own["zip"])]
    assert told[str(elsewhere.home / "edited")] == what_it_writes(dora_run)


def test_the_card_of_an_earlier_run_says_that_its_folder_does_not_load(dora_run: Run) -> None:
    assert "An earlier version" not in adapter_card(dora_run, {}, dora_run.loads_anywhere)
    old = as_before(dora_run, "old")
    try:
        assert "`shelftalk export old --to DIR --format adapter`" in adapter_card(old, {}, old.loads_anywhere)
    finally:
        shutil.rmtree(old.folder)
