"""Count a base model's weights on disk, and read them one at a time, an adapter merged into each that it changes.

A whole model in fp32 takes four bytes a weight, 10 GB for Gemma 2B; one at a time the largest weight is the limit.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from shelftalk.models.adapter_files import WEIGHTS, check_adapter

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
Weights = Iterator[tuple[str, Tensor]]
Merge = Callable[[Tensor], Tensor]  # from a weight in fp32 to the weight with the adapter in it
PREFIX = "base_model.model."  # of an adapter's weights, before the name of the layer
FIRST = ".lora_A.weight"  # after it, of the first of its two matrices


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


def weight_shapes(model: Path) -> dict[str, list[int]]:
    """Return the shape of every weight of the model in folder `model`, in the order of `read_weights`."""
    shapes: dict[str, list[int]] = {}
    for file in weight_files(model):
        with safe_open(file, "pt") as weights:
            shapes |= {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    return shapes


def read_weights(model: Path, adapter: Path | None = None) -> Weights:
    """Yield the name and the fp32 value of every weight of the model in folder `model`, one at a time.

    With the folder of a PEFT adapter, each is the weight with the adapter merged into it: W + s B A, where s is alpha /
    rank, or alpha / sqrt(rank) for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732). DoRA scales each row of that to its
    learned length (Liu et al. 2024, arXiv 2402.09353, equation 5).

    Raises:
        NotFound, Damaged: see `check_adapter`.
    """
    merges = load_merges(adapter) if adapter else {}
    for name, weight in read_plain(model):
        yield name, merges[name](weight) if name in merges else weight


def read_plain(model: Path, wanted: Container[str] | None = None) -> Weights:
    """Yield the name and the fp32 value of every weight, or of those `wanted`, of the model in folder `model`."""
    for file in weight_files(model):
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (it is no mapping)
                if wanted is None or name in wanted:
                    yield name, weights.get_tensor(name).to(torch.float32)


def load_merges(adapter: Path) -> dict[str, Merge]:
    """Return, by its name, for each weight that a PEFT adapter changes what merges the adapter into it.

    Raises:
        NotFound, Damaged: see `check_adapter`.
    """
    check_adapter(adapter)
    config: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    trained = load_file(adapter / WEIGHTS)
    rank = config["r"]
    scale = config["lora_alpha"] / (rank**0.5 if config["use_rslora"] else rank)

    def merge(layer: str, weight: Tensor) -> Tensor:
        first, second = (trained[f"{layer}.lora_{part}.weight"].float() for part in "AB")
        merged: Tensor = weight + (second @ first) * scale
        if config["use_dora"]:
            length = trained[f"{layer}.lora_magnitude_vector"].float()
            merged *= (length / torch.linalg.norm(merged, dim=1))[:, None]
        return merged

    layers = [name.removesuffix(FIRST) for name in trained if name.endswith(FIRST)]
    return {f"{layer.removeprefix(PREFIX)}.weight": partial(merge, layer) for layer in layers}
