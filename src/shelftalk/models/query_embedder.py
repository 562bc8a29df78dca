"""Embed single titles and questions with all-MiniLM-L6-v2 in numpy, because torch takes seconds to load.

The same model as `embedder.py`, which is faster for whole catalogues; their vectors are equal up to rounding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from shelftalk.models.minilm import minilm_folder, minilm_tokenizer, require_finite
from shelftalk.models.tokens import well_formed
from shelftalk.records import Progress, no_progress


class QueryEmbedder:
    """all-MiniLM-L6-v2, loaded; make one with `QueryEmbedder.load()`."""

    def __init__(self, tokenizer: Tokenizer, weights: dict[str, np.ndarray], config: dict[str, Any]) -> None:
        self._tokenizer, self._weights, self._config = tokenizer, weights, config

    @classmethod
    def load(cls) -> QueryEmbedder:
        """Load the model from its installed package.

        Raises:
            MissingPackage, Damaged: see `minilm_folder`.
        """
        folder = minilm_folder()
        return cls(minilm_tokenizer(folder), load_file(folder / "model.safetensors"), _read(folder / "config.json"))

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the texts' vectors: float32 [len(texts), 384], each of length 1, in the order of the texts.

        A text is truncated to 256 tokens; an empty text has a vector too. `progress` counts texts.

        Raises:
            NotFinite: a vector is not finite; see `require_finite`.
        """
        vectors = np.empty((len(texts), self._config["hidden_size"]), dtype=np.float32)
        for row, text in enumerate(texts):
            ids = self._tokenizer.encode(well_formed(text)).ids
            mean = self._encode(ids).mean(axis=0)
            vectors[row] = mean / np.linalg.norm(mean)
            progress(row + 1, len(texts))
        return require_finite(vectors)

    def _encode(self, ids: Sequence[int]) -> np.ndarray:
        """Return the last hidden states [tokens, 384] of one text (BERT, https://arxiv.org/abs/1810.04805)."""
        table = "embeddings.{}_embeddings.weight"
        words, positions = (self._weights[table.format(kind)] for kind in ("word", "position"))
        types = self._weights[table.format("token_type")]
        hidden = self._normalized(words[list(ids)] + positions[: len(ids)] + types[0], "embeddings.LayerNorm")
        for number in range(self._config["num_hidden_layers"]):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attend(hidden, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
            hidden = self._normalized(hidden + attended, f"{layer}.attention.output.LayerNorm")
            inner = gelu(self._linear(hidden, f"{layer}.intermediate.dense"))
            outer = self._linear(inner, f"{layer}.output.dense")
            hidden = self._normalized(hidden + outer, f"{layer}.output.LayerNorm")
        return hidden

    def _attend(self, hidden: np.ndarray, name: str) -> np.ndarray:
        heads = self._config["num_attention_heads"]

        def split(part: str) -> Any:  # [heads, tokens, width]
            return self._linear(hidden, f"{name}.{part}").reshape(len(hidden), heads, -1).transpose(1, 0, 2)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        joined: np.ndarray = (weights @ value).transpose(1, 0, 2).reshape(len(hidden), -1)
        return joined

    def _linear(self, hidden: np.ndarray, name: str) -> np.ndarray:
        product: np.ndarray = hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return product

    def _normalized(self, hidden: np.ndarray, name: str) -> np.ndarray:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + np.float32(self._config["layer_norm_eps"]))
        normalized: np.ndarray = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normalized


def gelu(x: np.ndarray) -> np.ndarray:
    """Return the GELU of x, x times the normal CDF at x, with an error up to 2e-7 (Abramowitz and Stegun, 7.1.26)."""
    size = np.abs(x) / np.float32(np.sqrt(2))
    t = 1 / (1 + 0.3275911 * size)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.copysign(1 - series * np.exp(-(size**2)), x)
    result: np.ndarray = (x * (1 + erf) / 2).astype(np.float32)
    return result


def _read(file: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return config
