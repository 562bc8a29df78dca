"""Narrow models with random weights, of the forms of published ones: the 270M that the tests run has one form only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from shelftalk.models import tiny

KINDS = ("gemma", "gemma2", "gemma3", "llama")
SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,  # as in Gemma 2B
    "head_dim": 16,  # eight times 16: wider than the hidden size, as in Gemma 3
    "max_position_embeddings": 1024,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
WINDOWED = {"query_pre_attn_scalar": 16, "sliding_window": 32}
LAYERS = ["sliding_attention", "full_attention"] * 2


def make_narrow(kind: str) -> tuple[Any, Any]:
    """Return (model, tokenizer) of one of KINDS, with logits far from uniform."""
    tokenizer = tiny.make()[1]
    size = {**SHAPE, "vocab_size": len(tokenizer)}
    model: Any
    if kind == "gemma":
        model = GemmaForCausalLM(GemmaConfig(**size))
    elif kind == "gemma2":
        softcaps = {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0}
        grouped = {**size, "num_key_value_heads": 4}
        model = Gemma2ForCausalLM(Gemma2Config(**grouped, **WINDOWED, **softcaps, layer_types=LAYERS))
    elif kind == "gemma3":
        model = Gemma3ForCausalLM(Gemma3TextConfig(**size, **WINDOWED, layer_types=LAYERS))
    else:
        grouped = {**size, "num_key_value_heads": 2, "tie_word_embeddings": True}
        model = LlamaForCausalLM(LlamaConfig(**grouped))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for parameter in model.parameters():
            parameter.normal_(std=0.2)  # also change the norms from their neutral value
    return model.eval(), tokenizer


def save_narrow(folder: Path, kind: str) -> Path:
    """Write such a model with its tokenizer into `folder`, and return the folder."""
    model, tokenizer = make_narrow(kind)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
