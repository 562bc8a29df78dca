"""Write and read checkpoints that resume a training bit for bit: adapter, optimiser, schedule, random state, progress.

    checkpoints/step-00000050/
      adapter.safetensors    trainable weights by name
      optimizer.safetensors  AdamW's moments, "PARAMETER.MOMENT", parameters numbered as the optimiser does
      random.safetensors     torch's generator states; a step uses neither Python's nor numpy's
      progress.json          update, data hash, schedule, which parameters have moments
      trainer_state.json     transformers' TrainerState
      manifest.json          SHA-256 of each of these, written last
    checkpoints/best/        adapter.safetensors and best.json, where a run validates

No pickle is written or read. A folder is written under a temporary name, gets its manifest and is renamed, so a folder
that exists is complete. The manifest detects later damage on the disk. It cannot detect a valid checkpoint of another
training: `newest_checkpoint` skips one that its files identify as such, and the `load_` functions raise Damaged where
only a comparison with the model or the optimiser shows it.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from transformers import TrainerState, TrainingArguments

from shelftalk.errors import Damaged, NotFinite, NotFound
from shelftalk.format_numbers import require_known
from shelftalk.models.finite import first_not_finite, first_not_finite_in
from shelftalk.workspace import clear_leftovers, faults, read_json, staged_folder, writing

FORMAT = 1  # of a checkpoint's folder
BEST = "best"
PROGRESS = "progress.json"
KEEP = 2  # the newest, and one more in case the disk damages it
NAME = re.compile(r"step-(\d{8,})")
TENSORS = ("adapter.safetensors", "optimizer.safetensors", "random.safetensors")
MOMENTS = ("exp_avg", "exp_avg_sq", "step")
KEYS = {
    "progress.json": {"step", "data_hash", "scheduler", "with_moments"},
    # The keys of TrainerState that affect a training: it silently replaces a missing one with its default.
    "trainer_state.json": {
        *("global_step", "epoch", "max_steps", "log_history", "stateful_callbacks"),
        *("best_metric", "best_global_step", "best_model_checkpoint"),
    },
}


def save_checkpoint(
    folder: Path, step: int, model: Any, optimizer: Any, scheduler: Any, state: TrainerState, data_hash: str
) -> Path:
    """Write the checkpoint of `step` under `folder` atomically; remove all but it and the one before.

    `data_hash` identifies everything that determines the updates: a training with another one does not resume here.

    Raises:
        NotWritable: see `workspace.writing`; on a full disk nothing stays behind.
    """
    target = folder / f"step-{step:08d}"
    moments = optimizer.state_dict()["state"]
    progress = {
        "format": FORMAT,
        "step": step,
        "data_hash": data_hash,
        "scheduler": scheduler.state_dict(),
        "with_moments": sorted(moments),  # a parameter that never got a gradient has none
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


def state_not_finite(model: Any, optimizer: Any) -> str | None:
    """Return the name of the first trainable weight, or moment of the optimiser, that is not finite; None without one.

    The weights come first. Nothing is copied from the device but a figure for each.
    """
    weights = ((name, one) for name, one in model.named_parameters() if one.requires_grad)
    states = optimizer.state_dict()["state"].items()
    moments = ((f"{number}.{name}", one) for number, values in states for name, one in values.items())
    return first_not_finite(chain(weights, moments))


def save_best(folder: Path, step: int, loss: float, model: Any) -> None:
    """Write the trainable weights of `model` to `folder`/best/, with their update and validation loss."""
    weights = to_bytes(_trainable(model))
    with staged_folder(folder / BEST, len(weights)) as staging:
        (staging / "adapter.safetensors").write_bytes(weights)
        (staging / "best.json").write_text(json.dumps({"format": FORMAT, "step": step, "validation_loss": loss}))


def load_best(folder: Path, model: Any) -> int:
    """Set the trainable weights of `model` to those of `folder`/best/ and return the number of their update.

    Raises:
        NewerFormat: a newer version of shelftalk wrote them.
        Damaged: they are missing or damaged.
    """
    best = folder / BEST
    _require_known(best / "best.json")
    if wrong := faults(best, required=("adapter.safetensors", "best.json")):
        raise Damaged(
            f"The best weights in {best} are damaged ({'; '.join(wrong)}); remove {folder} and train the run again."
        )
    load_weights(best, model)
    return int(read_json(best / "best.json")["step"])


def newest_checkpoint(folder: Path, data_hash: str) -> tuple[Path | None, list[str]]:
    """Return the newest checkpoint that a training with `data_hash` can resume, or None, and messages on skipped ones.

    Each newer checkpoint has a message with its name and faults; if none is left, a last message says so. Temporary
    files of killed processes are removed from `folder`: the caller holds the run's lock.

    Raises:
        NewerFormat: a newer version of shelftalk wrote one; going on from an earlier one would remove it.
    """
    clear_leftovers(folder)
    return find_checkpoint(folder, data_hash)


def find_checkpoint(folder: Path, data_hash: str) -> tuple[Path | None, list[str]]:
    """Return the same as `newest_checkpoint`; nothing is removed, so that any process may call this at any time."""
    skipped: list[str] = []
    for checkpoint in reversed(_checkpoints(folder)):
        _require_known(checkpoint / PROGRESS)
        wrong = faults(checkpoint, required=(*TENSORS, *KEYS)) or _differences(checkpoint, data_hash)
        if not (wrong := wrong or _not_finite(checkpoint)):
            return checkpoint, skipped
        skipped.append(f"Skipped checkpoint {checkpoint.name}: {'; '.join(wrong)}.")
    if skipped:
        skipped.append("No checkpoint is left: training starts again at update 0.")
    return None, skipped


def load_weights(checkpoint: Path, model: Any) -> None:
    """Set the trainable weights of `model` to those of a verified checkpoint.

    Raises:
        Damaged: the weights differ from those of `model` in name, shape or number format.
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
    """Set the state of optimiser and schedule to that of a verified checkpoint; their settings stay those of the run.

    Raises:
        Damaged: the checkpoint's moments do not fit the optimiser's parameters, or it has another schedule.
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
    """Return AdamW's factor for each weight's gradient at the end of a training, for a learning rate of 1.

    It is 1 / (sqrt(v) + epsilon), with v the bias-corrected second moment of the newest valid checkpoint (Kingma & Ba
    2015, https://arxiv.org/abs/1412.6980, algorithm 1): one vector in fp32, the trainable weights of `model`
    concatenated. A weight that never got a gradient has a 0. No file is written or removed.

    Raises:
        NewerFormat: a newer version of shelftalk wrote one.
        NotFound: there is no checkpoint, or no complete one.
        Damaged: the newest complete one belongs to other weights.
        NotFinite: it holds a moment that is not finite.
    """
    needed = ("optimizer.safetensors",)
    for one in _checkpoints(folder):
        _require_known(one / PROGRESS)
    checkpoint = next((one for one in reversed(_checkpoints(folder)) if not faults(one, required=needed)), None)
    if checkpoint is None:
        raise NotFound(
            f"There is no complete checkpoint in {folder}, and the optimiser's state is stored nowhere else; train the "
            "same catalogue and settings again as another --run."
        )
    saved = load_file(checkpoint / "optimizer.safetensors")
    if (wrong := first_not_finite(saved.items())) is not None:
        raise NotFinite(
            f"{wrong} in {checkpoint.name} is not finite, so influence cannot be estimated; train the same catalogue "
            "with a lower learning_rate as another --run."
        )
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
    """Set the states of torch's random generators to those of a verified checkpoint.

    Raises:
        Damaged: torch does not accept the states.
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


def _require_known(path: Path) -> None:
    with suppress(Damaged):  # which is found, and said, with the other files of the folder
        require_known(read_json(path), FORMAT, path)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def _remove_all_but_the_newest(folder: Path, newest: Path) -> None:
    everything = _checkpoints(folder)
    index = everything.index(newest)
    later = everything[index + 1 :]  # skipped as invalid when this training resumed, otherwise it would be past them
    with writing(folder):
        for checkpoint in [*later, *everything[: max(0, index + 1 - KEEP)]]:
            shutil.rmtree(checkpoint)


def _differences(checkpoint: Path, data_hash: str) -> list[str]:
    """List how a checkpoint with a correct manifest differs from one that a training with `data_hash` writes."""
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
    """List the names of missing and unexpected tensors; only the files' headers are read."""
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


def _not_finite(checkpoint: Path) -> list[str]:
    """Name the first weight or moment that is not finite: earlier versions saved such checkpoints."""
    found = ((file, first_not_finite_in(checkpoint / file)) for file in TENSORS[:2])
    return [f"{name} in {file} is not finite" for file, name in found if name is not None]


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
    """Return the states of the random generators that a training on this machine uses, those of one device."""
    states = {"cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states
