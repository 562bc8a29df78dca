"""Test the files of each format, their metadata, refused options, and the disk space needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig

from shelftalk.errors import InvalidSettings, MissingPackage
from shelftalk.export import gate
from shelftalk.export.export import export
from shelftalk.export.formats import FORMATS, disk_needed, plan
from shelftalk.export.ollama import chat_prompt, template_of
from shelftalk.export.serving import example_request, modelfile
from shelftalk.generation import parity
from shelftalk.models.registry import BaseModel
from shelftalk.prompts import ENGLISH
from shelftalk.runs.run import RECORD, Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import faults, read_json
from tests.export.conftest import QUANTIZATIONS

GATES_TOKENS = parity.WRITTEN
TOKENIZER = {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
MERGED = {"config.json", "generation_config.json", "model.safetensors", RECORD} | TOKENIZER
FILES = {
    "adapter": {"adapter_config.json", "adapter_model.safetensors"} | TOKENIZER,
    "merged": MERGED,
    "gguf": {"pegs-f32.gguf"},
    "ollama": {"pegs-f16.gguf", "Modelfile"},
    "vllm": MERGED | {"serve.sh"},
}


@pytest.mark.parametrize("name", FILES)
def test_what_lies_in_the_folder(exports: dict[str, Path], name: str) -> None:
    folder = exports[name]
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert found == FILES[name] | {"README.md", "parity.json", "manifest.json"}
    assert faults(folder, required=found - {"manifest.json"}) == []
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o444 for path in folder.iterdir()} == {0o444 & ~umask}


@pytest.mark.parametrize("name", FILES)
def test_no_file_contains_a_local_path(exports: dict[str, Path], tiny_run: Run, name: str) -> None:
    places = [str(path).encode() for path in (exports[name], tiny_run.workspace.root, Path.home(), Path.cwd())]
    for file in exports[name].iterdir():
        assert not [place for place in places if len(place) > 1 and place in file.read_bytes()], file


@pytest.mark.parametrize("name", FILES)
def test_parity_json_says_what_was_compared(exports: dict[str, Path], name: str) -> None:
    found = read_json(exports[name] / "parity.json")
    assert found["parity"]["prompts"] == found["held_out_prompts"] + found["training_prompts"] == 20
    assert found["held_out_prompts"] == 6
    assert found["parity"]["divergence"] < found["limits"]["divergence"]
    assert found["parity"]["agreement"] >= found["limits"]["agreement"]
    assert found["parity"]["same_tokens"]
    assert found["parity"]["tokens"] <= 20 * 8  # the tests' texts are short
    assert (found["format"], found["weights"]) == (name, QUANTIZATIONS.get(name, "f32"))
    assert ("xllamacpp" if name in QUANTIZATIONS else "transformers") in found["compared"].partition(", with ")[2]
    others = {"ollama": "Ollama, not installed here", "vllm": "vLLM, not installed here"}
    assert found["not_replayed"] == others.get(name) or "installed here but not driven" in found["not_replayed"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_gate_is_passed_with_all_its_tokens(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The long form of all tests on exports: texts as long as the gate's own."""
    monkeypatch.setattr(gate, "WRITTEN", GATES_TOKENS)
    found = export(tiny_run, name, tmp_path / "out", QUANTIZATIONS.get(name))
    assert found["parity"]["tokens"] > 20 * 8
    assert found["parity"]["agreement"] >= found["limits"]["agreement"]


def test_what_is_not_rounded_is_exact(exports: dict[str, Path]) -> None:
    for name in ("adapter", "merged"):
        assert read_json(exports[name] / "parity.json")["parity"]["worst_divergence"] < 1e-9


def test_the_adapter_is_the_runs_own(exports: dict[str, Path], tiny_run: Run) -> None:
    weights = "adapter_model.safetensors"
    assert (exports["adapter"] / weights).read_bytes() == (tiny_run.adapter / weights).read_bytes()
    config = read_json(exports["adapter"] / "adapter_config.json")
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny (read README.md)", None)


@pytest.mark.parametrize(
    ("name", "expected", "revision"),
    [("gemma-3-270m", "google/gemma-3-270m", None), ("google/gemma-2b", "google/gemma-2b", "abc123")],
)
def test_an_adapter_names_the_hubs_base(
    tiny_run: Run, tmp_path: Path, name: str, expected: str, revision: str | None
) -> None:
    base = BaseModel(name, tiny_run.base_model().folder, "abc123", "some terms")
    FORMATS["adapter"].write(plan(tiny_run, base, "adapter", None), tmp_path)
    config = read_json(tmp_path / "adapter_config.json")
    assert (config["base_model_name_or_path"], config["revision"]) == (expected, revision)


def test_a_modelfile_asks_as_training_did(exports: dict[str, Path]) -> None:
    text = (exports["ollama"] / "Modelfile").read_text()
    for title in ("Oak peg 3 cm", 'A "quoted" title', "What is Mog's Kittens?", "Mug {{ .Role }}\ncolour: blue"):
        assert chat_prompt(template_of(text), [{"role": "user", "content": title}]) == ENGLISH.prompt_for(title)
    parameters = dict(re.findall(r"^PARAMETER (\w+) (.+)$", text, re.MULTILINE))
    settings = DecodingSettings()
    assert parameters.pop("stop") == '"<eos>"'
    assert {name: float(value) for name, value in parameters.items()} == {
        "num_ctx": 4096,
        "num_predict": settings.max_new_tokens,
        "temperature": 1,  # the run has no attributes
        "top_k": settings.top_k,
        "top_p": settings.top_p,
        "min_p": 0,
        "repeat_penalty": 1,
    }
    assert 'LICENSE """none: random weights"""' in text
    assert text.startswith("FROM ./pegs-f16.gguf\n")


def test_a_modelfile_says_how_a_prompt_has_attributes() -> None:
    plain = modelfile("a.gguf", "<eos>", "none", DecodingSettings(), ENGLISH)
    known = modelfile("a.gguf", "<eos>", "none", DecodingSettings(), ENGLISH, ["material", "fit"]).removeprefix(plain)
    has = 'a line "name: value" for each attribute, in this order: material, fit'
    assert known == f"# Under the title a prompt has {has}.\n"


def test_vllm_is_started_on_its_own_folder_for_this_machine_only(exports: dict[str, Path], tmp_path: Path) -> None:
    """A fake vLLM prints its arguments."""
    (tmp_path / "vllm").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "vllm").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [str(exports["vllm"] / "serve.sh"), "--max-model-len", "4096"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[:2] == ["serve", str(exports["vllm"])]
    assert told[told.index("--host") + 1] == "127.0.0.1"
    assert told[told.index("--served-model-name") + 1] == "pegs"
    assert json.loads(told[told.index("--override-generation-config") + 1]) == {"temperature": 1}
    assert told[-2:] == ["--max-model-len", "4096"]


def test_a_request_survives_the_shell() -> None:
    title = """Mog's "Kittens" $HOME `id`"""
    command = example_request("pegs", ENGLISH.prompt_for(title)).replace("curl", "printf '%s\\n'")
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()
    body = json.loads(told[-1])
    assert (body["model"], body["prompt"]) == ("pegs", ENGLISH.prompt_for(title))


def test_generation_defaults_are_ours(exports: dict[str, Path]) -> None:
    settings = DecodingSettings()
    defaults = read_json(exports["merged"] / "generation_config.json")
    assert defaults["max_new_tokens"] == settings.max_new_tokens
    assert (defaults["do_sample"], defaults["eos_token_id"]) == (True, 1)
    assert (defaults["temperature"], defaults["top_k"]) == (1, settings.top_k)


@pytest.mark.parametrize(
    ("name", "quantization", "kind"),
    [("adapter", None, "f32"), ("merged", None, "bf16"), ("gguf", None, "q8_0"), ("gguf", "bf16", "bf16")],
)
def test_dora_on_a_bf16_base(dora_run: Run, tmp_path: Path, name: str, quantization: str | None, kind: str) -> None:
    found = export(dora_run, name, tmp_path / "out", quantization)
    assert found["weights"] == kind
    if name == "merged":
        tensors = load_file(tmp_path / "out" / "model.safetensors").values()
        assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}
    written = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert b"Own Model" in (tmp_path / "out" / "README.md").read_bytes()
    assert os.fsencode(dora_run.base_model().folder.parent) not in written


@pytest.mark.parametrize("name", FILES)
def test_the_disk_needed_is_enough_and_realistic(exports: dict[str, Path], tiny_run: Run, name: str) -> None:
    folder, temporary = disk_needed(plan(tiny_run, tiny_run.base_model(), name, QUANTIZATIONS.get(name)))
    large = (path for path in exports[name].iterdir() if path.suffix in (".safetensors", ".gguf"))
    weights = sum(path.stat().st_size for path in large)
    assert weights < folder < 3 * weights + 5 * 2**20
    assert (temporary > 0) == (name in QUANTIZATIONS)


@pytest.mark.parametrize(
    ("name", "quantization", "words"),
    [
        ("zip", None, "--format must be one of adapter, merged, gguf, ollama, vllm, got 'zip'"),
        ("gguf", "q1", "--quantization must be one of f32, f16, q8_0, bf16, got 'q1'"),
        ("merged", "q8_0", "--quantization is for gguf and ollama, got 'q8_0' with merged"),
    ],
)
def test_unknown_options_are_refused(
    tiny_run: Run, tmp_path: Path, name: str, quantization: str | None, words: str
) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(words)):
        export(tiny_run, name, tmp_path / "out", quantization)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gguf", "ollama"])
def test_a_base_that_llama_cpp_cannot_read_is_refused(tiny_run: Run, tmp_path: Path, name: str) -> None:
    LlamaConfig().save_pretrained(tmp_path)
    base = BaseModel("llama", tmp_path, "abc", "some terms")
    with pytest.raises(InvalidSettings, match=r"models of type llama are not converted.*take --format merged"):
        plan(tiny_run, base, name, None)


def test_without_llama_cpp_the_formats_of_transformers_are_left(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shelftalk.generation.llama_cpp_engine", None)
    with pytest.raises(MissingPackage, match="xllamacpp cannot be loaded"):
        export(tiny_run, "gguf", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert export(tiny_run, "adapter", tmp_path / "out")["format"] == "adapter"
