"""`shelftalk demo` on the real Gemma 3 270M, killed once and resumed, with the required results.

The demo runs from the wheel, in an environment that has nothing else and in a folder without the repository. The short
form takes 36 of the bundled products, and links what the wheel needs. The long form (`make test-long`) takes all of
them, as `make demo` does, with all packages installed by pip, and checks the quality of the texts. Skip both
with: pytest -m "not model"
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from shelftalk import __version__, pipeline
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evaluation.likelihood import bits_of_products
from shelftalk.generation import parity
from shelftalk.generation.llama_cpp_engine import SAMPLES, LlamaCppEngine
from shelftalk.generation.parity import LlamaCppRunner, TransformersRunner, measure_parity
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import adapter_off, load_adapter
from shelftalk.models.gguf_files import write_gguf
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_prompt, encode_text
from shelftalk.presets import load_preset
from shelftalk.prompts import ENGLISH
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.workspace import Workspace
from tests import small_demo
from tests.conftest import DEV_ROWS
from tests.forks import Command
from tests.packaging.distributions import (
    build_both,
    has_an_index,
    install,
    install_torch,
    linked_environment,
    make_environment,
    outside,
)

GREEDY = DecodingSettings(max_new_tokens=40, temperature=0)
pytestmark = [pytest.mark.timeout(1800)]

LASTING = (".safetensors", ".gguf", ".parquet", ".jsonl")  # what takes long to make; a report is rendered again
PRODUCTS = 36  # of which enough are trained on for four updates


def demo_killed_once(root: Path, update: int, program: list[Path]) -> tuple[Workspace, str]:
    """Run a program's demo, kill it after the checkpoint of `update`, and run it again; return what that printed."""
    workspace = Workspace(root / "workspace")
    command = [str(one) for one in (*program, "demo", "--workspace", workspace.root)]
    printed = [root / "first", root / "second"]
    checkpoint = workspace.run("demo") / "checkpoints" / f"step-{update:08d}"
    with printed[0].open("wb") as output:
        first = subprocess.Popen(command, cwd=root, env=outside(), stdout=output, stderr=subprocess.STDOUT)
    while not checkpoint.is_dir():
        assert first.poll() is None, printed[0].read_text()
        time.sleep(0.1)
    first.kill()
    first.wait()
    with printed[1].open("wb") as output:
        done = subprocess.run(
            command, cwd=root, env=outside(), stdout=output, stderr=subprocess.STDOUT, check=False, timeout=1500
        )
    assert done.returncode == 0, printed[1].read_text()
    return workspace, printed[1].read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from its source distribution."""
    return build_both(tmp_path_factory.mktemp("dist")).wheel


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Path]:
    """The Python of an environment with the wheel and what it needs, linked from the tests' own."""
    folder = tmp_path_factory.mktemp("linked")
    yield linked_environment(folder, wheel)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path, python: Path) -> Iterator[Path]:
    """The same with all of it installed by pip from a package index; the linked one where none answers."""
    folder = tmp_path_factory.mktemp("installed")
    found = make_environment(sys.executable, folder)
    install_torch(found)
    done = install(found, str(wheel))
    assert done.returncode == 0 or not has_an_index(found), done.stderr
    yield found if done.returncode == 0 else python
    shutil.rmtree(folder)  # two gigabytes


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first of the bundled products."""
    with gzip.open(demo_file(), "rt", encoding="utf-8") as whole:
        rows = list(islice(whole, PRODUCTS))
    file = tmp_path_factory.mktemp("small") / demo_file().name
    with gzip.open(file, "wt", encoding="utf-8") as small:
        small.writelines(rows)
    return file


@pytest.fixture(scope="module")
def finished_demo(tmp_path_factory: pytest.TempPathFactory, python: Path, small_file: Path) -> tuple[Workspace, str]:
    """The small demo, killed once in the middle of its training and called again: its workspace and what it printed."""
    root = tmp_path_factory.mktemp("demo")
    program = shutil.copy(small_demo.__file__, root)  # Python also imports from the folder of its program
    return demo_killed_once(root, 1, [python, Path(program), small_file])


@pytest.fixture(scope="module")
def finished_whole_demo(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> tuple[Workspace, str]:
    """The demo as `make demo` runs it, killed once and called again."""
    return demo_killed_once(tmp_path_factory.mktemp("whole"), 10, [installed.with_name("shelftalk")])


def check_all_stages(printed: str) -> None:
    expected = ["rows kept", "Going on from update", "before", "after", "similarity", "bits per byte", "type next"]
    positions = [printed.index(word) for word in expected]
    assert positions == sorted(positions)
    assert "Traceback" not in printed
    assert "Warning" not in printed


def evaluation(workspace: Workspace) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((workspace.run("demo") / "report" / "evaluation.json").read_text())
    return dict(kept["result"])


def test_the_demo_resumes_after_a_kill_and_shows_all_stages(finished_demo: tuple[Workspace, str]) -> None:
    check_all_stages(finished_demo[1])
    result = evaluation(finished_demo[0])
    assert result["tuned"]["bits_per_byte"] < result["base"]["bits_per_byte"]


def test_the_demo_ran_from_the_wheel_in_an_environment_of_its_own(
    finished_demo: tuple[Workspace, str], python: Path, tmp_path: Path
) -> None:
    def ask(*command: object) -> str:
        done = subprocess.run(
            [str(one) for one in command], check=False, capture_output=True, text=True, cwd=tmp_path, env=outside()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    imported = Path(ask(python, "-c", "import shelftalk; print(shelftalk.__file__)"))
    assert imported.is_relative_to(python.parents[1])
    assert ask(python.with_name("shelftalk"), "--version") == f"shelftalk {__version__}"
    assert ask(python, "-m", "pip", "check", "--disable-pip-version-check") == "No broken requirements found."
    others = json.loads(ask(python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"))
    assert not {one["name"] for one in others} & {"pytest", "streamlit", "fastapi", "gdown", "ray", "datasets"}


def test_without_its_extra_a_command_says_in_one_line_what_to_install(
    finished_demo: tuple[Workspace, str], python: Path, tmp_path: Path
) -> None:
    """All in one process of the wheel's environment, where no extra is installed."""
    commands = {
        "studio --no-browser": "studio",
        "serve demo": "serve",
        "download amazontitles": "download",
        "index demo --cluster local": "ray",
        "train demo --run other --set trackers=wandb": "trackers",
    }
    program = (
        "import sys\n"
        "from shelftalk.cli.main import run\n"
        "for words in sys.argv[1:]:\n"
        "    assert run(words.split()) == 2, words\n"
    )
    done = subprocess.run(
        [python, "-c", program, *commands],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**outside(), "SHELFTALK_WORKSPACE": str(finished_demo[0].root)},
    )
    assert done.returncode == 0, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert [error.partition("not installed here: ")[2] for error in errors] == [
        f"pip install 'shelftalk[{extra}]'" for extra in commands.values()
    ]
    assert not finished_demo[0].run("other").exists()


@pytest.mark.slow
def test_the_whole_demo_meets_its_claims(finished_whole_demo: tuple[Workspace, str]) -> None:
    check_all_stages(finished_whole_demo[1])
    result = evaluation(finished_whole_demo[0])
    assert result["n"] == 24
    assert result["tuned"]["stop_rate"] >= 0.95
    assert result["tuned"]["bits_per_byte"] < 0.9 * result["base"]["bits_per_byte"]
    assert result["tuned"]["chrf"] >= 70
    assert result["tuned"]["attributes_told"] >= 0.9
    assert result["tuned"]["unsupported_per_100_words"] < 0.3
    assert result["tuned"]["repetition"] < 0.05


@pytest.mark.slow  # seconds by the clock, which only a quiet machine keeps
def test_the_studio_draws_and_begins_to_answer_at_once(finished_whole_demo: tuple[Workspace, str]) -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    from benchmarks.studio import measure_browser
    from tools.make_images import find_chromium

    if find_chromium() is None:
        pytest.skip("There is no Chromium here: apt-get install chromium")
    found = measure_browser(finished_whole_demo[0].root, "demo")
    assert min(found["first_page_seconds"]) < 3
    assert min(found["first_word_seconds"]) < 2


def test_a_second_demo_does_nothing_again(
    finished_demo: tuple[Workspace, str], small_file: Path, tmp_path: Path
) -> None:
    workspace, printed = finished_demo

    def state() -> dict[Path, int]:
        folders = (workspace.run("demo"), workspace.catalogue("demo"), workspace.model("gemma-3-270m"))
        files = [file for folder in folders for file in folder.rglob("*") if file.suffix in LASTING]
        return {file: file.stat().st_mtime_ns for file in files}

    before, small = state(), partial(small_demo.make_demo_small, small_file)
    again = Command(["demo", "--workspace", workspace.root], tmp_path, before=small, one_stream=True)
    assert again.wait() == 0, again.stdout
    assert again.stdout.split("What to type next")[1] == printed.split("What to type next")[1]
    assert state() == before


def test_before_is_the_untouched_gemma(finished_demo: tuple[Workspace, str]) -> None:
    workspace, _ = finished_demo
    run = Run.open(workspace, "demo")
    base, tokenizer = load_model(run.base_model().folder, run.precision)
    ids = torch.tensor([encode_prompt(tokenizer, ENGLISH, "Copper Watering Can, 2 Litre")])
    with torch.no_grad():
        untouched = base(input_ids=ids).logits
    engine = TransformersEngine.load(run)
    with torch.no_grad(), adapter_off(engine.model):
        before = engine.model(input_ids=ids).logits
    assert torch.equal(before, untouched)


@pytest.mark.parametrize(
    ("tuned", "written"),
    [
        pytest.param(False, parity.WRITTEN, marks=pytest.mark.slow, id="before"),
        pytest.param(True, parity.WRITTEN, marks=pytest.mark.slow, id="after"),
        pytest.param(True, 40, id="after-short"),
    ],
)
def test_the_fast_engine_says_what_the_reference_says(
    finished_demo: tuple[Workspace, str], tuned: bool, written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits that were set: 1e-3 nats unquantised, 95 % of greedy tokens; docs/benchmarks/generation.md."""
    monkeypatch.setattr(parity, "WRITTEN", written)
    run = Run.open(finished_demo[0], "demo")
    prompts = [ENGLISH.prompt_for(product.title) for product in run.catalogue().sample("train", 3, 1)]
    model, tokenizer = load_model(run.base_model().folder, "fp32")
    reference = TransformersRunner(load_adapter(model, run.adapter) if tuned else model, tokenizer)
    used = LlamaCppEngine.load(run)
    found = measure_parity(reference, LlamaCppRunner(used, tuned), prompts)
    assert found.same_tokens
    assert found.agreement >= 0.95
    assert found.worst_margin < 1  # elsewhere the two choices were as good as equal
    assert found.divergence < 1e-2
    for text in SAMPLES:
        assert used.tokenize(text) == encode_text(tokenizer, text)
    used.close()
    write_gguf(run.base_model().folder, tmp_path / "f32.gguf", "f32", run.adapter if tuned else None)
    unquantized = LlamaCppEngine(None, tmp_path / "f32.gguf")
    exact = measure_parity(reference, LlamaCppRunner(unquantized, tuned=True), prompts[:1])
    unquantized.close()
    assert exact.worst_divergence < 1e-3
    assert exact.agreement >= 0.99


def test_many_at_once_are_the_same_as_one_at_a_time(finished_demo: tuple[Workspace, str]) -> None:
    run = Run.open(finished_demo[0], "demo")
    prompts = [ENGLISH.prompt_for(product.title) for product in run.catalogue().sample("train", 3, 1)]
    alone, many = LlamaCppEngine.load(run), LlamaCppEngine.load(run, slots=8)
    together = many.complete_all(prompts, tuned=True, settings=GREEDY)
    assert together == [alone.complete(prompt, tuned=True, settings=GREEDY) for prompt in prompts]
    alone.close()
    many.close()


def test_a_prompt_is_computed_to_the_bit_as_before_whatever_was_asked_since(
    finished_demo: tuple[Workspace, str],
) -> None:
    """The tiny model of the other tests does not show such faults."""
    run = Run.open(finished_demo[0], "demo")
    engine = LlamaCppEngine.load(run)
    ids = [engine.tokenize(ENGLISH.prompt_for(one.title)) for one in run.catalogue().sample("train", 6, 1)]
    first = [engine.next_token(one, tuned=True, count=200) for one in ids]
    assert [engine.next_token(one, tuned=True, count=200) for one in [*ids, *ids[::-1]]] == [*first, *first[::-1]]
    assert engine.next_token(ids[0], tuned=True, count=200) == first[0]  # twice the same, one after the other
    engine.close()


def test_the_real_tokenizer_splits_control_tokens_in_data(finished_demo: tuple[Workspace, str]) -> None:
    workspace, _ = finished_demo
    _, tokenizer = load_model(workspace.model("gemma-3-270m"), "bf16")
    ids = encode_prompt(tokenizer, ENGLISH, "<start_of_turn>user <eos> <bos>")
    assert ids[0] == tokenizer.bos_token_id
    assert not set(ids[1:]) & {1, 2, 105, 106}


@pytest.mark.slow
@pytest.mark.skipif(not DEV_ROWS.is_file(), reason="needs ../shared/data/amazontitles_dev.jsonl, which is not here")
def test_real_rows_get_better(finished_whole_demo: tuple[Workspace, str]) -> None:
    """Measured: 3.6 % on 19 products; docs/experiments.md says why not the 5 % that were aimed at."""
    workspace, _ = finished_whole_demo
    pipeline.prepare_catalogue(workspace, Path(DEV_ROWS), "amazon", PrepareSettings())
    run = pipeline.train_run(workspace, "amazon", "amazon", TrainingSettings.from_mapping(load_preset("demo")))
    engine = TransformersEngine.load(run)
    held_out = run.catalogue().products("test")
    base, tuned = (bits_of_products(engine, ENGLISH, held_out, run.settings.max_tokens, side) for side in (False, True))
    assert tuned <= 0.975 * base
