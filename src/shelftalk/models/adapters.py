"""Attach, load, save and switch off LoRA adapters, through PEFT."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from shelftalk.errors import InvalidSettings
from shelftalk.models.adapter_files import check_adapter
from shelftalk.settings import TrainingSettings

# PEFT asks every model for it; nobody who uses shelftalk can do anything about that.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)

# Every linear layer of a block; never the embeddings or the head, which other tools drop silently (llama.cpp#9065).
TARGET_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def add_adapter(model: Any, settings: TrainingSettings) -> Any:
    """Return `model` with a new LoRA adapter in fp32; only the adapter's weights are trainable.

    The initial weights depend only on `settings.seed`. The adapter changes nothing before its first update, because
    its second matrix is initialised with zeros.

    Raises:
        InvalidSettings: the base model has none of the layers in TARGET_MODULES.
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
        NotFound, Damaged, NotFinite: see `check_adapter`.
    """
    check_adapter(folder)
    return attach_adapter(model, folder, trainable)


def attach_adapter(model: Any, folder: Path, trainable: bool = False) -> Any:
    """Return `model` with the adapter in `folder` active, in evaluation mode, without verifying a manifest.

    `trainable` keeps its weights in fp32 and with gradients, as in training.
    """
    tuned = PeftModel.from_pretrained(model, folder, is_trainable=trainable, local_files_only=True)
    # Training also multiplies in the base model's format (autocast), so this changes only the time, not the result.
    for name, weight in tuned.named_parameters():
        if "lora_" in name and not trainable:
            weight.data = weight.data.to(model.dtype)
    return tuned.eval()


def scale_adapter(model: Any, strength: float) -> None:
    """Scale the contribution of the adapter of `model` by `strength`, in its second matrices, initialised with zeros.

    0.5 is about the midpoint between the weights before and after training, because the first matrices change little.
    """
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data *= strength


def merge_adapter(model: Any, folder: Path) -> Any:
    """Return `model` with the adapter in `folder` merged into its weights, as a plain model without PEFT.

    Raises:
        NotFound, Damaged, NotFinite: see `load_adapter`.
    """
    return load_adapter(model, folder).merge_and_unload()


def causal_model(model: Any) -> Any:
    """Return the causal language model inside the PEFT wrapper, if there is one; adapters stay active."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


@contextmanager
def adapter_off(model: Any) -> Iterator[None]:
    """Disable the adapter of `model` inside the block, so that it computes exactly what its base model computes."""
    with model.disable_adapter():
        yield
