"""Read how a sentence-transformers folder makes a vector of a text: its modules, its pooling and its prompts.

Only what is computed here is accepted: a transformer, pooling by the mean or the first token, dense layers, and
normalizing. No code of a model is run.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from shelftalk.errors import Damaged, InvalidSettings, NotFound
from shelftalk.models.registry import open_folder
from shelftalk.workspace import read_json

MODULES = "modules.json"
POOLINGS = {"mean_tokens": "mean", "mean": "mean", "cls_token": "first", "cls": "first"}
ACTIVATIONS = ("Identity", "Tanh")
LONGEST = 512  # tokens, where a model says nothing
OFFSET = ("roberta", "xlm-roberta", "camembert", "mpnet")  # whose first two positions no token has


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """How a folder makes a vector of a text; `query` and `document` are put before a question and before a product."""

    transformer: Path
    max_tokens: int
    pooling: str
    dense: tuple[tuple[Path, str], ...]
    lower: bool
    query: str
    document: str


def read_sentence_model(folder: Path) -> SentenceModel:
    """Return how the model in `folder` makes a vector of a text.

    Raises:
        NotFound: it is no sentence-transformers model with safetensors and tokenizer.json.
        InvalidSettings: it has a module or a pooling that is not computed here.
        Damaged: one of its JSON files cannot be read.
    """
    if not (folder / MODULES).is_file():
        raise NotFound(f"{folder} holds no sentence-transformers model: {MODULES} is needed.")
    transformer, pooling, dense = folder, "mean", []
    try:
        for one in read_json(folder / MODULES):
            kind, path = str(one["type"]).rpartition(".")[2], _inside(folder, str(one["path"]))
            if kind == "Transformer":
                transformer = path
            elif kind == "Pooling":
                pooling = _pooling(path)
            elif kind == "Dense":
                dense.append((path, _activation(path)))
            elif kind != "Normalize":
                raise InvalidSettings(f"The embedder in {folder} has a module {kind!r}, which is not supported.")
        if not (transformer / "tokenizer.json").is_file():
            raise NotFound(f"{transformer} holds no tokenizer.json, which is needed.")
        said = _optional(transformer / "sentence_bert_config.json")
        prompts = _optional(folder / "config_sentence_transformers.json")
        texts = dict(prompts.get("prompts") or {})
        usual = texts.get(prompts.get("default_prompt_name") or "", "")
        tokens = min(int(said.get("max_seq_length") or LONGEST), _positions(transformer))
        return SentenceModel(
            transformer,
            tokens,
            pooling,
            tuple(dense),
            bool(said.get("do_lower_case")),
            str(texts.get("query") or usual),
            str(texts.get("document") or usual),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"The embedder in {folder} cannot be read ({type(error).__name__}: {error}).") from error


def revision_of(folder: Path) -> str:
    """Return a hash that identifies the weights in `folder` and all that shapes a vector; see `registry.open_folder`.

    Raises:
        NotFound, InvalidSettings, Damaged: see `read_sentence_model` and `registry.open_folder`.
    """
    model = read_sentence_model(folder)
    digest = hashlib.sha256(open_folder(model.transformer).revision.encode())
    digest.update(repr((model.max_tokens, model.pooling, model.lower, model.query, model.document)).encode())
    digest.update((model.transformer / "tokenizer.json").read_bytes())
    for path, activation in model.dense:
        digest.update(activation.encode() + (path / "model.safetensors").read_bytes())
    return f"sample:{digest.hexdigest()}"


def _inside(folder: Path, path: str) -> Path:
    """Return the folder of a module, which must lie in the model's."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"the path {path!r} leaves the folder")
    return folder / parts


def _pooling(folder: Path) -> str:
    held = read_json(folder / "config.json")
    named = [name for name, on in held.items() if name.startswith("pooling_mode_") and on]
    wanted = [name.removeprefix("pooling_mode_") for name in named]
    wanted += [str(held["pooling_mode"])] if held.get("pooling_mode") else []
    if len(wanted) != 1 or wanted[0] not in POOLINGS or not held.get("include_prompt", True):
        raise InvalidSettings(
            f"The embedder's pooling in {folder} is {' and '.join(wanted) or 'unknown'}, which is not supported: only "
            "the mean of all tokens or the first one is."
        )
    return POOLINGS[wanted[0]]


def _activation(folder: Path) -> str:
    name = str(read_json(folder / "config.json").get("activation_function", "Tanh")).rpartition(".")[2]
    if name not in ACTIVATIONS or not (folder / "model.safetensors").is_file():
        raise InvalidSettings(
            f"The embedder's layer in {folder} is not supported: activation {name}; {' or '.join(ACTIVATIONS)} in "
            "model.safetensors is needed."
        )
    return name


def _positions(folder: Path) -> int:
    """Return how many tokens the transformer has positions for: one more would fail in the middle of a catalogue."""
    config = read_json(folder / "config.json")
    positions = int(config.get("max_position_embeddings") or sys.maxsize)
    return positions - 2 * (config.get("model_type") in OFFSET)


def _optional(file: Path) -> dict[str, Any]:
    return dict(read_json(file)) if file.is_file() else {}
