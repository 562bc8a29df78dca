"""A training ends at its first figure that is not a finite number, and what is not finite is used nowhere."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cli.main import run as run_command
from shelftalk.errors import Diverged, NotFinite
from shelftalk.evaluation.likelihood import likelihoods
from shelftalk.evidence.influence import estimate_influence
from shelftalk.export.export import export
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models import tiny
from shelftalk.models.gguf_files import write_gguf
from shelftalk.models.merge import write_merged
from shelftalk.prompts import ENGLISH
from shelftalk.runs.describe import show_run
from shelftalk.runs.run import Run
from shelftalk.runs.state import read_state
from shelftalk.settings import DecodingSettings
from shelftalk.training import trainer as trainer_module
from shelftalk.training.batches import PACKS
from shelftalk.training.checkpoints import newest_checkpoint
from shelftalk.training.divergence import not_finite
from shelftalk.training.loss import token_losses
from shelftalk.training.train import fingerprint
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.workspace import Workspace, write_manifest
from tests.conftest import TINY_SETTINGS, copy_without_runs, write_catalogue_file
from tests.forks import call
from tests.training.test_processes import launch

SETTINGS = TINY_SETTINGS.replace(
    {"lora_dropout": 0.0, "epochs": 1, "precision": "fp32", "validate_every": 0, "products": 12, "pass_tokens": 4096}
)
COMMAND = ["train", "pegs", "--run", "two", "--set", "validate_every=0", "--set", "products=12"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("divergence")
    workspace, split = Workspace(root / "workspace"), PrepareSettings(test_share=0.2, validation_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", split)
    return workspace


@pytest.fixture
def pegs(prepared: Workspace, tmp_path: Path) -> Workspace:
    return copy_without_runs(prepared, tmp_path / "workspace")


@pytest.fixture
def poisoned(tiny_run: Run, tmp_path: Path) -> Run:
    """A copy of a finished run whose adapter and newest checkpoint hold a NaN, as earlier versions wrote them."""
    shutil.copytree(tiny_run.workspace.root, tmp_path / "poisoned")
    run = Run.open(Workspace(tmp_path / "poisoned"), "pegs")
    poison(run.adapter / "adapter_model.safetensors", ("README.md",))
    poison(max(run.checkpoints.glob("step-*")) / "adapter.safetensors")
    return run


def poison(file: Path, excluded: tuple[str, ...] = (), value: float = math.nan) -> None:
    """Set one number of a file of weights to `value`, and make the folder's manifest right again."""
    weights = load_file(file)
    weights[max(weights)].view(-1)[0] = value
    save_file(weights, file, metadata={"format": "pt"})
    (file.parent / "manifest.json").unlink(missing_ok=True)
    write_manifest(file.parent, excluded)


def train(place: Workspace, name: str, more: dict[str, Any] | None = None, **arguments: Any) -> Run:
    return pipeline.train_run(place, "pegs", name, SETTINGS.replace(more or {}), **arguments)


def spoil(change: Callable[[torch.Tensor], torch.Tensor], updates: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the losses of those updates, of which the first is 0; with as many tokens as here, each has two passes."""
    made = 0

    def losses(*arguments: Any) -> torch.Tensor:
        nonlocal made
        made += 1
        found = token_losses(*arguments)
        return change(found) if (made - 1) // PACKS["cpu"] in updates else found

    monkeypatch.setattr(trainer_module, "token_losses", losses)


def read_strictly(run: Run) -> list[dict[str, float]]:
    """Return the lines of metrics.jsonl, which must be JSON: Python would also read NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return [json.loads(line, parse_constant=refuse) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]


class Steep(torch.autograd.Function):
    """Leaves losses as they are, and makes their gradients infinite."""

    @staticmethod
    def forward(_: Any, losses: torch.Tensor) -> torch.Tensor:
        return losses.clone()

    @staticmethod
    def backward(_: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0] * math.inf


@pytest.mark.parametrize(("change", "what"), [(lambda one: one + math.inf, "loss"), (Steep.apply, "gradient")])
def test_a_training_ends_at_its_first_loss_or_gradient_that_is_not_finite(
    pegs: Workspace, monkeypatch: pytest.MonkeyPatch, change: Callable[[torch.Tensor], torch.Tensor], what: str
) -> None:
    """An infinite loss with a finite gradient, and the reverse."""
    spoil(change, range(2, 3), monkeypatch)
    with pytest.raises(NotFinite) as failure:
        train(pegs, "one")
    message = str(failure.value)
    assert message.startswith(f"The {what} of update 3 is not a finite number; ")
    assert "the last good checkpoint is step-00000002." in message
    assert "lower learning_rate: it is 0.01; try 0.001." in message
    assert "\n" not in message
    run = Run.open(pegs, "one")
    state = read_state(run.folder)
    assert (state["status"], state["diverged"], state["error"]) == ("failed", True, message)
    assert not run.finished
    assert [line["step"] for line in read_strictly(run)] == [1, 2]
    assert [one.name for one in run.checkpoints.iterdir()] == ["step-00000002"]


def test_a_run_that_goes_on_after_a_number_that_was_not_finite_comes_to_it_again(
    pegs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(lambda losses: losses * math.nan, range(2, 100), monkeypatch)
    with pytest.raises(NotFinite) as first:
        train(pegs, "one")
    heard: list[str] = []
    with pytest.raises(NotFinite) as second:
        train(pegs, "one", say=heard.append)
    assert heard == ["Going on from update 2."]
    assert str(second.value) == str(first.value)
    monkeypatch.undo()
    assert train(pegs, "one").finished  # a machine that computes it right goes on from the good checkpoint


def test_a_validation_loss_that_is_not_finite_ends_the_training(
    pegs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losses(model: Any, *arguments: Any) -> torch.Tensor:
        found = token_losses(model, *arguments)
        return found if model.training or not spoilt else found * math.nan

    spoilt: list[int] = []
    monkeypatch.setattr(trainer_module, "token_losses", losses)
    with pytest.raises(NotFinite, match=r"validation loss after update 2 .* no good checkpoint yet.* lower learning"):
        train(pegs, "one", {"validate_every": 2}, progress=lambda done, total: spoilt.append(1) if done == 2 else None)
    run = Run.open(pegs, "one")
    assert [line["step"] for line in read_strictly(run)] == [0, 1, 2]
    assert not (run.checkpoints / "best").exists()


def test_weights_that_are_not_finite_are_never_saved_as_a_checkpoint(
    pegs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = AdapterTrainer._save_checkpoint

    def save(self: AdapterTrainer, model: Any, trial: Any) -> None:
        if self.state.global_step == 3:
            with torch.no_grad():
                next(one for one in self.model.parameters() if one.requires_grad).view(-1)[0] = math.inf
        saved(self, model, trial)

    monkeypatch.setattr(AdapterTrainer, "_save_checkpoint", save)
    with pytest.raises(NotFinite, match=r"lora_A\S* after update 3 .*checkpoint is step-00000002"):
        train(pegs, "one", {"checkpoint_every": 1})
    assert sorted(one.name for one in Run.open(pegs, "one").checkpoints.iterdir()) == ["step-00000001", "step-00000002"]


def base_with(folder: Path, name: str, row: int, value: float) -> Path:
    """Write the tiny model with one row of a weight set to `value`."""
    model, tokenizer = tiny.make()
    with torch.no_grad():
        dict(model.named_parameters())[name][row] = value
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_base_model_that_is_not_finite_is_named_and_no_lower_rate_proposed(pegs: Workspace, tmp_path: Path) -> None:
    _, tokenizer = tiny.make()
    (row,) = tokenizer.convert_tokens_to_ids(["7"])  # in the titles and texts of some products
    base = base_with(tmp_path / "base", "model.embed_tokens.weight", row, math.nan)
    words = r"base model .* holds such a number in \S*embed_tokens\S*; take another"
    with pytest.raises(NotFinite, match=words) as one:
        train(pegs, "one", {"base_model": str(base)})
    assert "learning_rate" not in str(one.value)
    assert not isinstance(one.value, Diverged)  # for which the studio offers a lower rate


def test_what_is_not_finite_before_the_first_update_is_not_laid_on_the_learning_rate(
    pegs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(lambda losses: losses * math.nan, range(100), monkeypatch)
    with pytest.raises(NotFinite, match=r"loss of update 1 .* Nothing was trained before") as failure:
        train(pegs, "one")
    assert "learning_rate" not in str(failure.value)


def test_fp32_is_proposed_only_where_the_model_is_in_another_format(tmp_path: Path) -> None:
    settings = TINY_SETTINGS.replace({"precision": "automatic"})
    for kind, proposed in ((torch.float32, False), (torch.bfloat16, True)):
        error = not_finite("The loss of update 1", 0, tiny.make()[0].to(kind), settings, tmp_path, "")
        assert ("precision=fp32" in str(error)) == proposed


def launch_spoilt(arguments: list[str]) -> None:
    """Train in two processes, of which the second one computes an infinite loss with a finite gradient in one pass."""
    made = 0

    def losses(*given: Any) -> torch.Tensor:
        nonlocal made
        made += 1
        return token_losses(*given) + (math.inf if os.environ["RANK"] == "1" and made == 2 else 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "token_losses", losses)
        launch(arguments)


@pytest.mark.kill
def test_all_processes_stop_where_one_computes_what_is_not_finite(pegs: Workspace) -> None:
    settings = ("base_model=tiny", "batch_size=2", "gradient_accumulation=2", "precision=fp32", "checkpoint_every=1")
    more = [part for one in settings for part in ("--set", one)]
    assert call(launch_spoilt, [*COMMAND, *more, "--workspace", str(pegs.root)]) != 0
    run = Run.open(pegs, "two")
    state = read_state(run.folder)
    assert (state["status"], state["diverged"]) == ("failed", True)
    assert state["error"].startswith("The loss of update 2 is not a finite number; the last good checkpoint is")
    assert [line["step"] for line in read_strictly(run)] == [1]


def test_a_checkpoint_of_an_earlier_version_that_is_not_finite_is_skipped(poisoned: Run) -> None:
    newest, before = sorted(poisoned.checkpoints.glob("step-*"), reverse=True)
    found, skipped = newest_checkpoint(poisoned.checkpoints, fingerprint(poisoned))
    assert found == before
    assert len(skipped) == 1
    assert newest.name in skipped[0] and "in adapter.safetensors is not finite" in skipped[0]


def test_no_run_begins_from_a_run_whose_weights_are_not_finite(poisoned: Run) -> None:
    with pytest.raises(NotFinite, match="is not finite; train another --run with a lower learning_rate"):
        pipeline.train_run(poisoned.workspace, "pegs", "next", poisoned.settings, source=poisoned)
    assert poisoned.workspace.runs() == ["pegs"]


@pytest.mark.parametrize("format", ["adapter", "merged", "gguf"])
def test_weights_that_are_not_finite_are_not_exported(poisoned: Run, tmp_path: Path, format: str) -> None:
    with pytest.raises(NotFinite, match="is not finite"):
        export(poisoned, format, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_merged_weight_too_large_for_its_format_is_not_written(tiny_run: Run, tmp_path: Path) -> None:
    base = base_with(tmp_path / "base", "model.layers.0.mlp.up_proj.weight", 0, 1e6)
    with pytest.raises(NotFinite, match=r"up_proj.weight is not finite in f16"):
        write_merged(base, tiny_run.adapter, tmp_path / "merged", "f16", DecodingSettings(), ENGLISH)
    with pytest.raises(NotFinite, match=r"up_proj.weight is not finite in f16"):
        write_gguf(base, tmp_path / "one.gguf", "f16", tiny_run.adapter)
    write_gguf(base, tmp_path / "one.gguf", "q8_0", tiny_run.adapter)


def test_influence_and_likelihood_are_never_figures_that_are_not_finite(
    poisoned: Run, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = tiny_run.products()[:1]
    with pytest.raises(NotFinite, match="is not finite"):
        estimate_influence(poisoned, "Oak peg", "Holds a coat.", products)
    shutil.copytree(tiny_run.adapter, poisoned.adapter, dirs_exist_ok=True)
    newest = max(poisoned.checkpoints.glob("step-*"))
    poison(newest / "optimizer.safetensors", value=math.inf)
    with pytest.raises(NotFinite, match=rf"in {newest.name} is not finite, so influence cannot be estimated"):
        estimate_influence(poisoned, "Oak peg", "Holds a coat.", products)
    engine = TransformersEngine.load(tiny_run)
    with torch.no_grad():
        next(value for name, value in engine.model.named_parameters() if "lora_B" in name).view(-1)[0] = math.nan
    prompts = [ENGLISH.prompt_for(products[0].title)]
    with pytest.raises(NotFinite, match="after fine-tuning is not a finite number"):
        likelihoods(engine, ENGLISH, products, prompts, 192, tuned=True)
    assert math.isfinite(likelihoods(engine, ENGLISH, products, prompts, 192, tuned=False)[0][0])


def test_a_run_whose_loss_did_not_fall_says_so_wherever_it_is_shown(
    pegs: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(lambda losses: losses * 7, range(2, 3), monkeypatch)  # a tiny random model is too bad to get much worse
    heard: list[str] = []
    run = train(pegs, "one", say=heard.append)
    losses = [line["loss"] for line in read_strictly(run)]
    assert losses[0] < losses[-1]
    sentence = f"did not fall: it was {losses[0]:.3f} over its first updates, and {losses[-1]:.3f} over its last"
    assert sentence in heard[-1]
    assert show_run(run)["training_loss"]["warning"] == heard[-1]
    place = ["one", "--workspace", str(pegs.root)]
    assert run_command(["runs", "show", *place]) == 0
    assert sentence in capsys.readouterr().out
    assert run_command(["runs", "follow", *place]) == 0
    assert sentence in " ".join(capsys.readouterr().err.split())
