"""Weights read one at a time are those of the whole model, and PEFT merges an adapter into it in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shelftalk.errors import Damaged
from shelftalk.models.adapters import merge_adapter
from shelftalk.models.load import load_model
from shelftalk.models.weights import describe_weights, read_weights
from tests.models.test_gguf_files import save_adapter
from tests.narrow_models import KINDS, save_narrow


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_is_read_once_in_fp32(kind: str, tmp_path: Path) -> None:
    model = save_narrow(tmp_path / "model", kind)
    read = list(read_weights(model))
    whole = load_model(model, "fp32")[0].state_dict()
    whole.pop("lm_head.weight")  # tied to the embedding, and not on disk
    assert sorted(name for name, _ in read) == sorted(whole)
    for name, weight in read:
        assert weight.dtype == torch.float32
        assert torch.equal(weight, whole[name])
    assert sum(weight.numel() for _, weight in read) == describe_weights(model)[0]


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_an_adapter_is_merged_as_peft_merges_it(variant: str, tmp_path: Path) -> None:
    model = save_narrow(tmp_path / "model", "gemma3")
    adapter = save_adapter(tmp_path / variant, model, {"lora_variant": variant})
    merged = merge_adapter(load_model(model, "fp32")[0], adapter).state_dict()
    changed = 0
    for (name, weight), (_, plain) in zip(read_weights(model, adapter), read_weights(model), strict=True):
        torch.testing.assert_close(weight, merged[name], rtol=1e-5, atol=1e-6)
        changed += not torch.equal(weight, plain)
    assert changed == 4 * 7  # layers, and their matrices


def test_a_damaged_adapter_is_refused(tmp_path: Path) -> None:
    model = save_narrow(tmp_path / "model", "gemma3")
    adapter = save_adapter(tmp_path / "adapter", model, {})
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(Damaged, match="adapter_model"):
        next(read_weights(model, adapter))
