"""Train runs from catalogue to adapter: deterministic, resumable, and refused after a change of the inputs."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Busy, Damaged, InvalidSettings, NotFound
from shelftalk.runs.describe import list_runs
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.train import fingerprint
from shelftalk.workspace import Workspace, lock
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.forks import PATIENCE, fork_context, start


def train_aloud(root: Path, name: str, ended: Connection) -> None:
    """Train run `name` and send the number of each update that has ended."""
    pipeline.train_run(Workspace(root), "pegs", name, TINY_SETTINGS, progress=lambda done, total: ended.send(done))


def weights(run: Run) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


@pytest.fixture
def pegs(workspace: Workspace, tmp_path: Path) -> Workspace:
    settings = PrepareSettings(test_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", settings)
    return workspace


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Run:
    """A copy of the tiny run, in a workspace of its own."""
    shutil.copytree(tiny_run.workspace.root, tmp_path / "copied")
    return Run.open(Workspace(tmp_path / "copied"), "pegs")


def test_training_lowers_the_loss_and_leaves_plain_peft(tiny_run: Run) -> None:
    from peft import PeftModel

    from shelftalk.models import tiny

    lines = [json.loads(line) for line in (tiny_run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.2
    assert lines[-1]["epoch"] == tiny_run.settings.epochs
    model, _ = tiny.make()
    loaded = PeftModel.from_pretrained(model, tiny_run.adapter)
    assert set(loaded.peft_config["default"].target_modules) == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }
    written = [*tiny_run.adapter.rglob("*"), *tiny_run.checkpoints.rglob("*.*")]
    assert {path.suffix for path in written} == {".safetensors", ".json", ".jinja", ".md"}  # no pickle
    card = (tiny_run.adapter / "README.md").read_text()
    assert tiny_run.description["data_hash"] in card


@pytest.mark.exact
def test_the_same_run_twice_is_the_same_to_the_byte(tiny_run: Run, pegs: Workspace) -> None:
    again = pipeline.train_run(pegs, "pegs", "again", TINY_SETTINGS)
    assert again.description["data_hash"] == tiny_run.description["data_hash"]
    assert weights(again) == weights(tiny_run)
    assert (again.folder / "metrics.jsonl").read_bytes() == (tiny_run.folder / "metrics.jsonl").read_bytes()


@pytest.mark.exact
@pytest.mark.kill
def test_killed_at_random_moments_it_ends_the_same(tiny_run: Run, pegs: Workspace) -> None:
    """Killed in the middle of computing; test_faults.py kills before each kind of file operation."""
    moments = random.Random(7)
    for _ in range(2):
        receiver, sender = fork_context().Pipe(duplex=False)
        process = start(train_aloud, pegs.root, "killed", sender)
        sender.close()
        for _ in range(moments.randint(1, 5)):  # of a dozen
            assert receiver.poll(PATIENCE)
            receiver.recv()
        process.kill()
        process.join()
    run = pipeline.train_run(pegs, "pegs", "killed", TINY_SETTINGS)
    assert weights(run) == weights(tiny_run)
    assert (run.folder / "metrics.jsonl").read_bytes() == (tiny_run.folder / "metrics.jsonl").read_bytes()


@pytest.mark.exact
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_gentle_stop_writes_a_checkpoint_and_goes_on(tiny_run: Run, pegs: Workspace, number: int) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        pipeline.train_run(pegs, "pegs", "stopped", TINY_SETTINGS, progress=stop)
    run = Run.open(pegs, "stopped")
    assert not run.finished
    state = json.loads((run.folder / "state.json").read_text())
    assert state["status"] == "stopped"
    assert state["step"] >= 3
    assert (run.checkpoints / f"step-{state['step']:08d}").is_dir()
    heard: list[str] = []
    run = pipeline.train_run(pegs, "pegs", "stopped", TINY_SETTINGS, say=heard.append)
    assert heard == [f"Going on from update {state['step']}."]
    assert weights(run) == weights(tiny_run)


FILES = ["adapter.safetensors", "optimizer.safetensors", "random.safetensors", "progress.json", "trainer_state.json"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("corrupt", ["truncate", "flip", "delete", "empty"])
def test_a_damaged_checkpoint_is_named_and_skipped(tiny_run: Run, tmp_path: Path, file: str, corrupt: str) -> None:
    from shelftalk.training.checkpoints import newest_checkpoint

    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(tiny_run.checkpoints, checkpoints)
    older, newest = sorted(checkpoints.glob("step-*"))
    path = newest / file
    content = path.read_bytes()
    if corrupt == "delete":
        path.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"truncate": content[:middle], "flip": flipped, "empty": b""}[corrupt])
    found, skipped = newest_checkpoint(checkpoints, fingerprint(tiny_run))
    assert found == older
    (line,) = skipped
    assert newest.name in line
    assert file in line


def test_a_checkpoint_of_other_data_is_skipped(tiny_run: Run) -> None:
    from shelftalk.training.checkpoints import newest_checkpoint

    found, skipped = newest_checkpoint(tiny_run.checkpoints, "0" * 64)
    assert found is None
    assert all("other data" in line for line in skipped[:-1])


def test_a_run_of_that_name_with_other_settings_is_refused(tiny_run: Run) -> None:
    other = TINY_SETTINGS.replace({"epochs": 5})
    with pytest.raises(InvalidSettings, match="epochs: 2, now 5"):
        pipeline.train_run(tiny_run.workspace, "pegs", "pegs", other)


def test_a_finished_run_is_left_as_it_is(tiny_run: Run) -> None:
    before = weights(tiny_run), tiny_run.adapter.stat().st_mtime_ns
    pipeline.train_run(tiny_run.workspace, "pegs", "pegs", TINY_SETTINGS)
    assert (weights(tiny_run), tiny_run.adapter.stat().st_mtime_ns) == before


def test_a_catalogue_that_changed_is_refused(copied: Run, tmp_path: Path) -> None:
    source = write_catalogue_file(tmp_path / "more.jsonl", 40)
    prepare(source, copied.workspace.catalogue("pegs"), PrepareSettings())
    with pytest.raises(Damaged, match="has changed since run 'pegs'"):
        Run.open(copied.workspace, "pegs").products()


def test_a_run_in_use_says_by_whom(pegs: Workspace) -> None:
    with lock(pegs.run("busy"), "training"), pytest.raises(Busy, match=f"process {os.getpid()} \\(training\\)"):
        pipeline.train_run(pegs, "pegs", "busy", TINY_SETTINGS)


def test_unknown_names_cost_no_model(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no catalogue 'none'"):
        pipeline.train_run(workspace, "none", "run", TrainingSettings())
    assert not (workspace.root / "models").exists()


def test_the_adapter_learns_in_fp32_over_a_bf16_base() -> None:
    from shelftalk.models import tiny
    from shelftalk.models.adapters import add_adapter

    model, _ = tiny.make()
    model = add_adapter(model.to(torch.bfloat16), TINY_SETTINGS)
    trainable = {name: one.dtype for name, one in model.named_parameters() if one.requires_grad}
    assert trainable
    assert set(trainable.values()) == {torch.float32}
    assert all("lora_" in name for name in trainable)
    assert not any("lm_head" in name or "embed_tokens" in name for name in trainable)


def test_adapter_weights_changed(tiny_run: Run) -> None:
    saved = load_file(tiny_run.adapter / "adapter_model.safetensors")
    assert all(value.abs().max() > 0 for name, value in saved.items() if "lora_B" in name)


def test_a_damaged_adapter_is_made_again(tiny_run: Run, copied: Run) -> None:
    (copied.adapter / "adapter_model.safetensors").write_bytes(b"spoilt")
    pipeline.train_run(copied.workspace, "pegs", "pegs", TINY_SETTINGS)
    assert weights(copied) == weights(tiny_run)


def test_spoilt_later_checkpoints_do_not_push_out_a_good_one(tiny_run: Run, copied: Run) -> None:
    run, workspace = copied, copied.workspace
    shutil.rmtree(run.adapter)
    for checkpoint in run.checkpoints.iterdir():
        (checkpoint / "progress.json").unlink()
    heard: list[str] = []

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        pipeline.train_run(workspace, "pegs", "pegs", TINY_SETTINGS, progress=stop)
    assert sorted(one.name for one in run.checkpoints.iterdir()) == ["step-00000002", "step-00000004"]
    pipeline.train_run(workspace, "pegs", "pegs", TINY_SETTINGS, say=heard.append)
    assert heard == ["Going on from update 4."]
    assert weights(run) == weights(tiny_run)


def test_a_failed_start_does_not_reserve_the_name(pegs: Workspace, tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from shelftalk.models import tiny

    tiny.save(tmp_path / "model")
    GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=1, n_embd=8, vocab_size=300)).save_pretrained(tmp_path / "model")
    with pytest.raises(InvalidSettings, match="none of the layers"):
        pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS.replace({"base_model": str(tmp_path / "model")}))
    assert pipeline.train_run(pegs, "pegs", "one", TINY_SETTINGS.replace({"epochs": 1})).finished


def test_a_catalogue_in_use_is_not_replaced_by_another(copied: Run, tmp_path: Path) -> None:
    workspace, source, settings = copied.workspace, tmp_path / "pegs.jsonl", PrepareSettings(test_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(source), "pegs", settings)  # the same again is the same
    with pytest.raises(InvalidSettings, match="Run pegs was trained on"):
        pipeline.prepare_catalogue(workspace, write_catalogue_file(source, 40), "pegs", settings)
    assert Run.open(workspace, "pegs").products()


def test_a_damaged_run_does_not_hide_the_others(copied: Run) -> None:
    copied.workspace.run("bad").mkdir()
    (copied.workspace.run("bad") / "run.json").write_text("{")
    assert [(one["name"], one["status"]) for one in list_runs(copied.workspace)] == [
        ("bad", "damaged"),
        ("pegs", "finished"),
    ]


def test_spoilt_vectors_are_made_again(copied: Run) -> None:
    (copied.index / "vectors.parquet").write_bytes(b"spoilt")
    assert pipeline.open_index(copied).uids() == {product.uid for product in copied.products()}
