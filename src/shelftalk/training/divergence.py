"""Say where a training came upon a number that is not finite, and how to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from shelftalk.errors import Diverged, NotFinite
from shelftalk.models.finite import first_not_finite
from shelftalk.runs.state import LOWER
from shelftalk.settings import TrainingSettings
from shelftalk.training.checkpoints import find_checkpoint


def not_finite(
    what: str, done: int, model: Any, settings: TrainingSettings, checkpoints: Path, data_hash: str
) -> NotFinite:
    """Return the error for `what` was not finite in a training of `model` that has made `done` updates.

    It names the newest checkpoint that can be resumed, and a cure. The frozen weights are examined only here.
    """
    found = f"{what} is not a finite number; {_kept(checkpoints, data_hash)}"
    if (cause := _cause_in_the_start(done, model, settings)) is not None:
        return NotFinite(f"{found} {cause}")
    rate = settings.learning_rate
    return Diverged(
        f"{found} The same settings would come to the same update again, so train another --run with a lower "
        f"learning_rate: it is {rate:g}; try {rate / LOWER:g}."
    )


def _kept(checkpoints: Path, data_hash: str) -> str:
    checkpoint, _ = find_checkpoint(checkpoints, data_hash)
    if checkpoint is None:
        return "there is no good checkpoint yet."
    return f"the last good checkpoint is {checkpoint.name}."


def _cause_in_the_start(done: int, model: Any, settings: TrainingSettings) -> str | None:
    """Return what is wrong, with the cure, where it is not the training's updates."""
    frozen = ((name, weight) for name, weight in model.named_parameters() if not weight.requires_grad)
    if (name := first_not_finite(frozen)) is not None:
        return f"The base model {settings.base_model} holds such a number in {name}; take another base_model."
    if done:
        return None
    is_fp32 = model.get_input_embeddings().weight.dtype == torch.float32
    precise = "" if is_fp32 else ", or train another --run with precision=fp32"
    return f"Nothing was trained before, so the model it began from computes it; take another one{precise}."
