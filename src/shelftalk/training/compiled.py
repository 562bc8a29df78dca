"""Compile a model's layers with torch.compile, which fuses the operations between the matrix products.

All layers share one compiled graph with a dynamic number of tokens, so that a run that resumes in another process
uses the same kernels and ends with the same bytes.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch._inductor.config

from shelftalk.models.adapters import causal_model

WORTH_IT = 200_000  # tokens of a run above which compiling saves more than its half minute


def should_compile(choice: str, tokens: int) -> bool:
    """Return whether to compile for a run of `tokens` tokens; `choice` is on, off or automatic."""
    if choice != "automatic":
        return choice == "on"
    return tokens >= WORTH_IT and can_compile()


def compile_layers(model: Any) -> None:
    """Compile every layer of a causal language model in place; kernels are cached in `kernel_folder`.

    The input embeddings are set to require a gradient; otherwise the first layer would need a separate graph.
    """
    # Not torch's default under /tmp, where another user could put the code that is loaded. An import of torch has
    # already written that default into the variable.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(kernel_folder())
    torch._inductor.config.deterministic = True  # no autotuning by time: a resumed run must choose the same kernels
    # Called from C++: called from Python, the kernels of one pass would wait for those of another.
    torch._inductor.config.cpp_wrapper = not torch.cuda.is_available()
    causal = causal_model(model)
    causal.enable_input_require_grads()
    for layer in causal.get_decoder().layers:
        layer.compile(dynamic=True)


@cache
def kernel_folder() -> Path:
    """Return the folder of compiled kernels: in the user's cache folder, or a temporary one if that is read-only.

    A temporary folder is readable by this user only, and is removed when the process ends.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))  # a relative one is invalid, says its specification
    folder = (caches if caches.is_absolute() else Path.home() / ".cache") / "shelftalk" / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        temporary = tempfile.mkdtemp(prefix="shelftalk-compiled-")
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Path(temporary)


def can_compile() -> bool:
    """Return whether there is a GPU, or a C++ compiler for kernels on the CPU."""
    return torch.cuda.is_available() or any(shutil.which(name) for name in ("g++", "clang++", "c++"))
