"""Load each format in a process without shelftalk: the same prompts give the same greedy texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shelftalk.export.ollama import chat_prompt, template_of
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import load_adapter
from shelftalk.models.load import load_model
from shelftalk.prompts import ENGLISH
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

TITLES = [f"Oak peg {number} cm" for number in range(4)]
GREEDY = DecodingSettings(max_new_tokens=24, temperature=0)

TRANSFORMERS = """
import json, sys
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

prompts = json.loads(sys.argv[1])
base, adapter, *merged = sys.argv[2:]


def write(model, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for prompt in prompts:
        inputs = tokenizer(prompt, return_tensors="pt")
        written = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, inputs["input_ids"].shape[1] :]
        yield tokenizer.decode(written, skip_special_tokens=True).strip()


told = {adapter: list(write(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter), adapter))}
for folder in merged:
    told[folder] = list(write(AutoModelForCausalLM.from_pretrained(folder), folder))
assert "shelftalk" not in sys.modules
print(json.dumps(told))
"""

LLAMA_CPP = """
import json, sys, tempfile
from pathlib import Path
import xllamacpp

prompts = json.loads(sys.argv[1])
told = {}
for file in sys.argv[2:]:
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_parallel, parameters.n_ctx = file, 1, 1024
    parameters.hostnames, parameters.warmup, parameters.verbosity = [tempfile.mkdtemp() + "/llama.sock"], False, -1
    server = xllamacpp.Server(parameters)
    requests = [{"prompt": prompt, "max_tokens": 24, "temperature": 0.0} for prompt in prompts]
    told[file] = [server.handle_completions(request)["choices"][0]["text"].strip() for request in requests]
    del server
assert "shelftalk" not in sys.modules
print(json.dumps(told))
"""


def in_clean_process(program: str, prompts: list[str], paths: list[Path], folder: Path) -> dict[str, list[str]]:
    """Run a program without the environment that makes shelftalk importable and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, json.dumps(prompts), *map(str, paths)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def ours(tiny_run: Run) -> list[str]:
    """The texts of the reference engine."""
    model, tokenizer = load_model(tiny_run.base_model().folder, "fp32")
    engine = TransformersEngine(load_adapter(model, tiny_run.adapter), tokenizer)
    texts = [engine.complete(ENGLISH.prompt_for(title), tuned=True, settings=GREEDY).text for title in TITLES]
    assert texts != [engine.complete(ENGLISH.prompt_for(title), tuned=False, settings=GREEDY).text for title in TITLES]
    return texts


@pytest.mark.kill
def test_plain_transformers_and_peft(tiny_run: Run, exports: dict[str, Path], ours: list[str], tmp_path: Path) -> None:
    paths = [tiny_run.base_model().folder, exports["adapter"], exports["merged"], exports["vllm"]]
    told = in_clean_process(TRANSFORMERS, [ENGLISH.prompt_for(title) for title in TITLES], paths, tmp_path)
    assert told == {str(exports[name]): ours for name in ("adapter", "merged", "vllm")}


@pytest.mark.kill
def test_plain_llama_cpp(exports: dict[str, Path], ours: list[str], tmp_path: Path) -> None:
    """For Ollama, file and prompt are those of its Modelfile."""
    told = in_clean_process(
        LLAMA_CPP, [ENGLISH.prompt_for(title) for title in TITLES], [exports["gguf"] / "pegs-f32.gguf"], tmp_path
    )
    assert list(told.values()) == [ours]
    text = (exports["ollama"] / "Modelfile").read_text()
    file = exports["ollama"] / text.partition("FROM ")[2].partition("\n")[0]
    prompts = [chat_prompt(template_of(text), [{"role": "user", "content": title}]) for title in TITLES]
    (written,) = in_clean_process(LLAMA_CPP, prompts, [file], tmp_path).values()
    same = sum(one == other for one, other in zip(written, ours, strict=True))
    assert same >= len(TITLES) - 1  # in f16; one may differ where two tokens are almost equally probable
