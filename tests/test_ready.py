"""After `make_ready`, a run answers its first question without building anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.errors import NotFound, NotWritable
from shelftalk.generation import choose
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace

pytestmark = pytest.mark.skipif(choose._has_gpu(), reason="says what a machine without a GPU does")


@pytest.fixture
def bare(tiny_run: Run, tmp_path: Path) -> Run:
    """A finished run without an index and without files for llama.cpp, as after training."""
    shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace")
    run = Run.open(Workspace(tmp_path / "workspace"), "pegs")
    for folder in (run.index, run.folder / "gguf", *run.workspace.root.glob("models/*.gguf")):
        shutil.rmtree(folder, ignore_errors=True)
    return run


def test_what_is_missing_is_made_once(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not pipeline.ready(bare)
    said: list[str] = []
    counted: list[tuple[int, int]] = []
    count = len(bare.products())
    made = pipeline.make_ready(bare, lambda done, total: counted.append((done, total)), said.append)
    assert made == {"run": "pegs", "indexed": count, "engine": "llama.cpp"}
    assert counted[-1] == (count, count)
    assert [line.split(" for llama.cpp")[0] for line in said] == ["Converting tiny", "Converting the tuned model"]
    assert pipeline.ready(bare)

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is left to make")

    for name in ("models.gguf_files.write_gguf", "models.gguf_files.merge_gguf", "pipeline.index_run"):
        monkeypatch.setattr(f"shelftalk.{name}", refuse)
    assert pipeline.make_ready(bare) == made
    said.clear()
    answer = pipeline.ask(bare, "Oak peg 3 cm", DecodingSettings(max_new_tokens=4), say=said.append)
    assert answer.references
    assert said == []


@pytest.mark.kill
def test_the_first_question_builds_everything_in_a_new_process(bare: Run) -> None:
    """Index and conversion both import transformers first: in two threads at once one of them fails."""
    command = [sys.executable, "-m", "shelftalk", "ask", "pegs", "Oak peg 3 cm", "--max-new-tokens", "4"]
    command += ["--workspace", str(bare.workspace.root), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["references"]


@pytest.fixture(scope="module")
def made_ready(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with all it needs; tests copy it."""
    root = tmp_path_factory.mktemp("ready") / "workspace"
    shutil.copytree(tiny_run.workspace.root, root)
    run = Run.open(Workspace(root), "pegs")
    pipeline.make_ready(run)
    return run


@pytest.fixture
def ready(made_ready: Run, tmp_path: Path) -> Run:
    """A copy of a run with all it needs."""
    shutil.copytree(made_ready.workspace.root, tmp_path / "ready")
    return Run.open(Workspace(tmp_path / "ready"), "pegs")


def test_a_run_with_a_part_missing_is_not_ready(ready: Run) -> None:
    for part in ("index/vectors.parquet", "index/index.json", "index/chroma-*/chroma.sqlite3", "gguf/*/model.gguf"):
        (file,) = ready.folder.glob(part)
        content = file.read_bytes()
        file.unlink()
        assert not pipeline.ready(ready), part
        file.write_bytes(content)
        assert pipeline.ready(ready), part


def test_an_unfinished_run_and_one_without_its_model_are_not_ready(ready: Run, tmp_path: Path) -> None:
    unfinished = replace(ready, folder=tmp_path / "nothing")
    assert not pipeline.ready(unfinished)
    with pytest.raises(NotFound, match="has not finished"):
        pipeline.make_ready(unfinished)

    for name in ("nobody/has-this-model", str(tmp_path / "removed")):
        other = {**ready.description, "base": {**ready.description["base"], "name": name}}
        assert not pipeline.ready(replace(ready, description=other))
    shutil.rmtree(ready.workspace.model("tiny"))
    assert not pipeline.ready(ready)
    assert not ready.workspace.model("tiny").exists()  # to look is not to make


def test_where_nothing_can_be_converted_transformers_is_ready(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise NotWritable("the disk is full")

    monkeypatch.setattr("shelftalk.generation.llama_cpp_engine.find_base", full)
    said: list[str] = []
    assert pipeline.make_ready(bare, say=said.append)["engine"] == "transformers"
    assert said == ["transformers writes instead of llama.cpp: the disk is full"]
    assert not pipeline.ready(bare)  # the first question would retry
    monkeypatch.setitem(sys.modules, "shelftalk.generation.llama_cpp_engine", None)
    assert pipeline.ready(bare)  # without llama.cpp there is nothing to convert


def test_to_look_loads_no_model(ready: Run) -> None:
    program = (
        "import sys\n"
        "from shelftalk import pipeline\n"
        "from shelftalk.runs.run import Run\n"
        "from shelftalk.workspace import Workspace\n"
        "assert pipeline.ready(Run.open(Workspace(sys.argv[1]), 'pegs'))\n"
        "assert not {'torch', 'transformers', 'chromadb'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(ready.workspace.root)], check=True, timeout=120)
