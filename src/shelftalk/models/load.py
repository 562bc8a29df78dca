"""Load a base model and its tokenizer from a folder, in a number format that is fast on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available
from transformers.utils import logging as transformers_logging

from shelftalk.errors import Damaged, InvalidSettings, MissingPackage
from shelftalk.models.instruction_set import bf16_is_fast
from shelftalk.models.tokens import load_tokenizer

OLDEST_BITSANDBYTES = "0.48"  # as in the extra `quantized`

transformers_logging.disable_progress_bar()


def load_model(folder: Path, precision: str = "automatic", attention: str | None = None) -> tuple[Any, Any]:
    """Return (model, tokenizer) in evaluation mode on the best device.

    For `precision` see `resolve_precision`. `attention` names one of transformers' attention functions; None means
    sdpa, or eager for a model with attention logit soft-capping (Gemma 2), which sdpa does not support.

    Raises:
        InvalidSettings, MissingPackage: see `resolve_precision`.
        Damaged: the folder's files cannot be read as a causal language model and its tokenizer.
    """
    chosen = resolve_precision(precision)
    dtype = torch.float32 if chosen == "fp32" else torch.bfloat16
    quantized = {"quantization_config": _nf4(), "device_map": {"": best_device().index}} if chosen == "nf4" else {}
    tokenizer = load_tokenizer(folder)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=attention or _attention(folder),
            **quantized,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Damaged(
            f"The base model in {folder} cannot be loaded ({reason}); is it a whole causal model in safetensors?"
        ) from error
    return model.to(best_device()).eval(), tokenizer


def _attention(folder: Path) -> str:
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return "eager" if getattr(config.get_text_config(), "attn_logit_softcapping", None) else "sdpa"


def best_device() -> torch.device:
    """Return this process's CUDA device where there is one, otherwise the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))  # set by torchrun


def unused_cuda() -> str | None:
    """Return the version of CUDA that torch was built for, where torch finds no card to use it on; else None."""
    return None if torch.cuda.is_available() else torch.version.cuda


def resolve_precision(precision: str) -> str:
    """Return bf16, fp32 or nf4 for `precision`; automatic means bf16 where `bf16_is_fast`, otherwise fp32.

    nf4 stores the weights of the layers in 4 bits and computes in bf16 (QLoRA, https://arxiv.org/abs/2305.14314);
    embeddings and head stay in bf16.

    Raises:
        InvalidSettings: nf4 on a machine without a CUDA device.
        MissingPackage: nf4 without bitsandbytes.
    """
    if precision == "nf4":
        _require_nf4()
    if precision != "automatic":
        return precision
    return "bf16" if bf16_is_fast() else "fp32"


def _require_nf4() -> None:
    if not torch.cuda.is_available():
        raise InvalidSettings("precision nf4 needs a CUDA device, and there is none here; take automatic.")
    if not is_bitsandbytes_available(OLDEST_BITSANDBYTES):
        raise MissingPackage(
            f"precision nf4 needs bitsandbytes {OLDEST_BITSANDBYTES} or newer; install it with: "
            "pip install 'shelftalk[quantized]'"
        )


def _nf4() -> BitsAndBytesConfig:
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
