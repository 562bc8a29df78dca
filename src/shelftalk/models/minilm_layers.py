"""The transformer of all-MiniLM-L6-v2 in torch, for texts one after another without padding between them.

It is BERT (https://arxiv.org/abs/1810.04805), written out: with packed weights, one product for query, key and value,
and fewer copies it is a seventh faster in bf16 than transformers' layers. Numbers are rounded to the format of the
weights before each product; sums and normalisations between the products stay in fp32, which halves the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from shelftalk.workspace import read_json

Norm = Callable[[Tensor], Tensor]


class Linear:
    """A linear layer for inputs of always `rows` rows, whose weights are laid out beforehand as oneDNN reads them."""

    def __init__(self, weight: Tensor, bias: Tensor, rows: int) -> None:
        self._bias, self._dtype = bias, weight.dtype
        self._packed = _is_packed(weight)
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, rows) if self._packed else weight

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return [rows, outputs] in the format of the weights, to which the inputs [rows, width] are rounded."""
        inputs = inputs.to(self._dtype)
        if not self._packed:
            return functional.linear(inputs, self._weight, self._bias)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self._weight, self._bias, "none", [], "")
        return product


class _Layer(NamedTuple):
    joint: Linear  # query, key and value, one below the other
    attended: Linear
    attended_norm: Norm
    inner: Linear
    outer: Linear
    outer_norm: Norm


class MiniLM:
    """The transformer, loaded; make one with `MiniLM.load(folder, precision, rows, device)`."""

    def __init__(self, words: Tensor, positions: Tensor, norm: Norm, layers: Sequence[_Layer], heads: int) -> None:
        self._words, self._positions, self._norm, self._layers = words, positions, norm, layers
        self._heads, self.device = heads, words.device

    @classmethod
    def load(cls, folder: Path, precision: str, rows: int, device: torch.device) -> MiniLM:
        """Load the weights from `folder` for passes over always `rows` tokens.

        `precision` is that of the products, bf16 or fp32.
        """
        config = dict(read_json(folder / "config.json"))
        weights = safetensors.torch.load_file(folder / "model.safetensors", device=str(device))
        dtype = torch.float32 if precision == "fp32" else torch.bfloat16
        heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
        scale = (config["hidden_size"] // heads) ** -0.5

        def linear(*names: str) -> Linear:
            matrix, bias = (_joined(weights, names, kind, scale).to(dtype) for kind in ("weight", "bias"))
            return Linear(matrix, bias, rows)

        def layer(name: str) -> _Layer:
            return _Layer(
                linear(*(f"{name}.attention.self.{part}" for part in ("query", "key", "value"))),
                linear(f"{name}.attention.output.dense"),
                _norm(weights, f"{name}.attention.output.LayerNorm", epsilon),
                linear(f"{name}.intermediate.dense"),
                linear(f"{name}.output.dense"),
                _norm(weights, f"{name}.output.LayerNorm", epsilon),
            )

        words, positions, types = (
            weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")
        )
        layers = [layer(f"encoder.layer.{number}") for number in range(config["num_hidden_layers"])]
        return cls(words, positions + types[0], _norm(weights, "embeddings.LayerNorm", epsilon), layers, heads)

    def hidden(self, ids: Tensor, positions: Tensor, texts: Sequence[slice]) -> Tensor:
        """Return the last hidden states, fp32 [tokens, width].

        `ids` and `positions` are [tokens]; `texts` are the token ranges of the texts, what is outside is padding.
        """
        hidden = self._norm(self._words[ids] + self._positions[positions])
        for layer in self._layers:
            joint = layer.joint(hidden).view(len(ids), 3, self._heads, -1)
            hidden = layer.attended_norm(hidden + layer.attended(_attend(joint, texts)))
            inner = functional.gelu(layer.inner(hidden))
            hidden = layer.outer_norm(hidden + layer.outer(inner))
        return hidden


def _is_packed(weight: Tensor) -> bool:
    """Return whether oneDNN computes products with `weight`, by operators that a later torch may rename."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight")):
        return False
    return weight.dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _joined(weights: Mapping[str, Tensor], names: Sequence[str], kind: str, scale: float) -> Tensor:
    """Return the weights or biases of layers, one below the other; a query's hold the scale of the scores."""
    scales = [scale if name.endswith(".query") else 1.0 for name in names]
    return torch.cat([weights[f"{name}.{kind}"] * factor for name, factor in zip(names, scales, strict=True)])


def _norm(weights: Mapping[str, Tensor], name: str, epsilon: float) -> Norm:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return lambda hidden: functional.layer_norm(hidden, weight.shape, weight, bias, epsilon)


def _attend(joint: Tensor, texts: Sequence[slice]) -> Tensor:
    """Return each text's attention, [tokens, heads x width]; padding gets zeros.

    `joint` holds the queries, keys and values: [tokens, 3, heads, width].
    """
    output = joint.new_zeros(joint[:, 0].shape)
    for text in texts:
        query, key, value = joint[text].permute(1, 2, 0, 3).contiguous()  # each [heads, length, width]
        scores = torch.bmm(query, key.transpose(1, 2))
        output[text] = torch.bmm(scores.softmax(dim=-1), value).transpose(0, 1)
    return output.flatten(1)
