"""Influence, compared with actual updates of the same model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged, NotFound, UserError
from shelftalk.evidence.influence import estimate_influence
from shelftalk.models.adapters import add_adapter, load_adapter
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_example
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product
from shelftalk.runs.run import Run
from shelftalk.training.batches import Plan, encode_products
from shelftalk.training.checkpoints import load_weights, read_update_scales
from shelftalk.training.train import make_trainer
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file

REQUEST = "Oak peg 7 cm"
TEXT = "Holds a coat of 7 stone, oiled twice."


def trained(root: Path, **changes: object) -> Run:
    workspace = Workspace(root / "workspace")
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", PrepareSettings())
    return pipeline.train_run(workspace, "pegs", "pegs", TINY_SETTINGS.replace({"precision": "fp32", **changes}))


@pytest.fixture(scope="module", params=["lora"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run, in fp32 so that small loss differences are exact; tests must not change it."""
    return trained(tmp_path_factory.mktemp("influence"), lora_variant=request.param)


def contents(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {one: (one.stat().st_mtime_ns, one.read_bytes()) for one in folder.rglob("*") if one.is_file()}


def plain_loss(model, tokenizer, request: str, text: str, end: bool) -> torch.Tensor:
    """Return the mean loss as transformers computes it, with its own attention and the whole head."""
    example = encode_example(tokenizer, ENGLISH, request, text, 192)
    ids = torch.tensor([example.ids if end else example.ids[:-1]])
    labels = ids.clone()
    labels[:, : example.prompt_length] = -100
    loss: torch.Tensor = model(input_ids=ids, labels=labels, use_cache=False).loss
    return loss


def halfway_model(run: Run):
    """Return the run's model from its checkpoint, with half of the adapter, without the code under test."""
    model, tokenizer = load_model(run.base_model().folder, "fp32")
    model = add_adapter(model, run.settings).eval()
    load_weights(max(run.checkpoints.glob("step-*")), model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.div_(2 if "lora_B" in name else 1)
    return model, tokenizer


def with_settings(run: Run, **changes: object) -> Run:
    return replace(run, description={**run.description, "settings": {**run.description["settings"], **changes}})


# DoRA's gradient treats each row's norm as a constant, so it is not exact.
CASES = [("lora", 1.0, 0.05), ("lora", 0.05, 0.05), ("dora", 1.0, 0.15)]


@pytest.mark.parametrize(("run", "clip", "tolerance"), CASES, indirect=["run"])
def test_a_score_is_the_fall_of_the_loss_by_a_small_update_on_the_product(run, clip, tolerance):
    run, share = with_settings(run, gradient_clip=clip), 1e-3
    candidates = run.products()[:4]
    scores = {one.uid: one.score for one in estimate_influence(run, REQUEST, TEXT, candidates)}
    saved = load_file(max(run.checkpoints.glob("step-*")) / "optimizer.safetensors")
    for product in candidates:
        model, tokenizer = halfway_model(run)
        weights = [one for one in model.double().parameters() if one.requires_grad]
        before = plain_loss(model, tokenizer, REQUEST, TEXT, end=False).item()
        request = ENGLISH.training_request(product)
        torch.autograd.backward(plain_loss(model, tokenizer, request, product.description, end=True))
        torch.nn.utils.clip_grad_norm_(weights, clip)
        with torch.no_grad():
            for number, weight in enumerate(weights):
                seen = saved[f"{number}.exp_avg_sq"] / (1 - 0.999 ** saved[f"{number}.step"])
                weight -= share * run.settings.learning_rate * weight.grad / (seen.sqrt() + 1e-8)
        after = plain_loss(model, tokenizer, REQUEST, TEXT, end=False).item()
        assert scores[product.uid] == pytest.approx((before - after) / share, rel=tolerance, abs=1e-6)
    assert len(set(scores.values())) == 4
    assert max(scores.values()) > 1e-4


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_weights_are_numbered_as_the_optimiser_numbers_them(run: Run, variant: str) -> None:
    run = with_settings(run, lora_variant=variant)
    model, tokenizer = load_model(run.base_model().folder, "fp32")
    model = add_adapter(model, run.settings)
    plan = Plan(encode_products(tokenizer, ENGLISH, run.products(), run.settings), run.settings)
    optimizer = make_trainer(run, run.settings, model, None, plan, [], []).create_optimizer()
    numbered = [weight for group in optimizer.param_groups for weight in group["params"]]
    own = [weight for weight in model.parameters() if weight.requires_grad]
    assert [id(weight) for weight in numbered] == [id(weight) for weight in own]


@pytest.mark.parametrize("run", ["lora", "dora"], indirect=True)
def test_a_loaded_adapter_has_its_weights_in_the_order_of_training(run: Run) -> None:
    """The optimiser's indices refer to the same weights, with the values of the last update."""
    fresh = add_adapter(load_model(run.base_model().folder, "fp32")[0], run.settings)
    load_weights(max(run.checkpoints.glob("step-*")), fresh)
    loaded = load_adapter(load_model(run.base_model().folder, "fp32")[0], run.adapter, trainable=True)
    ours, theirs = (
        [(name, one) for name, one in model.named_parameters() if one.requires_grad] for model in (fresh, loaded)
    )
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert all(torch.equal(one, other) for (_, one), (_, other) in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("run", ["lora", "dora"], indirect=True)
def test_a_product_that_is_the_text_itself_comes_first(run: Run) -> None:
    uid = next(one for one in "ijkl" if ENGLISH.training_request(Product(one, "Zinc hook", "")) == "Zinc hook")
    itself = Product(uid, "Zinc hook", "COLD ZINC; SCREWS BELOW.")
    found = estimate_influence(run, "Zinc hook", "COLD ZINC; SCREWS BELOW.", [*run.products(), itself])
    assert (found[0].uid, found[0].title, found[0].description) == (uid, itself.title, itself.description)
    assert found[0].score > 2 * found[1].score
    assert found[0].score > 0


def test_the_order_is_by_score_and_does_not_depend_on_that_of_the_candidates(run: Run) -> None:
    candidates, counted = run.products()[:8], []
    found = estimate_influence(run, REQUEST, TEXT, candidates, lambda *done: counted.append(done))
    assert estimate_influence(run, REQUEST, TEXT, candidates[::-1]) == found
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert {Product(one.uid, one.title, one.description) for one in found} == set(candidates)
    assert counted == [(done, 9) for done in range(1, 10)]


def test_equal_scores_stand_by_uid(run: Run) -> None:
    pairs = [Product(uid, "Zinc hook", "Cold.") for uid in "abcdefghijklmnopqrstuvwxyz"]
    alike = [one for one in pairs if ENGLISH.training_request(one) == "Zinc hook"]
    assert len(alike) > 2
    assert [one.uid for one in estimate_influence(run, REQUEST, TEXT, alike[::-1])] == [one.uid for one in alike]


def test_no_candidates_have_no_influence(run: Run) -> None:
    assert estimate_influence(run, REQUEST, TEXT, []) == []


def test_nothing_is_written(run: Run) -> None:
    before = contents(run.workspace.root)
    candidates = run.products()[:3]
    estimate_influence(run, REQUEST, TEXT, candidates)
    assert contents(run.workspace.root) == before
    assert candidates == run.products()[:3]


def test_a_long_text_counts_with_what_training_would_read_of_it(run: Run) -> None:
    candidates = run.products()[:3]
    long = estimate_influence(run, REQUEST, "z" * 1000, candidates)
    assert long == estimate_influence(run, REQUEST, "z" * 1000 + "; and more", candidates)
    assert long != estimate_influence(run, REQUEST, "z" * 20, candidates)


def test_an_empty_text_is_refused(run: Run) -> None:
    with pytest.raises(UserError, match="The text is empty"):
        estimate_influence(run, REQUEST, " \n", run.products())


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Run:
    """A copy of the run that a test may damage."""
    shutil.copytree(run.workspace.root, tmp_path / "workspace")
    return Run.open(Workspace(tmp_path / "workspace"), run.name)


def test_an_unfinished_run_is_refused(copied: Run) -> None:
    shutil.rmtree(copied.adapter)
    with pytest.raises(NotFound, match="has not finished; go on with: shelftalk train pegs --run pegs"):
        estimate_influence(copied, REQUEST, TEXT, copied.products())


def test_a_run_without_its_checkpoints_is_refused(copied: Run) -> None:
    shutil.rmtree(copied.checkpoints)
    with pytest.raises(NotFound, match=r"no complete checkpoint in .*checkpoints.*another --run"):
        estimate_influence(copied, REQUEST, TEXT, copied.products())


def test_a_spoilt_checkpoint_is_passed_over_for_the_one_before(copied: Run) -> None:
    older, newest = sorted(copied.checkpoints.glob("step-*"))
    whole = estimate_influence(copied, REQUEST, TEXT, copied.products()[:3])
    (newest / "optimizer.safetensors").write_bytes(b"spoilt")
    second = estimate_influence(copied, REQUEST, TEXT, copied.products()[:3])
    assert [one.score for one in second] != [one.score for one in whole]
    (older / "optimizer.safetensors").unlink()
    with pytest.raises(NotFound, match="no complete checkpoint"):
        estimate_influence(copied, REQUEST, TEXT, copied.products()[:3])


def test_a_checkpoint_of_another_adapter_is_refused(run: Run) -> None:
    larger = add_adapter(load_model(run.base_model().folder, "fp32")[0], with_settings(run, lora_rank=16).settings)
    with pytest.raises(Damaged, match=r"0\.exp_avg_sq in optimizer.safetensors does not fit"):
        read_update_scales(run.checkpoints, larger)
    fewer = torch.nn.Linear(8, 32)
    with pytest.raises(Damaged, match="has no parameter"):
        read_update_scales(run.checkpoints, fewer)
