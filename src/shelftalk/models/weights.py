"""Count a base model's weights on disk, and read them one at a time, an adapter merged into each that it changes.

A whole model in fp32 takes four bytes a weight, 10 GB for Gemma 2B; one at a time the largest weight is the limit.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from shelftalk.models.adapters import check_adapter

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
Weights = Iterator[tuple[str, Tensor]]
PREFIX = "base_model.model."  # of an adapter's weights, before the name of the layer


def weight_files(model: Path) -> list[Path]:
    """Return the files of weights of the model in folder `model`, sorted."""
    return sorted(model.glob("*.safetensors"))


def describe_weights(model: Path) -> tuple[int, str]:
    """Return the number of weights of the model in folder `model`, and the number format of most of them.

    The format is one of DTYPES; any other format is reported as bf16, in which such weights are loaded.
    """
    counts: Counter[str] = Counter()
    for file in weight_files(model):
        with safe_open(file, "pt") as weights:
            for key in weights.keys():  # noqa: SIM118 (it is no mapping)
                part = weights.get_slice(key)
                counts[part.get_dtype().lower()] += math.prod(part.get_shape())
    kind = counts.most_common(1)[0][0]
    return counts.total(), kind if kind in DTYPES else "bf16"


def read_weights(model: Path, adapter: Path | None = None) -> Weights:
    """Yield the name and the fp32 value of every weight of the model in folder `model`, one at a time.

    With the folder of a PEFT adapter, each is the weight with the adapter merged into it: W + s B A, where s is alpha /
    rank, or alpha / sqrt(rank) for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732). DoRA scales each row of that to its
    learned length (Liu et al. 2024, arXiv 2402.09353, equation 5).

    Raises:
        NotFound, Damaged: see `check_adapter`.
    """
    merge = _merging(adapter) if adapter else lambda _, weight: weight
    for file in weight_files(model):
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (it is no mapping)
                yield name, merge(name, weights.get_tensor(name).to(torch.float32))


def _merging(folder: Path) -> Callable[[str, Tensor], Tensor]:
    """Return a function that merges the adapter in `folder` into the weight of a name."""
    check_adapter(folder)
    config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    trained = load_file(folder / "adapter_model.safetensors")
    rank = config["r"]
    scale = config["lora_alpha"] / (rank**0.5 if config["use_rslora"] else rank)

    def merge(name: str, weight: Tensor) -> Tensor:
        layer = PREFIX + name.removesuffix(".weight")
        if f"{layer}.lora_A.weight" not in trained:
            return weight
        first, second = (trained[f"{layer}.lora_{part}.weight"].float() for part in "AB")
        merged: Tensor = weight + (second @ first) * scale
        if config["use_dora"]:
            length = trained[f"{layer}.lora_magnitude_vector"].float()
            merged *= (length / torch.linalg.norm(merged, dim=1))[:, None]
        return merged

    return merge
