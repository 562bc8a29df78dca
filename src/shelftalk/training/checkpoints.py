"""Write and read what a training needs to go on bit for bit: adapter, optimiser, schedule, random state, progress.

    checkpoints/step-00000050/
      adapter.safetensors    trainable weights by name
      optimizer.safetensors  AdamW's moments, "PARAMETER.MOMENT", parameters numbered as the optimiser does
      random.safetensors     torch's generator states; nothing in a step draws from Python's or numpy's
      progress.json          update, data hash, schedule, which parameters have moments
      trainer_state.json     transformers' TrainerState
      manifest.json          SHA-256 of each of these, written last
    checkpoints/best/        adapter.safetensors and best.json, where a run validates

No pickle is written or read. A folder is staged, gets its manifest and is renamed, so one that is there is whole
unless the disk spoilt it afterwards, which the manifest shows. What the manifest cannot show, a folder that is whole
but is not of this training, is refused by name: `newest_checkpoint` passes over what the files alone give away, and
the `load_` functions raise Damaged for what only the model and its optimiser can tell.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from transformers import TrainerState, TrainingArguments

from shelftalk.errors import Damaged, NotFound
from shelftalk.workspace import clear_leftovers, faults, read_json, staged_folder, writing

BEST = "best"
KEEP = 2  # the newest, and one more should the disk spoil it
NAME = re.compile(r"step-(\d{8,})")
TENSORS = ("adapter.safetensors", "optimizer.safetensors", "random.safetensors")
MOMENTS = ("exp_avg", "exp_avg_sq", "step")
KEYS = {
    "progress.json": {"step", "data_hash", "scheduler", "with_moments"},
    # Those of TrainerState that steer a training: it fills in a missing one with its default and says nothing.
    "trainer_state.json": {
        *("global_step", "epoch", "max_steps", "log_history", "stateful_callbacks"),
        *("best_metric", "best_global_step", "best_model_checkpoint"),
    },
}


def save_checkpoint(
    folder: Path, step: int, model: Any, optimizer: Any, scheduler: Any, state: TrainerState, data_hash: str
) -> Path:
    """Write the checkpoint of `step` under `folder` whole or not at all; remove all but it and the one before.

    `data_hash` names everything that decides the updates: a training with another one does not go on from here.

    Raises:
        NotWritable: see `workspace.writing`; a full disk is left as it was found.
    """
    target = folder / f"step-{step:08d}"
    moments = optimizer.state_dict()["state"]
    progress = {
        "step": step,
        "data_hash": data_hash,
        "scheduler": scheduler.state_dict(),
        "with_moments": sorted(moments),  # a layer that no text reaches never gets any
    }
    contents = {
        "adapter.safetensors": to_bytes(_trainable(model)),
        "optimizer.safetensors": to_bytes(
            {f"{number}.{name}": value for number, values in moments.items() for name, value in values.items()}
        ),
        "random.safetensors": to_bytes(_random_state()),
        "progress.json": json.dumps(progress, indent=2).encode(),
        "trainer_state.json": json.dumps(asdict(state), indent=2).encode(),
    }
    with staged_folder(target, sum(map(len, contents.values()))) as staging:
        for name, content in contents.items():
            (staging / name).write_bytes(content)
    _remove_all_but_the_newest(folder, target)
    return target


def save_best(folder: Path, step: int, loss: float, model: Any) -> None:
    """Write the trainable weights of `model` to `folder`/best/, with the validation loss that made them the best."""
    weights = to_bytes(_trainable(model))
    with staged_folder(folder / BEST, len(weights)) as staging:
        (staging / "adapter.safetensors").write_bytes(weights)
        (staging / "best.json").write_text(json.dumps({"step": step, "validation_loss": loss}))


def load_best(folder: Path, model: Any) -> int:
    """Set the trainable weights of `model` to those of `folder`/best/ and return the update that they are of.

    Raises:
        Damaged: they are missing or spoilt.
    """
    best = folder / BEST
    if wrong := faults(best, required=("adapter.safetensors", "best.json")):
        raise Damaged(
            f"The best weights in {best} are spoilt ({'; '.join(wrong)}); remove {folder} and train the run again."
        )
    load_weights(best, model)
    return int(read_json(best / "best.json")["step"])


def newest_checkpoint(folder: Path, data_hash: str) -> tuple[Path | None, list[str]]:
    """Return the newest checkpoint that a training with `data_hash` can go on from, or none, and what was skipped.

    There is a line for each newer checkpoint, naming it and its faults, and a last one where none is left. What
    killed writers left in `folder` is cleared away: the caller holds the run's lock.
    """
    clear_leftovers(folder)
    skipped: list[str] = []
    for checkpoint in reversed(_checkpoints(folder)):
        wrong = faults(checkpoint, required=(*TENSORS, *KEYS)) or _differences(checkpoint, data_hash)
        if not wrong:
            return checkpoint, skipped
        skipped.append(f"Skipped checkpoint {checkpoint.name}: {'; '.join(wrong)}.")
    if skipped:
        skipped.append("No checkpoint is left: training starts again at update 0.")
    return None, skipped


def load_weights(checkpoint: Path, model: Any) -> None:
    """Set the trainable weights of `model` to those of a verified checkpoint.

    Raises:
        Damaged: the checkpoint holds other weights than `model` has, by name, shape or number format.
    """
    saved = load_file(checkpoint / "adapter.safetensors")
    parameters = {name: one for name, one in model.named_parameters() if one.requires_grad}
    for name in sorted(parameters.keys() | saved.keys()):
        if not _alike(parameters.get(name), saved.get(name)):
            raise _not_of_this_training(checkpoint, f"{name} is another one in adapter.safetensors than in the model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])


def load_optimizer_and_scheduler(checkpoint: Path, optimizer: Any, scheduler: Any) -> None:
    """Set optimiser and schedule to those of a verified checkpoint; their settings stay those of the run.

    Raises:
        Damaged: the checkpoint's moments do not fit the optimiser's parameters, or its schedule is another one.
    """
    states: dict[int, dict[str, torch.Tensor]] = {}
    parameters = dict(enumerate(one for group in optimizer.param_groups for one in group["params"]))
    for key, value in load_file(checkpoint / "optimizer.safetensors").items():
        number, name = key.split(".")
        if name != "step" and not _alike(parameters.get(int(number)), value):
            raise _not_of_this_training(checkpoint, f"{key} in optimizer.safetensors does not fit its parameter")
        states.setdefault(int(number), {})[name] = value
    schedule, own = read_json(checkpoint / "progress.json")["scheduler"], scheduler.state_dict()
    if schedule.keys() != own.keys() or schedule["base_lrs"] != own["base_lrs"]:
        raise _not_of_this_training(checkpoint, "progress.json holds another schedule")
    scheduler.load_state_dict(schedule)
    groups = optimizer.state_dict()["param_groups"]
    for group, rate in zip(groups, scheduler.get_last_lr(), strict=True):
        group["lr"] = rate
    optimizer.load_state_dict({"state": states, "param_groups": groups})


def read_update_scales(folder: Path, model: Any) -> torch.Tensor:
    """Return what AdamW multiplied each weight's gradient by at a training's end, for a learning rate of 1.

    That is 1 / (sqrt(v) + epsilon), with v the second moment of the newest sound checkpoint, its bias corrected
    (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1): one vector in fp32, the trainable weights of
    `model` end to end. A weight that no text reached never moves and has a 0. Nothing is written or cleared away.

    Raises:
        NotFound: there is no checkpoint, or none that is whole.
        Damaged: the newest whole one is not of these weights.
    """
    needed = ("optimizer.safetensors",)
    checkpoint = next((one for one in reversed(_checkpoints(folder)) if not faults(one, required=needed)), None)
    if checkpoint is None:
        raise NotFound(
            f"There is no whole checkpoint in {folder}, and the optimiser's state is kept nowhere else; train the same "
            "catalogue and settings again as another --run."
        )
    saved = load_file(checkpoint / "optimizer.safetensors")
    weights = [one for one in model.parameters() if one.requires_grad]
    if unknown := {key for key in saved if int(key.split(".")[0]) >= len(weights)}:
        raise _not_of_this_training(checkpoint, f"{min(unknown)} in optimizer.safetensors has no parameter")
    return torch.cat([_scale(checkpoint, saved, number, weight) for number, weight in enumerate(weights)])


def _scale(checkpoint: Path, saved: dict[str, torch.Tensor], number: int, weight: torch.Tensor) -> torch.Tensor:
    moment = saved.get(f"{number}.exp_avg_sq")
    if moment is None:
        return torch.zeros(weight.numel(), device=weight.device)
    if moment.shape != weight.shape:
        raise _not_of_this_training(checkpoint, f"{number}.exp_avg_sq in optimizer.safetensors does not fit")
    beta, epsilon = float(TrainingArguments.adam_beta2), float(TrainingArguments.adam_epsilon)  # training keeps these
    corrected = moment.flatten().to(weight.device) / (1 - beta ** float(saved[f"{number}.step"]))
    scale: torch.Tensor = 1 / (corrected.sqrt() + epsilon)
    return scale


def load_random_state(checkpoint: Path) -> None:
    """Set torch's random generators to those of a verified checkpoint.

    Raises:
        Damaged: the states are none that torch could have written.
    """
    states = load_file(checkpoint / "random.safetensors")
    try:
        torch.random.set_rng_state(states["cpu"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"])
    except (RuntimeError, TypeError) as error:
        raise _not_of_this_training(checkpoint, f"random.safetensors is refused ({error})") from error


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders, oldest first."""
    if not folder.is_dir():
        return []
    return sorted((one for one in folder.iterdir() if NAME.fullmatch(one.name) and one.is_dir()), key=_step)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def _remove_all_but_the_newest(folder: Path, newest: Path) -> None:
    everything = _checkpoints(folder)
    place = everything.index(newest)
    later = everything[place + 1 :]  # refused when this training went on, or it would not be here
    with writing(folder):
        for checkpoint in [*later, *everything[: max(0, place + 1 - KEEP)]]:
            shutil.rmtree(checkpoint)


def _differences(checkpoint: Path, data_hash: str) -> list[str]:
    """List what an untouched checkpoint lacks or holds that a training with `data_hash` would not have written."""
    try:
        files = {name: read_json(checkpoint / name) for name in KEYS}
    except Damaged as error:
        return [str(error)]
    found = [
        f"{name} lacks {', '.join(sorted(missing))}"
        for name, keys in KEYS.items()
        if (missing := keys - (files[name].keys() if isinstance(files[name], dict) else set()))
    ]
    if found:
        return found
    progress, state, step = files["progress.json"], files["trainer_state.json"], _step(checkpoint)
    if progress["data_hash"] != data_hash:
        found.append("it was made from other data or settings")
    if unknown := state.keys() - {field.name for field in fields(TrainerState)}:
        found.append(f"trainer_state.json holds {', '.join(sorted(unknown))}, which this transformers does not know")
    schedule = progress["scheduler"]
    if not isinstance(schedule, dict) or schedule.get("last_epoch") != step:
        found.append("the schedule in progress.json is of another update")
    if {progress["step"], state["global_step"]} != {step}:
        found.append("progress.json or trainer_state.json is of another update")
    return found + _tensor_differences(checkpoint, progress["with_moments"])


def _tensor_differences(checkpoint: Path, with_moments: Any) -> list[str]:
    """List the tensors that the files lack, or hold too many, by name; that reads only their headers."""
    if not isinstance(with_moments, list) or not all(isinstance(number, int) for number in with_moments):
        return ["with_moments in progress.json is no list of numbers"]
    expected = {
        "optimizer.safetensors": {f"{number}.{name}" for number in with_moments for name in MOMENTS},
        "random.safetensors": _random_state().keys(),
    }
    found = []
    for file in TENSORS:
        try:
            with safe_open(checkpoint / file, framework="pt") as handle:
                names = set(handle.keys())
        except SafetensorError as error:
            found.append(f"{file} cannot be read ({error})")
            continue
        if not names:
            found.append(f"{file} is empty")
        elif different := names ^ expected.get(file, names):
            found.append(f"{file} lacks or should not hold {', '.join(sorted(different))}")
    return found


def _alike(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape and one.dtype == other.dtype


def _not_of_this_training(checkpoint: Path, reason: str) -> Damaged:
    return Damaged(
        f"{checkpoint} is not a checkpoint of this training: {reason}. Remove that folder and run the same command "
        "again to go on from the one before."
    )


def _trainable(model: Any) -> dict[str, torch.Tensor]:
    return {name: one.detach().cpu().contiguous() for name, one in model.named_parameters() if one.requires_grad}


def _random_state() -> dict[str, torch.Tensor]:
    """Return the states of the generators that a training on this machine draws from, those of one device."""
    states = {"cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states
