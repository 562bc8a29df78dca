"""Attach, load, save and switch off LoRA adapters, through PEFT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from shelftalk.errors import Damaged, InvalidSettings, NotFound
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import faults

# Every linear layer of a block; never the embeddings or the head, which other tools drop silently (llama.cpp#9065).
TARGET_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def add_adapter(model: Any, settings: TrainingSettings) -> Any:
    """Return `model` with a fresh LoRA adapter in fp32; only the adapter's weights are trainable.

    The initial weights depend on `settings.seed` alone. The adapter changes nothing before its first update, because
    its second matrix begins at zero.
    """
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        use_rslora=settings.lora_variant == "rslora",
        use_dora=settings.lora_variant == "dora",
        target_modules=TARGET_MODULES,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise InvalidSettings(
                f"The base model {settings.base_model} has none of the layers {', '.join(TARGET_MODULES)}; take a "
                "Gemma, Llama, Mistral or Qwen model."
            ) from error


def load_adapter(model: Any, folder: Path, trainable: bool = False) -> Any:
    """Return `model` with the adapter in `folder` active, in evaluation mode; for `trainable` see `attach_adapter`.

    Raises:
        NotFound: there is no adapter in the folder.
        Damaged: a file is not what the folder's manifest says.
    """
    if not (folder / "adapter_config.json").is_file():
        raise NotFound(f"There is no adapter in {folder}; finish the run with: shelftalk train")
    if wrong := faults(folder):
        raise Damaged(f"The adapter in {folder} is damaged ({'; '.join(wrong)}); train the run again.")
    return attach_adapter(model, folder, trainable)


def attach_adapter(model: Any, folder: Path, trainable: bool = False) -> Any:
    """Return `model` with the adapter in `folder` active, in evaluation mode; no manifest is looked at.

    `trainable` leaves its weights in fp32 and open to gradients, as training has them.
    """
    tuned = PeftModel.from_pretrained(model, folder, is_trainable=trainable, local_files_only=True)
    # Training multiplies in the base model's format too (autocast), so this changes no result, only the time.
    for name, weight in tuned.named_parameters():
        if "lora_" in name and not trainable:
            weight.data = weight.data.to(model.dtype)
    return tuned.eval()


def weaken_adapter(model: Any, strength: float) -> None:
    """Multiply what the adapter of `model` adds by `strength`, in its second matrices, which began at zero.

    0.5 is about where a straight way from the training's start to its end is halfway: the first matrices move little.
    """
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data *= strength


def merge_adapter(model: Any, folder: Path) -> Any:
    """Return `model` with the adapter in `folder` added to its weights, without a trace of PEFT.

    Raises:
        NotFound, Damaged: see `load_adapter`.
    """
    return load_adapter(model, folder).merge_and_unload(safe_merge=True)


def causal_model(model: Any) -> Any:
    """Return the causal language model itself, from inside its adapter where it has one; adapters stay active."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


@contextmanager
def adapter_off(model: Any) -> Iterator[None]:
    """Make `model` compute exactly what its base model computes, for the length of the block."""
    with model.disable_adapter():
        yield
