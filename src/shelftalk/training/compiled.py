"""Let torch.compile fuse what lies between the matrix products of a model's layers.

All layers share one compiled graph, made for any number of tokens, so that a run that goes on in another process
computes with the same kernels and ends in the same bytes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
import torch._inductor.config

from shelftalk.models.adapters import causal_model

WORTH_IT = 200_000  # tokens of a run above which the half minute of compiling comes back


def should_compile(choice: str, tokens: int) -> bool:
    """Say whether to compile for a run of `tokens` tokens; `choice` is on, off or automatic."""
    if choice != "automatic":
        return choice == "on"
    return tokens >= WORTH_IT and can_compile()


def compile_layers(model: Any) -> None:
    """Compile every layer of a causal language model in place; kernels are kept in the user's cache folder.

    The input embeddings are made to require a gradient, because the first layer would otherwise need a graph of its
    own.
    """
    # Not torch's default under /tmp: compiled code is loaded from there, and it must be nobody else's.
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "shelftalk" / "compiled"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache))
    torch._inductor.config.deterministic = True  # choose no kernel by its time: a run that goes on must choose alike
    causal = causal_model(model)
    causal.enable_input_require_grads()
    for layer in causal.get_decoder().layers:
        layer.compile(dynamic=True)


def can_compile() -> bool:
    """Say whether there is a GPU, or a C++ compiler for kernels on the CPU."""
    return torch.cuda.is_available() or any(shutil.which(name) for name in ("g++", "clang++", "c++"))
