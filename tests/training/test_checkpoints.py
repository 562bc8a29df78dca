"""A checkpoint restores the saved state; an incomplete one, or one of another training, is refused with its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerState, get_scheduler

from shelftalk.errors import Damaged
from shelftalk.training.checkpoints import (
    load_optimizer_and_scheduler,
    load_random_state,
    load_weights,
    newest_checkpoint,
    save_checkpoint,
)
from shelftalk.workspace import MANIFEST, faults, write_manifest

FILES = ["adapter.safetensors", "optimizer.safetensors", "random.safetensors", "progress.json", "trainer_state.json"]


@dataclass
class SmallTraining:
    """A model of two layers, the first of them frozen, with everything that a checkpoint stores."""

    model: Any
    optimizer: Any
    scheduler: Any
    state: TrainerState

    def update(self) -> None:
        loss = (self.model(torch.rand(4, 3)) ** 2).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        self.state.global_step += 1

    def at(self, step: int) -> tuple[Any, Any, Any, TrainerState]:
        """Make updates until `step` and return the arguments of `save_checkpoint`."""
        while self.state.global_step < step:
            self.update()
        return self.model, self.optimizer, self.scheduler, self.state


def small_training(seed: int = 0, learning_rate: float = 0.1) -> SmallTraining:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW(model[1].parameters(), lr=learning_rate)
    state = TrainerState(max_steps=20, log_history=[], stateful_callbacks={})
    return SmallTraining(model, optimizer, get_scheduler("linear", optimizer, 2, 20), state)


def corrupt(file: Path, how: str) -> None:
    """Truncate, flip a bit of, delete or empty a file."""
    content = file.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    if how == "delete":
        file.unlink()
    else:
        file.write_bytes({"truncate": content[:middle], "flip": flipped, "empty": b""}[how])


def contents(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def forge_json(file: Path, **changes: Any) -> None:
    """Change keys of a JSON file, or remove those given as None, and make the manifest agree."""
    values = {**json.loads(file.read_text()), **changes}
    file.write_text(
        json.dumps({key: value for key, value in values.items() if key not in changes or value is not None})
    )
    forge_manifest(file.parent)


def forge_tensors(file: Path, **changes: torch.Tensor | None) -> None:
    """Change tensors of a file, or remove those given as None, and make the manifest agree."""
    values = {**load_file(file), **{key.replace("__", "."): value for key, value in changes.items()}}
    save_file({key: value for key, value in values.items() if value is not None}, file)
    forge_manifest(file.parent)


def forge_manifest(checkpoint: Path) -> None:
    (checkpoint / MANIFEST).unlink()
    write_manifest(checkpoint)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path, 3, *small_training().at(3), "data")


def resume(checkpoint: Path, training: SmallTraining) -> None:
    load_weights(checkpoint, training.model)
    load_optimizer_and_scheduler(checkpoint, training.optimizer, training.scheduler)
    load_random_state(checkpoint)
    training.state.global_step = int(checkpoint.name[5:])


def test_a_training_goes_on_as_if_nothing_had_happened(checkpoint: Path, tmp_path: Path) -> None:
    other = small_training(seed=1)
    other.model[0].load_state_dict(small_training().model[0].state_dict())  # a checkpoint has no base model
    resume(checkpoint, other)
    there_and_back = save_checkpoint(tmp_path / "again", 3, *other.at(3), "data")
    assert contents(there_and_back) == contents(checkpoint)
    went_on = save_checkpoint(tmp_path / "again", 7, *other.at(7), "data")
    straight = save_checkpoint(tmp_path / "straight", 7, *small_training().at(7), "data")
    assert contents(went_on) == contents(straight)


def test_only_the_newest_two_are_kept_and_none_that_comes_later(tmp_path: Path) -> None:
    training = small_training()
    for step in (1, 2, 3, 9):
        save_checkpoint(tmp_path, step, *training.at(min(step, 3)), "data")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["step-00000003", "step-00000009"]
    save_checkpoint(tmp_path, 4, *training.at(4), "data")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]


def test_other_folders_are_not_touched(checkpoint: Path) -> None:
    (checkpoint.parent / "step-by-step.txt").write_text("mine")
    (checkpoint.parent / "step-00000099").write_text("mine")
    assert newest_checkpoint(checkpoint.parent, "data") == (checkpoint, [])
    save_checkpoint(checkpoint.parent, 4, *small_training().at(4), "data")
    assert (checkpoint.parent / "step-00000099").read_text() == "mine"


def test_no_folder_is_no_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "nothing", "data") == (None, [])


@pytest.mark.parametrize("file", [*FILES, MANIFEST])
@pytest.mark.parametrize("how", ["truncate", "flip", "delete", "empty"])
def test_a_damaged_file_is_named_and_an_older_checkpoint_used(checkpoint: Path, file: str, how: str) -> None:
    newest = save_checkpoint(checkpoint.parent, 4, *small_training().at(4), "data")
    corrupt(newest / file, how)
    found, (line,) = newest_checkpoint(checkpoint.parent, "data")
    assert found == checkpoint
    assert newest.name in line
    assert file in line


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file that no manifest lists": (lambda one: unlist(one, "random.safetensors"), "random.safetensors is not in"),
    "a file outside": (lambda one: list_outside(one), "outside the folder"),
    "other data": (lambda one: forge_json(one / "progress.json", data_hash="x"), "other data or settings"),
    "no data hash": (lambda one: forge_json(one / "progress.json", data_hash=None), "lacks data_hash"),
    "no schedule": (lambda one: forge_json(one / "progress.json", scheduler=None), "lacks scheduler"),
    "a schedule of another update": (
        lambda one: forge_json(one / "progress.json", scheduler={"last_epoch": 2}),
        "the schedule in progress.json is of another update",
    ),
    "another update": (lambda one: forge_json(one / "progress.json", step=2), "progress.json or trainer_state.json"),
    "a state of another update": (lambda one: forge_json(one / "trainer_state.json", global_step=0), "another update"),
    "no update in the state": (lambda one: forge_json(one / "trainer_state.json", global_step=None), "global_step"),
    "an unknown key in the state": (lambda one: forge_json(one / "trainer_state.json", colour=1), "holds colour"),
    "a list for a state": (lambda one: forge_text(one / "trainer_state.json", "[]"), "trainer_state.json lacks"),
    "no JSON": (lambda one: forge_text(one / "progress.json", "{"), "progress.json cannot be read"),
    "no list of moments": (lambda one: forge_json(one / "progress.json", with_moments="01"), "with_moments"),
    "a parameter without moments": (
        lambda one: forge_tensors(one / "optimizer.safetensors", **{"1__exp_avg_sq": None}),
        "optimizer.safetensors lacks or should not hold 1.exp_avg_sq",
    ),
    "one moment too many": (
        lambda one: forge_tensors(one / "optimizer.safetensors", **{"7__step": torch.tensor(3.0)}),
        "should not hold 7.step",
    ),
    "no optimiser": (lambda one: save_nothing(one / "optimizer.safetensors"), "optimizer.safetensors is empty"),
    "no weights": (lambda one: save_nothing(one / "adapter.safetensors"), "adapter.safetensors is empty"),
    "no safetensors": (lambda one: forge_text(one / "adapter.safetensors", "x" * 99), "adapter.safetensors cannot be"),
    "no random state": (
        lambda one: forge_tensors(one / "random.safetensors", cpu=None, gpu=torch.zeros(3)),
        "random.safetensors lacks or should not hold cpu, gpu",
    ),
}


def unlist(checkpoint: Path, file: str) -> None:
    manifest = json.loads((checkpoint / MANIFEST).read_text())
    del manifest["files"][file]
    (checkpoint / MANIFEST).write_text(json.dumps(manifest))


def list_outside(checkpoint: Path) -> None:
    manifest = json.loads((checkpoint / MANIFEST).read_text())
    manifest["files"]["../step-00000003/" + FILES[0]] = manifest["files"][FILES[0]]
    (checkpoint / MANIFEST).write_text(json.dumps(manifest))


def forge_text(file: Path, text: str) -> None:
    file.write_text(text)
    forge_manifest(file.parent)


def save_nothing(file: Path) -> None:
    save_file({}, file)
    forge_manifest(file.parent)


@pytest.mark.parametrize("case", REFUSED)
def test_a_complete_checkpoint_that_cannot_be_used_is_skipped(checkpoint: Path, case: str) -> None:
    newest = save_checkpoint(checkpoint.parent, 4, *small_training().at(4), "data")
    forge, word = REFUSED[case]
    forge(newest)
    found, (line,) = newest_checkpoint(checkpoint.parent, "data")
    assert found == checkpoint
    assert line.startswith("Skipped checkpoint step-00000004: ")
    assert word in line


@pytest.mark.parametrize(
    ("file", "changes", "word"),
    [
        ("adapter.safetensors", {"1__weight": torch.zeros(1, 4)}, "1.weight is another one"),  # would be broadcast
        ("adapter.safetensors", {"1__weight": torch.zeros(2, 4).half()}, "1.weight is another one"),
        ("adapter.safetensors", {"1__bias": None}, "1.bias is another one"),
        ("adapter.safetensors", {"2__bias": torch.zeros(2)}, "2.bias is another one"),
        ("optimizer.safetensors", {"0__exp_avg": torch.zeros(4, 2)}, "0.exp_avg in optimizer.safetensors"),
        ("random.safetensors", {"cpu": torch.zeros(9, dtype=torch.uint8)}, "random.safetensors is refused"),
        ("random.safetensors", {"cpu": torch.zeros(5056, dtype=torch.uint8)}, "random.safetensors is refused"),
        ("random.safetensors", {"cpu": torch.zeros(5056)}, "random.safetensors is refused"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_in_one_line(
    checkpoint: Path, file: str, changes: dict[str, torch.Tensor | None], word: str
) -> None:
    forge_tensors(checkpoint / file, **changes)
    assert newest_checkpoint(checkpoint.parent, "data") == (checkpoint, [])
    with pytest.raises(Damaged, match=word) as refusal:
        resume(checkpoint, small_training())
    assert str(checkpoint) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_schedule_of_other_settings_is_refused(checkpoint: Path) -> None:
    with pytest.raises(Damaged, match="another schedule"):
        resume(checkpoint, small_training(learning_rate=0.2))


def test_a_parameter_that_never_learned_has_no_moments_and_needs_none(tmp_path: Path) -> None:
    training = small_training()
    idle = torch.nn.Parameter(torch.zeros(2))
    training.model.register_parameter("idle", idle)
    training.optimizer.param_groups[0]["params"].append(idle)
    saved = save_checkpoint(tmp_path, 2, *training.at(2), "data")
    assert newest_checkpoint(tmp_path, "data") == (saved, [])
    resume(saved, training)
    assert training.optimizer.state_dict()["state"].keys() == {0, 1}
    assert contents(save_checkpoint(tmp_path / "again", 2, *training.at(2), "data")) == contents(saved)


def test_a_save_leaves_the_manifest_of_every_file(checkpoint: Path) -> None:
    assert sorted(contents(checkpoint)) == sorted([*FILES, MANIFEST])
    assert faults(checkpoint, required=FILES) == []
