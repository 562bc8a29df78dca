"""Influence, held against what updates of the same model really do."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainingArguments

from shelftalk import pipeline
from shelftalk.errors import Damaged, NotFound, UserError
from shelftalk.evidence.influence import Gradients, Influence, estimate_influence
from shelftalk.models.adapters import add_adapter, load_adapter
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_example
from shelftalk.prompts import training_request
from shelftalk.records import Product
from shelftalk.settings import PrepareSettings
from shelftalk.training.batches import Plan
from shelftalk.training.checkpoints import load_weights, read_update_scales
from shelftalk.training.run import Run
from shelftalk.training.train import encode_products, make_trainer
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file

REQUEST = "Oak peg 7 cm"
TEXT = "Holds a coat of 7 stone, oiled twice."


def trained(root: Path, **changes: object) -> Run:
    workspace = Workspace(root / "workspace")
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", PrepareSettings())
    return pipeline.train_run(workspace, "pegs", "pegs", TINY_SETTINGS.replace({"precision": "fp32", **changes}))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run in fp32, which differences of losses need; tests only read it."""
    return trained(tmp_path_factory.mktemp("influence"))


def contents(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {one: (one.stat().st_mtime_ns, one.read_bytes()) for one in folder.rglob("*") if one.is_file()}


def plain_loss(model, tokenizer, request: str, text: str, end: bool) -> torch.Tensor:
    """The mean loss as transformers computes it, with its own attention and the whole head."""
    example = encode_example(tokenizer, request, text, 192)
    ids = torch.tensor([example.ids if end else example.ids[:-1]])
    labels = ids.clone()
    labels[:, : example.prompt_length] = -100
    return model(input_ids=ids, labels=labels, use_cache=False).loss


def halfway_model(run: Run):
    """The run's model as training resumes it, with half of what it learned, without what is tested here."""
    model, tokenizer = load_model(run.base_model().folder, "fp32")
    model = add_adapter(model, run.settings).eval()
    load_weights(max(run.checkpoints.glob("step-*")), model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.div_(2)
    return model, tokenizer


@pytest.mark.parametrize("clip", [1.0, 0.05])
def test_a_score_is_the_fall_of_the_loss_by_a_small_update_on_the_product(run: Run, clip: float) -> None:
    """One thousandth of an update is made by torch's own AdamW, from the checkpoint's moments and no momentum."""
    run = replace(run, description={**run.description, "settings": {**run.description["settings"], "gradient_clip": clip}})
    candidates = run.products()[:4]
    scores = {one.uid: one.score for one in estimate_influence(run, REQUEST, TEXT, candidates)}
    saved = load_file(max(run.checkpoints.glob("step-*")) / "optimizer.safetensors")
    share = 1e-3
    for product in candidates:
        model, tokenizer = halfway_model(run)
        weights = [one for one in model.parameters() if one.requires_grad]
        plain_loss(model, tokenizer, training_request(product.uid, product.title), product.description, True).backward()
        torch.nn.utils.clip_grad_norm_(weights, clip)
        # A beta of 1 leaves the second moment as it is saved; the first, 0, makes the gradient the step's direction.
        optimizer = torch.optim.SGD(weights, lr=run.settings.learning_rate * share)
        for number, weight in enumerate(weights):
            seen = saved[f"{number}.exp_avg_sq"] / (1 - 0.999 ** saved[f"{number}.step"])
            weight.grad /= seen.sqrt() + 1e-8
        with torch.no_grad():
            before = float(plain_loss(model.double(), tokenizer, REQUEST, TEXT, False))
            gradients = [weight.grad for weight in weights]
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient.double()
            optimizer.step()
            after = float(plain_loss(model, tokenizer, REQUEST, TEXT, False))
        assert scores[product.uid] == pytest.approx((before - after) / share, rel=0.05, abs=1e-6)
    assert len({round(score, 6) for score in scores.values()}) == 4
    assert any(score > 0 for score in scores.values())
