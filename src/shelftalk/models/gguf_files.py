"""Write base models and adapters as GGUF, the format that llama.cpp reads.

The embedded model's GGUF is the published file itself. Other Gemmas are converted from safetensors; a LoRA adapter
becomes a GGUF of its own, so that before and after share one base. What cannot be said exactly in GGUF is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shelftalk.errors import InvalidSettings
from shelftalk.models import embedded
from shelftalk.models.registry import BaseModel, made_once
from shelftalk.workspace import Workspace

FILE = "model.gguf"
ARCHITECTURES = {"gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3"}  # model_type: llama.cpp's name
TYPES = {"f32": 0, "f16": 1, "q8_0": 7, "bf16": 32}  # llama.cpp's numbers for a file of mostly that type
ADAPTER_KEY = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.weight")


def base_obstacle(model: Path) -> str | None:
    """Say why the base model in folder `model` cannot be written as GGUF; None where it can."""
    config = _config(model)
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        return f"models of type {kind} are not converted to GGUF (only {', '.join(ARCHITECTURES)})"
    if config.get("query_pre_attn_scalar", config["head_dim"]) != config["head_dim"]:
        return "llama.cpp scales attention by the heads' dimension, and this model does not"
    if config.get("layer_types") and _pattern(config) is None:
        return "its sliding-window layers follow no period that llama.cpp knows"
    return None


def adapter_obstacle(adapter: Path) -> str | None:
    """Say why the PEFT adapter in folder `adapter` cannot be written as a GGUF LoRA; None where it can."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return "a GGUF LoRA cannot hold a DoRA adapter" if config.get("use_dora") else None


def find_base(base: BaseModel, workspace: Workspace, check: Callable[[Path], None]) -> Path:
    """Return the GGUF of a base model, making it first where it is not on this disk.

    A conversion, 8 bits a weight, is handed to `check` before it takes its place under the workspace's `models/`.
    """
    digest = hashlib.sha256(base.revision.encode()).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9._-]+", "-", Path(base.name).name.lower()).strip("-._")[:40]

    def make(folder: Path) -> None:
        if base.name == embedded.NAME:
            embedded.assemble(folder / FILE)
        else:
            write_base(base.folder, folder / FILE, "q8_0")
            check(folder / FILE)

    return made_once(workspace.model(f"{name}-{digest}.gguf"), make) / FILE


def find_adapter(adapter: Path, model: Path, target: Path) -> Path:
    """Return the GGUF, in folder `target`, of the PEFT adapter in `adapter`, writing it first unless it is there."""
    digest = hashlib.sha256((adapter / "manifest.json").read_bytes()).hexdigest()[:8]
    folder = target / f"adapter-{digest}"

    def make(staging: Path) -> None:
        write_adapter(adapter, model, staging / FILE)

    return made_once(folder, make) / FILE


def write_base(model: Path, target: Path, kind: str) -> None:
    """Write the base model in folder `model`, safetensors and tokenizer.json, to the file `target`.

    `kind` is one of TYPES: the number format of the matrices; vectors are always fp32.

    Raises:
        InvalidSettings: `base_obstacle` names a reason.
    """
    import gguf

    if reason := base_obstacle(model):
        raise InvalidSettings(f"The base model in {model} cannot be written as GGUF: {reason}.")
    config = _config(model)
    architecture = ARCHITECTURES[config["model_type"]]
    writer = gguf.GGUFWriter(target, architecture, use_temp_file=True)
    writer.add_type("model")
    writer.add_file_type(TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, config)
    _add_vocabulary(writer, model, config)
    names = gguf.get_tensor_name_map(_architecture_number(architecture), config["num_hidden_layers"])
    for key, tensor in _tensors(model):
        name = names.get_name(key, try_suffixes=(".weight",))
        if name is None and key == "lm_head.weight":
            continue  # tied to the embeddings
        if name is None:
            raise InvalidSettings(f"The base model in {model} has the tensor {key}, which llama.cpp has no name for.")
        if tensor.ndim == 1:  # Gemma's norms multiply by 1 + weight, llama.cpp's by weight
            writer.add_tensor(name, tensor + 1)
        else:
            format = gguf.GGMLQuantizationType[kind.upper()]
            writer.add_tensor(name, gguf.quants.quantize(tensor, format), raw_dtype=format)
    _write(writer)


def write_adapter(adapter: Path, model: Path, target: Path) -> None:
    """Write the PEFT adapter in folder `adapter`, trained on the base model in folder `model`, as a GGUF LoRA in fp32.

    Raises:
        InvalidSettings: `adapter_obstacle` names a reason.
    """
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    if reason := adapter_obstacle(adapter):
        raise InvalidSettings(f"The adapter in {adapter} cannot be written as GGUF: {reason}; merge it first.")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    described = _config(model)
    architecture = ARCHITECTURES[described["model_type"]]
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    # llama.cpp scales by alpha / rank; rank-stabilised LoRA by alpha / sqrt(rank).
    writer.add_float32(
        "adapter.lora.alpha", config["lora_alpha"] * (math.sqrt(config["r"]) if config["use_rslora"] else 1)
    )
    names = gguf.get_tensor_name_map(_architecture_number(architecture), described["num_hidden_layers"])
    for key, tensor in load_file(adapter / "adapter_model.safetensors").items():
        found = ADAPTER_KEY.fullmatch(key)
        name = found and names.get_name(f"{found[1]}.weight", try_suffixes=(".weight",))
        if not found or not name:
            raise InvalidSettings(f"The adapter in {adapter} has the tensor {key}, which llama.cpp has no name for.")
        writer.add_tensor(f"{name}.lora_{found[2].lower()}", tensor.astype(np.float32))
    _write(writer)


def _config(model: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config.setdefault("head_dim", config.get("hidden_size", 0) // max(config.get("num_attention_heads", 1), 1))
    return config


def _pattern(config: dict[str, Any]) -> int | None:
    """Return n where every n-th layer sees everything and the others a window; None where no n fits."""
    full = [kind == "full_attention" for kind in config["layer_types"]]
    for period in range(1, len(full) + 2):
        if full == [(layer + 1) % period == 0 for layer in range(len(full))]:
            return period
    return None


def _add_shape(writer: Any, config: dict[str, Any]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config.get("rope_parameters") or {}
    whole = rope.get("full_attention", rope)
    writer.add_rope_freq_base(whole.get("rope_theta", config.get("rope_theta", 10_000.0)))
    if config.get("layer_types"):
        writer.add_sliding_window(config["sliding_window"])
        writer.add_sliding_window_pattern(_pattern(config))
        if "sliding_attention" in rope:
            writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
    if config.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
    if config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])


def _add_vocabulary(writer: Any, model: Path, config: dict[str, Any]) -> None:
    """Write the vocabulary of tokenizer.json: a sentencepiece-like one with byte fallback, or a byte-level one."""
    from gguf import TokenType

    described = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary, merges = described["model"]["vocab"], described["model"]["merges"]
    added = {one["content"]: one for one in described["added_tokens"]}
    ids = {**vocabulary, **{text: one["id"] for text, one in added.items()}}
    # llama.cpp joins the pair whose result scores highest: the earlier a merge was learned, the higher.
    pairs = (pair if isinstance(pair, str) else "".join(pair) for pair in merges)
    ranks = {text.replace(" ", ""): rank for rank, text in reversed(list(enumerate(pairs)))}
    tokens = [f"[unused{number}]" for number in range(config["vocab_size"])]
    scores, types = [0.0] * len(tokens), [int(TokenType.UNUSED)] * len(tokens)
    fallback = bool(described["model"].get("byte_fallback"))
    for text, number in ids.items():
        tokens[number] = text
        if text in added:
            types[number] = int(TokenType.CONTROL if added[text]["special"] else TokenType.USER_DEFINED)
        elif fallback and re.fullmatch(r"<0x[0-9A-F]{2}>", text):
            types[number] = int(TokenType.BYTE)
        else:
            types[number], scores[number] = int(TokenType.NORMAL), -float(ranks.get(text, len(ranks)))
    writer.add_tokenizer_model("llama" if fallback else "gpt2")
    writer.add_tokenizer_pre("default" if fallback else "gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if fallback:
        writer.add_token_scores(scores)
    else:
        # llama.cpp refuses an empty list; a pair that no text holds stands for none.
        writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges] or ["<unk> <unk>"])
    for role in ("bos", "eos", "pad"):
        if config.get(f"{role}_token_id") is not None:
            getattr(writer, f"add_{role}_token_id")(config[f"{role}_token_id"])
    writer.add_add_bos_token(config.get("bos_token_id") is not None)
    writer.add_add_space_prefix(False)


def _tensors(model: Path) -> Iterator[tuple[str, Any]]:
    """Yield (name, fp32 array) of every weight, one at a time."""
    import torch
    from safetensors import safe_open

    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            for key in weights.keys():  # noqa: SIM118 (it is no mapping)
                yield key, weights.get_tensor(key).to(torch.float32).numpy()


def _architecture_number(name: str) -> Any:
    import gguf

    return next(number for number, known in gguf.MODEL_ARCH_NAMES.items() if known == name)


def _write(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
