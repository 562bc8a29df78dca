"""Test the samples of a training: of one held-out product, resumable, and without any effect on the training."""

from __future__ import annotations

import os
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.models import tiny
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import load_model
from shelftalk.models.registry import find_model
from shelftalk.models.tokens import encode_prompt
from shelftalk.prompts import ENGLISH
from shelftalk.runs.metrics import SAMPLES, read_metrics, read_samples
from shelftalk.runs.run import Run
from shelftalk.training import samples as samples_module
from shelftalk.training.attention import PACKED
from shelftalk.training.compiled import compile_layers
from shelftalk.training.jobs import resume_run
from shelftalk.training.loss import head_taken_off
from shelftalk.training.samples import MOST_TOKENS, write_description
from shelftalk.workspace import Workspace, read_json, write_json
from tests.conftest import TINY_SETTINGS, copy_without_runs, write_catalogue_file
from tests.training.test_trainer import script_validation

PLAIN = TINY_SETTINGS.replace({"precision": "fp32"})  # with dropout, which a draw too many would change
SAMPLED = PLAIN.replace({"sample_every": 3})
TITLE = "Oak peg 7 cm"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a plain run and one with samples, both whole; tests only read and copy it."""
    root = tmp_path_factory.mktemp("samples")
    workspace = Workspace(root / "workspace")
    shares = PrepareSettings(test_share=0.2, validation_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", shares)
    pipeline.train_run(workspace, "pegs", "plain", PLAIN)
    pipeline.train_run(workspace, "pegs", "sampled", SAMPLED)
    return workspace


@pytest.fixture(scope="module")
def plain(trained: Workspace) -> Run:
    return Run.open(trained, "plain")


@pytest.fixture(scope="module")
def sampled(trained: Workspace) -> Run:
    return Run.open(trained, "sampled")


@pytest.fixture
def pegs(trained: Workspace, tmp_path: Path) -> Workspace:
    return copy_without_runs(trained, tmp_path / "workspace")


def learned(run: Run) -> tuple[bytes, bytes]:
    return (run.adapter / "adapter_model.safetensors").read_bytes(), (run.folder / "metrics.jsonl").read_bytes()


def interrupt_at(update: int) -> Any:
    def stop(done: int, total: int) -> None:
        if done == update:
            raise RuntimeError("pulled the plug")

    return stop


def make_training_model(config: Any = None) -> tuple[Any, Any]:
    """Return a tiny model prepared for training, and its tokenizer."""
    model, tokenizer = tiny.make()
    if config is not None:
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_config(config)
    model.set_attn_implementation(PACKED)
    return add_adapter(model, TINY_SETTINGS).train(), tokenizer


def describe_without_cache(model: Any, tokenizer: Any) -> str:
    """Return the greedy description in a simple way: no cache, eager attention, the model's own head."""
    model.eval()
    model.get_base_model().set_attn_implementation("eager")
    prompt = encode_prompt(tokenizer, ENGLISH, TITLE)
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(MOST_TOKENS):
            ids.append(int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
            if ids[-1] == tokenizer.eos_token_id:
                break
    return str(tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)).strip()


def test_samples_change_nothing_of_the_training(plain: Run, sampled: Run) -> None:
    assert learned(sampled) == learned(plain)
    assert not (plain.folder / SAMPLES).exists()
    checkpoints = [sorted(run.checkpoints.glob("step-*"))[-1] for run in (plain, sampled)]
    states = [load_file(checkpoint / "random.safetensors")["cpu"] for checkpoint in checkpoints]
    assert torch.equal(*states)


def test_a_sample_of_one_validation_product_at_the_first_and_the_last_update_and_between(sampled: Run) -> None:
    written = read_samples(sampled.folder)
    steps = read_metrics(sampled.folder)[-1]["step"]
    assert steps % 3
    assert [sample["step"] for sample in written] == [*range(0, steps, 3), steps]
    assert all(list(sample) == ["step", "title", "text", "true", "stopped"] for sample in written)
    assert len({(sample["title"], sample["true"]) for sample in written}) == 1
    held_out = {product.title: product.description for product in sampled.catalogue().products("validation")}
    assert held_out[written[0]["title"]] == written[0]["true"]
    assert written[0]["text"] != written[-1]["text"]
    base = find_model("tiny", sampled.workspace, None)
    assert written[0]["text"] == write_with(load_model(base.folder, sampled.precision), written[0]["title"])


def write_with(loaded: tuple[Any, Any], title: str) -> str:
    """Return the text of transformers' own greedy search with a base model."""
    model, tokenizer = loaded
    prompt = torch.tensor([encode_prompt(tokenizer, ENGLISH, title)])
    output = model.generate(prompt, do_sample=False, max_new_tokens=MOST_TOKENS)
    return str(tokenizer.decode(output[0, prompt.shape[1] :], skip_special_tokens=True)).strip()


@pytest.mark.parametrize("update", [pytest.param(1, marks=pytest.mark.slow), 3, 4])
def test_a_run_that_was_cut_off_ends_with_the_same_samples(pegs: Workspace, sampled: Run, update: int) -> None:
    """The sample of update 3 is later than the last checkpoint, or earlier; the long form is cut off before both."""
    with pytest.raises(RuntimeError, match="pulled the plug"):
        pipeline.train_run(pegs, "pegs", "cut", SAMPLED, progress=interrupt_at(update))
    cut = Run.open(pegs, "cut")
    with (cut.folder / SAMPLES).open("a") as file:
        file.write('{"step": 3, "ti')  # as a kill leaves it
    pipeline.train_run(pegs, "pegs", "cut", SAMPLED)
    assert (cut.folder / SAMPLES).read_bytes() == (sampled.folder / SAMPLES).read_bytes()
    assert learned(cut) == learned(sampled)


def test_a_gentle_stop_leaves_no_sample_that_an_uninterrupted_run_has_not(pegs: Workspace, sampled: Run) -> None:
    def stop_at_four(done: int, total: int) -> None:
        if done == 4 and not resumed:
            os.kill(os.getpid(), 15)

    resumed: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        pipeline.train_run(pegs, "pegs", "stopped", SAMPLED, progress=stop_at_four)
    stopped = Run.open(pegs, "stopped")
    assert [sample["step"] for sample in read_samples(stopped.folder)] == [0, 3]
    resumed.append(True)
    pipeline.train_run(pegs, "pegs", "stopped", SAMPLED, progress=stop_at_four)
    assert (stopped.folder / SAMPLES).read_bytes() == (sampled.folder / SAMPLES).read_bytes()


def test_a_run_that_stops_early_has_a_sample_of_its_last_update(
    pegs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation([5.0, 3.0, 4.0], monkeypatch)
    more = {"sample_every": 100, "validate_every": 1, "early_stopping": 1}
    run = pipeline.train_run(pegs, "pegs", "one", SAMPLED.replace(more))
    assert read_json(run.folder / "state.json")["step"] == 3
    assert [sample["step"] for sample in read_samples(run.folder)] == [0, 3]


def test_without_validation_products_training_goes_on_without_samples(workspace: Workspace, tmp_path: Path) -> None:
    shares = PrepareSettings(test_share=0.2, validation_share=0.0)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", shares)
    heard: list[str] = []
    run = pipeline.train_run(workspace, "pegs", "one", SAMPLED.replace({"epochs": 1}), say=heard.append)
    assert heard == ["No samples are written: catalogue 'pegs' has no validation products."]
    assert run.finished
    assert read_samples(run.folder) == []


def test_several_processes_say_that_they_write_none(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(pegs, "one", "pegs", SAMPLED, find_model("tiny", pegs, None))
    monkeypatch.setattr(samples_module, "process_count", lambda: 2)
    (run.folder / SAMPLES).write_text('{"step": 0}\n{"step": 4}\n')
    heard: list[str] = []
    assert samples_module.samplers(run, None, None, 2, None, heard.append) == []  # type: ignore[arg-type]
    assert heard == ["No samples are written: several processes train this run."]
    assert read_samples(run.folder) == [{"step": 0}]


def test_a_run_begun_before_samples_existed_goes_on(pegs: Workspace, plain: Run) -> None:
    old = Run.create(pegs, "old", "pegs", PLAIN, find_model("tiny", pegs, None))
    description = read_json(old.folder / "run.json")
    del description["settings"]["sample_every"]
    write_json(old.folder / "run.json", description)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        resume_run(Run.open(pegs, "old"), progress=interrupt_at(5))
    heard: list[str] = []
    assert learned(pipeline.train_run(pegs, "pegs", "old", PLAIN, say=heard.append)) == learned(plain)
    assert heard[0] == "Going on from update 4."


def test_a_sample_is_what_the_model_says_without_cache_and_compiler() -> None:
    model, tokenizer = make_training_model()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # an adapter that changes the output
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(3))
    before = torch.random.get_rng_state()
    with head_taken_off(model) as head:
        assert head is not None
        text, stopped = write_description(model, head, tokenizer, ENGLISH.prompt_for(TITLE))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert model.training
    assert model.get_base_model().config._attn_implementation == PACKED
    assert not stopped
    assert text == describe_without_cache(model, tokenizer)


def test_a_soft_capped_head_and_attention_are_kept() -> None:
    from transformers import Gemma2Config

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "query_pre_attn_scalar": 16}
    caps = {"final_logit_softcapping": 0.5, "attn_logit_softcapping": 0.5, "sliding_window": 16}
    torch.manual_seed(5)
    config = Gemma2Config(vocab_size=262, initializer_range=0.5, **sizes, **heads, **caps)
    model, tokenizer = make_training_model(config)
    with head_taken_off(model) as head:
        assert head is None
        text, _ = write_description(model, head, tokenizer, ENGLISH.prompt_for(TITLE))
    assert text == describe_without_cache(model, tokenizer)


def test_the_end_of_a_text_is_detected() -> None:
    model, tokenizer = make_training_model()
    said, _ = write_description(model, None, tokenizer, ENGLISH.prompt_for(TITLE))
    end = next(letter for letter in said if letter.isascii() and letter.isprintable() and letter not in TITLE)
    tokenizer.eos_token = end
    assert write_description(model, None, tokenizer, ENGLISH.prompt_for(TITLE)) == (
        said.partition(end)[0].strip(),
        True,
    )


def test_compiled_layers_never_see_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.utils import counters

    # The same graphs, but run without compiled kernels, which would take half a minute.
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend="eager"))
    model, tokenizer = make_training_model()
    expected, _ = write_description(model, None, tokenizer, ENGLISH.prompt_for(TITLE))
    compile_layers(model)
    inputs = torch.arange(5, 37)[None]

    def graphs() -> int:
        model(input_ids=inputs, use_cache=False).logits.sum().backward()
        return int(counters["stats"]["unique_graphs"])

    before = graphs()
    assert before > 0
    assert write_description(model, None, tokenizer, ENGLISH.prompt_for(TITLE))[0] == expected
    assert graphs() == before
