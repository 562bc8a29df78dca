"""Load a base model and its tokenizer from a folder, in the number format that this machine computes fast."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from shelftalk.errors import Damaged

transformers_logging.disable_progress_bar()


def load_model(folder: Path, precision: str = "automatic", attention: str = "sdpa") -> tuple[Any, Any]:
    """Return (model, tokenizer) in evaluation mode on the best device.

    `precision` is bf16, fp32 or automatic; automatic takes bf16 where `bf16_is_fast`. `attention` names one of
    transformers' attention functions.

    Raises:
        Damaged: the folder's files cannot be read as a causal language model.
    """
    chosen = resolve_precision(precision)
    dtype = torch.bfloat16 if chosen == "bf16" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=attention,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Damaged(
            f"The base model in {folder} cannot be loaded ({reason}); is it a whole causal model in safetensors?"
        ) from error
    return model.to(best_device()).eval(), tokenizer


def best_device() -> torch.device:
    """Return the CUDA device where there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_precision(precision: str) -> str:
    """Return bf16 or fp32 for `precision`, which may also be automatic."""
    if precision != "automatic":
        return precision
    return "bf16" if bf16_is_fast() else "fp32"


@cache
def bf16_is_fast() -> bool:
    """Measure whether bf16 matrix products beat fp32 here.

    CPUs without avx512_bf16 or AMX emulate bf16, 44 to 499 times slower than fp32 (pytorch#146508), and no flag says
    so on every platform: a product of the size that training uses does, in some milliseconds.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    seconds = {dtype: _time_product(dtype) for dtype in (torch.float32, torch.bfloat16)}
    return seconds[torch.bfloat16] < seconds[torch.float32]


def _time_product(dtype: torch.dtype) -> float:
    rows, weights = torch.ones(128, 640, dtype=dtype), torch.ones(640, 1024, dtype=dtype)
    best = float("inf")
    for _ in range(8):
        start = time.perf_counter()
        rows @ weights
        best = min(best, time.perf_counter() - start)
    return best
