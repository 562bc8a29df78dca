"""4-bit loading: rejected where it is not supported, and the weights that stay in bf16."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM
from transformers.utils import is_bitsandbytes_available

from shelftalk.errors import InvalidSettings, MissingPackage
from shelftalk.models import tiny
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import load_model, resolve_precision
from tests.conftest import TINY_SETTINGS


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_four_bits_need_a_cuda_device(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="nf4 needs a CUDA device") as refusal:
        resolve_precision("nf4")
    assert "\n" not in str(refusal.value)
    with pytest.raises(InvalidSettings):  # not Damaged, although the folder is empty
        load_model(tmp_path, "nf4")


@pytest.mark.skipif(is_bitsandbytes_available(), reason="bitsandbytes is installed")
def test_four_bits_need_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(MissingPackage, match=r"shelftalk\[quantized\]"):
        resolve_precision("nf4")


@pytest.mark.gpu
@pytest.mark.skipif(not (torch.cuda.is_available() and is_bitsandbytes_available()), reason="needs both")
def test_four_bits_leave_embeddings_and_adapter_alone(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    model, _ = load_model(tmp_path, "nf4")
    model = add_adapter(model, TINY_SETTINGS)
    kinds = {name.split(".")[-2]: weight.dtype for name, weight in model.named_parameters() if weight.ndim == 2}
    assert kinds["base_layer"] == torch.uint8
    assert kinds["embed_tokens"] == torch.bfloat16
    assert kinds["default"] == torch.float32


def test_a_model_that_caps_its_attention_is_loaded_with_its_cap(tmp_path: Path) -> None:
    tokenizer = tiny.make()[1]
    torch.manual_seed(1)
    caps = {"attn_logit_softcapping": 0.5, "final_logit_softcapping": 3.0}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    config = Gemma2Config(vocab_size=len(tokenizer), num_attention_heads=2, num_key_value_heads=1, **sizes, **caps)
    made = Gemma2ForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(std=0.3)
    made.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = load_model(tmp_path, "fp32")
    made.set_attn_implementation("eager")
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        right, ours = (model(ids).logits for model in (made, loaded))
        made.config.attn_logit_softcapping = None
        for layer in made.model.layers:
            layer.self_attn.attn_logit_softcapping = None
        uncapped = made(ids).logits
    assert torch.allclose(ours, right, atol=1e-5)
    assert not torch.allclose(uncapped, right, atol=1e-2)
