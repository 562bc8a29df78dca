"""Write and read what a training needs to go on bit for bit: adapter, optimiser, schedule, random state, progress.

    checkpoints/step-00000050/
      adapter.safetensors    trainable weights by name
      optimizer.safetensors  AdamW's moments, "PARAMETER.NAME"
      random.safetensors     torch's generator states; nothing in a step draws from Python's or numpy's
      progress.json          optimiser groups, schedule, data hash
      trainer_state.json     transformers' TrainerState
      manifest.json          SHA-256 of each of these, written last

No pickle is written or read. A folder is staged, gets its manifest and is renamed, so one that is there is whole
unless the disk spoilt it afterwards, which the manifest shows.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from shelftalk.workspace import faults, read_json, staged_folder, write_json

KEEP = 2  # the newest, and one more should the disk spoil it


def save_checkpoint(
    folder: Path, step: int, model: Any, optimizer: Any, scheduler: Any, state: Any, data_hash: str
) -> Path:
    """Write the checkpoint of `step` under `folder` whole or not at all; remove all but it and the one before."""
    target = folder / f"step-{step:08d}"
    with staged_folder(target) as staging:
        save_file(_trainable(model), staging / "adapter.safetensors")
        optimizer_state = optimizer.state_dict()
        moments = {
            f"{parameter}.{name}": torch.as_tensor(value)
            for parameter, values in optimizer_state["state"].items()
            for name, value in values.items()
        }
        save_file(moments, staging / "optimizer.safetensors")
        save_file(_random_state(), staging / "random.safetensors")
        progress = {
            "step": step,
            "data_hash": data_hash,
            "param_groups": optimizer_state["param_groups"],
            "scheduler": scheduler.state_dict(),
        }
        write_json(staging / "progress.json", progress)
        state.save_to_json(str(staging / "trainer_state.json"))
    others = sorted(folder.glob("step-*"))
    later = [other for other in others if other > target]  # refused when this training went on, or it would not be here
    for other in [*later, *[other for other in others if other <= target][:-KEEP]]:
        shutil.rmtree(other)
    return target


def newest_checkpoint(folder: Path, data_hash: str) -> tuple[Path | None, list[str]]:
    """Return the newest checkpoint that verifies, or none, and a line for each newer one that was skipped."""
    skipped: list[str] = []
    for checkpoint in sorted(folder.glob("step-*"), reverse=True):
        wrong = faults(checkpoint)
        if not wrong and read_json(checkpoint / "progress.json")["data_hash"] != data_hash:
            wrong = ["it was made from other data"]
        if not wrong:
            return checkpoint, skipped
        skipped.append(f"Skipped checkpoint {checkpoint.name}: {'; '.join(wrong)}.")
    return None, skipped


def load_weights(checkpoint: Path, model: Any) -> None:
    """Set the trainable weights of `model` to those of a verified checkpoint."""
    parameters = {name: one for name, one in model.named_parameters() if one.requires_grad}
    saved = load_file(checkpoint / "adapter.safetensors")
    if parameters.keys() != saved.keys():
        raise ValueError(f"checkpoint {checkpoint.name} belongs to another adapter")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])


def load_optimizer_and_scheduler(checkpoint: Path, optimizer: Any, scheduler: Any) -> None:
    """Set optimiser and schedule to those of a verified checkpoint."""
    progress = read_json(checkpoint / "progress.json")
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in load_file(checkpoint / "optimizer.safetensors").items():
        parameter, name = key.split(".")
        states.setdefault(int(parameter), {})[name] = value
    optimizer.load_state_dict({"state": states, "param_groups": progress["param_groups"]})
    scheduler.load_state_dict(progress["scheduler"])


def load_random_state(checkpoint: Path) -> None:
    """Set torch's random generators to those of a verified checkpoint."""
    states = load_file(checkpoint / "random.safetensors")
    torch.random.set_rng_state(states["cpu"])
    for number in range(torch.cuda.device_count()):
        if f"cuda.{number}" in states:
            torch.cuda.set_rng_state(states[f"cuda.{number}"], number)


def _trainable(model: Any) -> dict[str, torch.Tensor]:
    return {name: one.detach().cpu().contiguous() for name, one in model.named_parameters() if one.requires_grad}


def _random_state() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.random.get_rng_state()}
    for number in range(torch.cuda.device_count()):
        states[f"cuda.{number}"] = torch.cuda.get_rng_state(number)
    return states
