"""Test the trainer: memory that runs out, validation, variants of the adapter, trackers, compiled layers."""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import nullcontext
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import extras, pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged, InvalidSettings, MissingPackage, OutOfMemory
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models import tiny
from shelftalk.models.adapters import adapter_off
from shelftalk.models.threads import thread_count
from shelftalk.runs.describe import describe_run, show_run
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training import trainer as trainer_module
from shelftalk.training import vocabulary
from shelftalk.training.compiled import can_compile
from shelftalk.training.loss import token_losses
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.training.validation import validation_examples, with_interval
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, copy_without_runs, write_catalogue_file

EXACT = TINY_SETTINGS.replace({"lora_dropout": 0.0, "epochs": 1, "precision": "fp32", "validate_every": 0})


# The n-th validation of a training finds the n-th loss, until it stops early.
SCRIPT = [5.0, 3.0, 4.0, 2.9, 3.5, 3.0, 1.0]
SCRIPTED = {"validate_every": 1, "early_stopping": 2, "epochs": 3}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a plain run, and one that SCRIPT stopped early; tests only read and copy it."""
    root = tmp_path_factory.mktemp("trainer")
    workspace = Workspace(root / "workspace")
    settings = PrepareSettings(test_share=0.2, validation_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", settings)
    train(workspace, "plain", {})
    with pytest.MonkeyPatch.context() as patch:
        script_validation(SCRIPT, patch)
        train(workspace, "scripted", SCRIPTED)
    return workspace


@pytest.fixture(scope="module")
def plain(trained: Workspace) -> Run:
    return Run.open(trained, "plain")


@pytest.fixture(scope="module")
def scripted(trained: Workspace) -> Run:
    return Run.open(trained, "scripted")


@pytest.fixture
def pegs(trained: Workspace, tmp_path: Path) -> Workspace:
    return copy_without_runs(trained, tmp_path / "workspace")


def weights(run: Run) -> dict[str, torch.Tensor]:
    return dict(load_file(run.adapter / "adapter_model.safetensors"))


def metrics(run: Run) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]


def train(pegs: Workspace, name: str, more: dict[str, Any], **arguments: Any) -> Run:
    return pipeline.train_run(pegs, "pegs", name, EXACT.replace(more), **arguments)


def fail_above(limit: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make every pass over more than `limit` tokens raise a device's out-of-memory error; return all pass sizes."""
    sizes: list[int] = []

    def losses(model: Any, head: Any, pack: dict[str, Any], fused: bool = False) -> torch.Tensor:
        sizes.append(pack["input_ids"].numel())
        if sizes[-1] > limit:
            raise torch.OutOfMemoryError(f"tried to hold {sizes[-1]} tokens")
        return token_losses(model, head, pack, fused)

    monkeypatch.setattr(trainer_module, "token_losses", losses)
    return sizes


def test_out_of_memory_halves_the_pass_and_keeps_the_update(
    pegs: Workspace, plain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    sizes = fail_above(150, monkeypatch)
    halved = train(pegs, "halved", {}, say=heard.append)
    assert max(sizes) > 150
    assert "Out of memory at" in heard[0]
    assert "same products" in heard[0]
    assert sum(size > 150 for size in sizes) == len(heard) <= 2  # what did not fit once is not tried again
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(halved)[name], value, rtol=1e-4, atol=1e-6)
    assert [line["step"] for line in metrics(halved)] == [line["step"] for line in metrics(plain)]


def test_out_of_memory_in_a_validation_halves_its_pass(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(pegs, "whole", {"validate_every": 1000})
    heard: list[str] = []
    fail_above(100, monkeypatch)
    halved = train(pegs, "halved", {"validate_every": 1000}, say=heard.append)
    assert "Out of memory at" in heard[0]
    assert validation_losses(halved)[0] == pytest.approx(validation_losses(whole)[0], rel=1e-4)


def test_a_product_that_does_not_fit_alone_is_a_clear_error(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_above(20, monkeypatch)
    with pytest.raises(OutOfMemory, match=r"does not fit into memory; lower max_tokens \(now 192\)"):
        train(pegs, "one", {})
    assert describe_run(Run.open(pegs, "one"))["status"] == "failed"


def test_a_long_product_among_short_ones_that_does_not_fit_is_a_clear_error(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"uid": f"{number:010d}", "title": f"Peg {number}", "content": f"Oak {number}." * (20 if number % 3 else 1)}
        for number in range(30)
    ]
    (tmp_path / "pegs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline.prepare_catalogue(workspace, tmp_path / "pegs.jsonl", "pegs", PrepareSettings())
    fail_above(100, monkeypatch)
    with pytest.raises(OutOfMemory, match="does not fit into memory"):
        train(workspace, "one", {})


def test_other_errors_are_not_mistaken_for_out_of_memory(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(*_: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(trainer_module, "token_losses", losses)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(pegs, "one", {})


@pytest.mark.exact
def test_the_pass_size_changes_nothing_but_rounding(pegs: Workspace, plain: Run) -> None:
    small = train(pegs, "small", {"pass_tokens": 16})  # each product alone; plain has passes of a whole update
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(small)[name], value, rtol=1e-4, atol=1e-6)


def script_validation(losses: list[float], monkeypatch: pytest.MonkeyPatch, base: float = 6.0) -> None:
    """Make the n-th validation of a training return the n-th loss, because a tiny random model always improves.

    That of the base model, before the first update, returns `base`.
    """

    def evaluate(self: AdapterTrainer, *_: Any, **__: Any) -> dict[str, float]:
        metrics = {"eval_loss": losses[self.state.global_step - 1] if self.state.global_step else base}
        self.log(metrics)
        return metrics

    monkeypatch.setattr(AdapterTrainer, "evaluate", evaluate)


def validation_losses(run: Run) -> list[float]:
    return [line["validation_loss"] for line in metrics(run) if "validation_loss" in line]


@pytest.mark.parametrize("base", [True, False])
def test_a_validation_loss_is_that_of_the_validation_products(pegs: Workspace, base: bool) -> None:
    """The first loss is the base model's, and the last one is that of the adapter."""
    run = train(pegs, "one", {"validate_every": 1000})
    model = TransformersEngine.load(run).model
    _, tokenizer = tiny.make()
    nats, tokens = 0.0, 0
    for one in validation_examples(tokenizer, run):
        labels = torch.tensor([[-100] * one.prompt_length + one.ids[one.prompt_length :]])
        with torch.no_grad(), adapter_off(model) if base else nullcontext():
            nats += float(model(input_ids=torch.tensor([one.ids]), labels=labels).loss) * one.labelled_length
        tokens += one.labelled_length
    assert tokens > 0
    steps = [line["step"] for line in metrics(run) if "validation_loss" in line]
    assert steps == [0, describe_run(run)["steps"]]
    assert validation_losses(run)[0 if base else 1] == pytest.approx(nats / tokens, rel=1e-4)


def test_the_best_weights_by_validation_become_the_adapter(
    pegs: Workspace, plain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation([5.0, 3.0, 4.0, 4.5, 3.5, 9.0], monkeypatch)
    heard: list[str] = []
    run = train(pegs, "one", {"validate_every": 1}, say=heard.append)
    assert heard[-1] == "Taking the weights of update 2, the best on the validation products."
    best = json.loads((run.checkpoints / "best" / "best.json").read_text())
    assert best == {"format": 1, "step": 2, "validation_loss": 3.0}
    after_two = load_file(run.checkpoints / "best" / "adapter.safetensors")
    saved = weights(run)
    assert all(torch.equal(saved[name.replace(".default", "")], value) for name, value in after_two.items())
    last = weights(plain)
    assert any(not torch.equal(value, last[name]) for name, value in saved.items())


def test_measuring_the_base_model_changes_no_weight(pegs: Workspace, plain: Run) -> None:
    run = train(pegs, "one", {"validate_every": 1000})  # once before the first update, once after the last
    assert len(validation_losses(run)) == 2
    assert all(torch.equal(value, weights(plain)[name]) for name, value in weights(run).items())


def test_a_run_that_never_got_better_than_its_base_says_so(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    script_validation([5.0, 3.0, 4.0, 4.5, 3.5, 9.0], monkeypatch, base=3.0)
    heard: list[str] = []
    run = train(pegs, "one", {"validate_every": 1}, say=heard.append)
    assert "never got better than its base model" in heard[-1]
    assert "3.000 before training, and 3.000 at best" in heard[-1]
    assert show_run(run)["validation"] == {
        "loss_before_training": 3.0,
        "best_loss": 3.0,
        "best_step": 2,
        "warning": heard[-1],
    }


def test_the_number_of_validations_is_automatic() -> None:
    settings = EXACT.replace({"epochs": 2, "validate_every": None})
    assert with_interval(settings, 100, 8).validate_every == 17  # six in all: after 17, 34, ..., 85, and the last
    assert with_interval(settings, 2, 8).validate_every == 1
    assert with_interval(settings, 100, 7).validate_every == 0
    assert with_interval(settings.replace({"validate_every": 5}), 100, 0).validate_every == 5


def test_early_stopping_ends_after_so_many_validations_without_a_better_one(scripted: Run) -> None:
    assert validation_losses(scripted) == [6.0, 5.0, 3.0, 4.0, 2.9, 3.5, 3.0]
    assert scripted.finished
    state = json.loads((scripted.folder / "state.json").read_text())
    assert state["step"] == 6 < state["steps"]


@pytest.mark.parametrize("update", [3, 5, 6])
def test_validation_goes_on_after_an_interruption_as_if_there_had_been_none(
    pegs: Workspace, scripted: Run, update: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation(SCRIPT, monkeypatch)

    def stop(done: int, total: int) -> None:
        if done == update:
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError, match="pulled the plug"):
        train(pegs, "cut", SCRIPTED, progress=stop)
    cut = train(pegs, "cut", SCRIPTED)
    assert (cut.folder / "metrics.jsonl").read_bytes() == (scripted.folder / "metrics.jsonl").read_bytes()
    adapters = [(run.adapter / "adapter_model.safetensors").read_bytes() for run in (cut, scripted)]
    assert adapters[0] == adapters[1]


def test_spoilt_best_weights_are_said(pegs: Workspace, scripted: Run) -> None:
    shutil.copytree(scripted.folder, pegs.run("scripted"))
    run = Run.open(pegs, "scripted")
    (run.checkpoints / "best" / "adapter.safetensors").write_bytes(b"spoilt")
    (run.adapter / "adapter_model.safetensors").write_bytes(b"spoilt")
    with pytest.raises(Damaged, match="best weights"):
        train(pegs, "scripted", SCRIPTED)


def test_settings_that_do_not_agree_are_refused_together() -> None:
    with pytest.raises(InvalidSettings, match=r"early_stopping needs validate_every.*trackers must be"):
        TrainingSettings.from_mapping({"early_stopping": 2, "validate_every": 0, "trackers": "wandb,nothing"})


@pytest.mark.parametrize(
    ("more", "key", "expected"),
    [
        ({"lora_variant": "dora"}, "use_dora", True),
        ({"lora_variant": "rslora"}, "use_rslora", True),
        ({"neftune_noise": 5.0}, "use_dora", False),
        ({"vocabulary": "catalogue"}, "peft_type", "LORA"),
    ],
)
def test_variants_train_and_load_as_plain_peft(
    pegs: Workspace, plain: Run, more: dict[str, Any], key: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import PeftModel

    monkeypatch.setattr(vocabulary, "KEPT", 64)  # of the tiny model's 262 tokens
    monkeypatch.setattr(vocabulary, "SAMPLED", 32)
    run = train(pegs, "one", more)
    assert json.loads((run.adapter / "adapter_config.json").read_text())[key] == expected
    losses = [line["loss"] for line in metrics(run)]
    assert losses[-1] < losses[0]
    loaded = PeftModel.from_pretrained(tiny.make()[0], run.adapter)
    assert loaded(input_ids=torch.tensor([[2, 10, 11]])).logits.shape[-1] == loaded.config.vocab_size
    assert any(not torch.equal(value, weights(plain).get(name, value)) for name, value in weights(run).items())


def test_trackers_get_the_metrics(pegs: Workspace) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra 'trackers'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(pegs, "one", {"trackers": "tensorboard", "validate_every": 2})
    events = EventAccumulator(str(next(run.folder.glob("runs/*")))).Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert losses == pytest.approx([line["loss"] for line in metrics(run) if "loss" in line])
    assert events.Scalars("eval/loss")


def test_a_tracker_that_is_not_installed_is_named(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"The tracker wandb needs wandb, .*shelftalk\[trackers\]"):
        train(pegs, "one", {"trackers": "wandb"})
    assert not pegs.run("one").exists()


KERNELS = [pytest.mark.slow, pytest.mark.skipif(not can_compile(), reason="needs a C++ compiler")]


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=KERNELS)])
def test_compiled_layers_learn_the_same_and_go_on_to_the_byte(
    pegs: Workspace, plain: Run, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short form runs the compiled graphs as they are; the long one makes kernels of them, half a minute of C++."""
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend=backend))
    compiled = train(pegs, "compiled", {"compile": "on"})
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(compiled)[name], value, rtol=1e-2, atol=1e-4)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError, match="pulled the plug"):
        train(pegs, "cut", {"compile": "on"}, progress=stop)
    torch._dynamo.reset()  # like another process, with nothing compiled
    cut = train(pegs, "cut", {"compile": "on"})
    adapters = [(run.adapter / "adapter_model.safetensors").read_bytes() for run in (cut, compiled)]
    assert adapters[0] == adapters[1]


@pytest.mark.exact
@pytest.mark.parametrize("more", [{}, {"lora_dropout": 0.3, "neftune_noise": 5.0, "vocabulary": "catalogue"}])
def test_the_adapter_is_the_same_with_any_number_of_threads(
    pegs: Workspace, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "KEPT", 64)
    monkeypatch.setattr(vocabulary, "SAMPLED", 32)
    found = []
    for count in (1, 2, 4):
        with thread_count(count):
            run = train(pegs, f"threads-{count}", {"pass_tokens": 64, "validate_every": 2, **more})
        losses = [(line["step"], line.get("loss"), line.get("validation_loss")) for line in metrics(run)]
        found.append((losses, (run.adapter / "adapter_model.safetensors").read_bytes()))
    assert found[0] == found[1] == found[2]


def test_after_an_error_in_one_pass_no_other_runs_on(pegs: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[float] = []

    def losses(*arguments: Any) -> torch.Tensor:
        time.sleep(0.3 * meeting.wait())
        ended.append(time.monotonic())
        raise ValueError("a fault of the machine")

    meeting = threading.Barrier(2, timeout=60)  # both passes of an update are under way
    monkeypatch.setattr("shelftalk.training.trainer.token_losses", losses)
    monkeypatch.setattr("shelftalk.training.trainer.WARMING", {False: 0})
    with thread_count(2), pytest.raises(ValueError, match="a fault of the machine"):
        train(pegs, "one", {"batch_size": 2, "gradient_accumulation": 1})
    assert len(ended) == 2
