"""Embed texts with the transformer of a sentence-transformers folder, one text at a time, in fp32.

So a vector does not depend on the other texts. The embedder that comes with shelftalk has a faster way, see `embedder`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

from shelftalk.errors import Damaged
from shelftalk.models.load import best_device
from shelftalk.models.minilm import require_finite
from shelftalk.models.sentence_model import SentenceModel, read_sentence_model
from shelftalk.models.threads import thread_workers
from shelftalk.models.tokens import well_formed
from shelftalk.records import Progress, counter, no_progress

transformers_logging.disable_progress_bar()
UNUSED = ("pooler.", "embeddings.position_ids")  # weights that no vector needs


class SentenceEncoder:
    """An embedder in a folder, loaded; make one with `SentenceEncoder.load(folder, of_questions)`."""

    def __init__(self, model: SentenceModel, prompt: str, tokenizer: Tokenizer, transformer: Any, dense: Any) -> None:
        self._model, self._prompt, self._tokenizer = model, prompt, tokenizer
        self._transformer, self._dense = transformer, dense

    @classmethod
    def load(cls, folder: Path, of_questions: bool) -> SentenceEncoder:
        """Load the model in `folder`, for questions or for products, onto the GPU where there is one.

        Raises:
            NotFound, InvalidSettings: see `sentence_model.read_sentence_model`.
            Damaged: its files cannot be read.
        """
        model = read_sentence_model(folder)
        try:
            tokenizer = Tokenizer.from_file(str(model.transformer / "tokenizer.json"))
            with _quiet():  # transformers reports weights that no vector needs
                transformer, report = AutoModel.from_pretrained(
                    model.transformer,
                    dtype=torch.float32,
                    local_files_only=True,
                    use_safetensors=True,
                    trust_remote_code=False,
                    output_loading_info=True,
                )
            if missing := sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED)):
                raise ValueError(f"it has no weights {missing[0]}")
            dense = [_dense(path, activation) for path, activation in model.dense]
        # tokenizers raises plain exceptions
        except (Exception, SafetensorError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise Damaged(f"The embedder in {folder} cannot be loaded ({reason}).") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(model.max_tokens)
        prompt = model.query if of_questions else model.document
        return cls(model, prompt, tokenizer, transformer.to(best_device()).eval(), dense)

    def embed(self, texts: Sequence[str], progress: Progress = no_progress) -> np.ndarray:
        """Return the texts' vectors: float32 [len(texts), dimensions], each of length 1, in the order of the texts.

        A text is truncated to the model's tokens; an empty text has a vector too. `progress` counts texts.

        Raises:
            NotFinite: a vector is not finite.
        """
        readable = [self._prompt + well_formed(text) for text in texts]
        readable = [text.lower() for text in readable] if self._model.lower else readable
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(readable)]
        advance, vectors = counter(progress, max(len(texts), 1)), []
        with thread_workers(self._transformer.device) as pool:
            for vector in pool.map(self._vector, tokens):
                vectors.append(vector)
                advance()
        width = self._dense[-1][0].out_features if self._dense else self._transformer.config.hidden_size
        return require_finite(np.stack(vectors) if vectors else np.empty((0, width), np.float32))

    @torch.inference_mode()
    def _vector(self, ids: list[int]) -> np.ndarray:
        row = torch.tensor([ids], device=self._transformer.device)
        hidden = self._transformer(input_ids=row, attention_mask=torch.ones_like(row)).last_hidden_state[0]
        pooled = (hidden[0] if self._model.pooling == "first" else hidden.mean(dim=0)).cpu()
        for layer, activation in self._dense:
            pooled = activation(layer(pooled))
        vector: np.ndarray = torch.nn.functional.normalize(pooled, dim=0).numpy()
        return vector


@contextmanager
def _quiet() -> Iterator[None]:
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)


def _dense(folder: Path, activation: str) -> tuple[torch.nn.Linear, torch.nn.Module]:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    width_out, width_in = weights["linear.weight"].shape
    layer = torch.nn.Linear(width_in, width_out, bias="linear.bias" in weights)
    layer.load_state_dict({name.removeprefix("linear."): tensor.float() for name, tensor in weights.items()})
    return layer.eval(), torch.nn.Tanh() if activation == "Tanh" else torch.nn.Identity()
