"""The real thing: `shelftalk demo` on the real Gemma 3 270M, killed on its way, and the claims that it must meet.

Takes minutes. Leave it out with: pytest -m "not model"
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from shelftalk import pipeline
from shelftalk.evaluation.likelihood import bits_of_products
from shelftalk.generation.llama_cpp_engine import SAMPLES, LlamaCppEngine
from shelftalk.generation.parity import LlamaCppRunner, TransformersRunner, measure_parity
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import adapter_off, load_adapter
from shelftalk.models.gguf_files import write_gguf
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_prompt, encode_text
from shelftalk.prompts import prompt_for
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, PrepareSettings, TrainingSettings, load_preset
from shelftalk.workspace import Workspace
from tests.conftest import DEV_ROWS

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]


def demo(workspace: Workspace) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "shelftalk", "demo", "--workspace", str(workspace.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """The demo, killed once in the middle of its training and called again: its workspace and what it printed."""
    workspace = Workspace(tmp_path_factory.mktemp("demo") / "workspace")
    first = demo(workspace)
    checkpoint = workspace.run("demo") / "checkpoints" / "step-00000005"
    while not checkpoint.is_dir():
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = demo(workspace)
    printed, _ = second.communicate(timeout=1500)
    assert second.returncode == 0, printed
    return workspace, printed


def test_the_demo_goes_on_after_a_kill_and_tells_the_story(told: tuple[Workspace, str]) -> None:
    _, printed = told
    story = ["rows kept", "Going on from update 5", "before", "after", "similarity", "bits per byte", "type next"]
    places = [printed.index(word) for word in story]
    assert places == sorted(places)
    assert "Traceback" not in printed
    assert "Warning" not in printed.replace("Fair warning", "")


def test_the_demo_meets_its_claims(told: tuple[Workspace, str]) -> None:
    workspace, _ = told
    result = json.loads((workspace.run("demo") / "report" / "evaluation.json").read_text())["result"]
    assert result["n"] == 32
    assert result["tuned"]["stop_rate"] >= 0.95
    assert result["tuned"]["bits_per_byte"] < 0.9 * result["base"]["bits_per_byte"]
    assert result["tuned"]["chrf"] > result["base"]["chrf"]
    assert result["tuned"]["repetition"] < 0.05


def test_the_studio_draws_and_begins_to_answer_at_once(told: tuple[Workspace, str]) -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    from benchmarks.studio import measure_browser
    from tools.make_images import find_chromium

    if find_chromium() is None:
        pytest.skip("There is no Chromium here: apt-get install chromium")
    found = measure_browser(told[0].root, "demo")
    assert min(found["first_page_seconds"]) < 3
    assert min(found["first_word_seconds"]) < 2


def test_a_second_demo_is_there_at_once(told: tuple[Workspace, str]) -> None:
    workspace, printed = told
    start = time.monotonic()
    again = demo(workspace)
    shown, _ = again.communicate(timeout=300)
    assert again.returncode == 0, shown
    assert time.monotonic() - start < 60  # minutes of work are not done again; no measure of speed
    assert shown.split("What to type next")[1] == printed.split("What to type next")[1]


def test_before_is_the_untouched_gemma(told: tuple[Workspace, str]) -> None:
    workspace, _ = told
    run = Run.open(workspace, "demo")
    base, tokenizer = load_model(run.base_model().folder, run.precision)
    ids = torch.tensor([encode_prompt(tokenizer, "Copper Watering Can, 2 Litre")])
    with torch.no_grad():
        untouched = base(input_ids=ids).logits
    engine = TransformersEngine.load(run)
    with torch.no_grad(), adapter_off(engine.model):
        before = engine.model(input_ids=ids).logits
    assert torch.equal(before, untouched)


@pytest.mark.parametrize("tuned", [False, True], ids=["before", "after"])
def test_the_fast_engine_says_what_the_reference_says(told: tuple[Workspace, str], tuned: bool, tmp_path: Path) -> None:
    """The limits that were set: 1e-3 nats unquantised, 95 % of greedy tokens; docs/benchmarks/generation.md."""
    run = Run.open(told[0], "demo")
    prompts = [prompt_for(product.title) for product in run.catalogue().sample("test", 20, 1)]
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
    exact = measure_parity(reference, LlamaCppRunner(unquantized, tuned=True), prompts[:5])
    unquantized.close()
    assert exact.worst_divergence < 1e-3
    assert exact.agreement >= 0.99


def test_many_at_once_are_the_same_as_one_at_a_time(told: tuple[Workspace, str]) -> None:
    run = Run.open(told[0], "demo")
    prompts = [prompt_for(product.title) for product in run.catalogue().sample("test", 16, 1)]
    greedy = DecodingSettings(max_new_tokens=60, temperature=0)
    alone, many = LlamaCppEngine.load(run), LlamaCppEngine.load(run, slots=16)
    together = many.complete_all(prompts, tuned=True, settings=greedy)
    assert together == [alone.complete(prompt, tuned=True, settings=greedy) for prompt in prompts]
    alone.close()
    many.close()


def test_the_real_tokenizer_splits_control_tokens_in_data(told: tuple[Workspace, str]) -> None:
    workspace, _ = told
    _, tokenizer = load_model(workspace.model("gemma-3-270m"), "bf16")
    ids = encode_prompt(tokenizer, "<start_of_turn>user <eos> <bos>")
    assert ids[0] == tokenizer.bos_token_id
    assert not set(ids[1:]) & {1, 2, 105, 106}


@pytest.mark.skipif(not DEV_ROWS.is_file(), reason="needs ../shared/data/amazontitles_dev.jsonl, which is not here")
def test_real_rows_get_better(told: tuple[Workspace, str]) -> None:
    """Measured: 3.6 % on 19 products; docs/experiments.md says why not the 5 % that were aimed at."""
    workspace, _ = told
    pipeline.prepare_catalogue(workspace, Path(DEV_ROWS), "amazon", PrepareSettings())
    run = pipeline.train_run(workspace, "amazon", "amazon", TrainingSettings.from_mapping(load_preset("demo")))
    engine = TransformersEngine.load(run)
    held_out = run.catalogue().products("test")
    base, tuned = (bits_of_products(engine, held_out, run.settings.max_tokens, side) for side in (False, True))
    assert tuned <= 0.975 * base
