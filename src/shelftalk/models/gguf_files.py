"""Write base models, with or without a merged adapter, as GGUF, the format of llama.cpp.

A model that GGUF cannot represent exactly is rejected.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, islice
from pathlib import Path
from time import monotonic
from typing import Any

from shelftalk.errors import InvalidSettings, NotFinite
from shelftalk.models.chat_template import chat_template
from shelftalk.models.registry import BaseModel, is_whole, made_once
from shelftalk.models.tokens import load_tokenizer
from shelftalk.prompts import ENGLISH, PromptTemplate
from shelftalk.records import Progress, counter, no_progress
from shelftalk.workspace import MANIFEST, Workspace

FILE = "model.gguf"
SAY_EVERY = 10.0  # seconds
CONVERTER = 1  # version of the conversion: files of another version are converted again
ARCHITECTURES = {"gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3"}  # model_type: llama.cpp's name
LARGEST = {"f16": 65504.0, "q8_0": 127 * 65504.0}  # q8_0 has a scale in f16 for every 32 weights
TYPES = {"f32": 0, "f16": 1, "q8_0": 7, "bf16": 32}  # llama.cpp's file type numbers


def base_obstacle(model: Path) -> str | None:
    """Return why the base model in folder `model` cannot be written as GGUF; None where it can."""
    config = _config(model)
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        return f"models of type {kind} are not converted to GGUF (only {', '.join(ARCHITECTURES)})"
    rope = config.get("rope_parameters") or {}
    scalings = [config.get("rope_scaling"), *(rope.values() if "rope_type" not in rope else [rope])]
    if any(one.get("rope_type", one.get("type", "default")) != "default" for one in scalings if one):
        return "it uses RoPE scaling, which is not converted"
    if config.get("query_pre_attn_scalar", config["head_dim"]) != config["head_dim"]:
        return "llama.cpp scales attention by the heads' dimension, and this model does not"
    if config.get("layer_types") and _pattern(config) is None:
        return "its sliding-window layers do not repeat with a fixed period, which llama.cpp needs"
    return None


def find_base(
    base: BaseModel, workspace: Workspace, check: Callable[[Path], None], say: Callable[[str], None] = lambda line: None
) -> Path:
    """Return the GGUF of a base model, 8 bits per weight, converting it first where it is not on this disk.

    `check` is called with a new file before it is moved to the workspace's `models/`.

    Raises:
        InvalidSettings: `base_obstacle` returns a reason.
    """

    def make(folder: Path) -> None:
        say(f"Converting {base.name} for llama.cpp (first time only) ...")
        write_gguf(base.folder, folder / FILE, "q8_0", progress=_said(say, base.name))
        check(folder / FILE)

    return made_once(base_folder(base, workspace), make) / FILE


def find_merged(
    base: BaseModel, converted: Path, adapter: Path, target: Path, say: Callable[[str], None] = lambda line: None
) -> Path:
    """Return the GGUF, 8 bits per weight, of a base model with the PEFT adapter in folder `adapter` merged into it.

    If it does not exist, it is made first, in folder `target`, from `converted`, the file that `find_base` returns.
    """

    def make(folder: Path) -> None:
        say("Converting the tuned model for llama.cpp (first time only) ...")
        merge_gguf(base.folder, converted, adapter, folder / FILE, _said(say, "the tuned model"))

    return made_once(merged_folder(base, adapter, target), make) / FILE


def _said(say: Callable[[str], None], what: str) -> Progress:
    """Return a progress callback that says every SAY_EVERY seconds how much of `what` is converted."""
    spoken = monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal spoken
        if monotonic() - spoken >= SAY_EVERY:
            spoken = monotonic()
            say(f"Converting {what}: {done / total:.0%}")

    return progress


def base_folder(base: BaseModel, workspace: Workspace) -> Path:
    """Return the folder of the file that `find_base` returns; it may not exist yet.

    A model that was renamed since keeps its conversion, which is known by the hash of the weights.
    """
    digest = hashlib.sha256(f"{CONVERTER} {base.revision}".encode()).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9._-]+", "-", Path(base.name).name.lower()).strip("-._")[:40] or "model"
    made = sorted((workspace.root / "models").glob(f"*-{digest}.gguf"))
    return next(filter(is_whole, made), workspace.model(f"{name}-{digest}.gguf"))


def merged_folder(base: BaseModel, adapter: Path, target: Path) -> Path:
    """Return the folder of the file that `find_merged` returns; it may not exist yet."""
    content = f"{CONVERTER} {base.revision}".encode() + (adapter / MANIFEST).read_bytes()
    return target / hashlib.sha256(content).hexdigest()[:8]


def write_gguf(
    model: Path,
    target: Path,
    kind: str,
    adapter: Path | None = None,
    progress: Progress = no_progress,
    template: PromptTemplate = ENGLISH,
) -> None:
    """Write the base model in folder `model`, safetensors and tokenizer.json, to the GGUF file `target`.

    `kind` is one of TYPES: the number format of the matrices; vectors are always fp32. A PEFT adapter in folder
    `adapter` is merged into the weights, in fp32, before they are rounded to `kind`. Memory holds a few weights at a
    time, not the model. `progress` counts weights. The chat template is that of `template`; shelftalk itself
    sends whole prompts and does not use it.

    Raises:
        InvalidSettings: `base_obstacle` returns a reason.
        NotFinite: a weight is not finite, or too large for `kind`.
    """
    import gguf

    from shelftalk.models.weights import describe_weights, read_weights

    if reason := base_obstacle(model):
        raise InvalidSettings(f"The base model in {model} cannot be written as GGUF: {reason}.")
    config = _full_config(model)
    architecture = ARCHITECTURES[config["model_type"]]
    writer = gguf.GGUFWriter(target, architecture, use_temp_file=True)
    writer.add_type("model")
    writer.add_file_type(TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, config)
    _add_vocabulary(writer, model, config)
    writer.add_chat_template(chat_template(template))
    names = gguf.get_tensor_name_map(_architecture_number(architecture), config["num_hidden_layers"])
    weights = (pair for pair in read_weights(model, adapter) if _is_written(model, pair[0]))
    advance = counter(progress, describe_weights(model)[0])
    for size, (name, data, format) in _in_threads(lambda pair: _converted(names, pair[0], pair[1], kind), weights):
        writer.add_tensor(name, data, raw_dtype=format)
        advance(size)
    _write(writer)


def merge_gguf(model: Path, converted: Path, adapter: Path, target: Path, progress: Progress = no_progress) -> None:
    """Write the base model in folder `model` with a PEFT adapter merged into it to the GGUF file `target`, in q8_0.

    The file has the bytes that `write_gguf` would write. It is a copy of `converted`, which `write_gguf` wrote of the
    base model alone, in which only the weights that the adapter changes are replaced: the vocabulary and the
    embeddings, most of a small model, are not converted again. `progress` counts the changed weights.

    Raises:
        NotFinite: a weight is not finite, or too large.
    """
    from shelftalk.models.weights import load_merges, read_plain, weight_shapes

    merges, shapes = load_merges(adapter), weight_shapes(model)
    places = _places({name: shape for name, shape in shapes.items() if _is_written(model, name)}, converted)
    advance = counter(progress, sum(math.prod(shapes[name]) for name in merges))

    def merged(pair: tuple[str, Any]) -> tuple[str, Any]:
        name, weight = pair
        return name, _rounded(name, merges[name](weight), "q8_0")

    shutil.copyfile(converted, target)
    with target.open("r+b") as file:
        for name, rounded in _in_threads(merged, read_plain(model, merges)):
            file.seek(places[name])
            file.write(rounded)
            advance(math.prod(shapes[name]))


def _places(shapes: dict[str, list[int]], file: Path) -> dict[str, int]:
    """Return where in a GGUF file of 8 bits a weight the weights of these shapes begin, which were written in order.

    They are the end of the file, and counted from there: the vocabulary before them takes seconds to read.
    """
    import gguf

    kinds = {1: gguf.GGMLQuantizationType.F32, 2: gguf.GGMLQuantizationType.Q8_0}  # by the number of dimensions
    blocks = {dimensions: gguf.GGML_QUANT_SIZES[kind] for dimensions, kind in kinds.items()}
    sizes = [math.prod(shape) // blocks[len(shape)][0] * blocks[len(shape)][1] for shape in shapes.values()]
    padded = [gguf.GGUFWriter.ggml_pad(size, gguf.GGUF_DEFAULT_ALIGNMENT) for size in sizes]
    first = file.stat().st_size - sum(padded)
    return dict(zip(shapes, accumulate(padded[:-1], initial=first), strict=True))


def _config(model: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config.setdefault("head_dim", config.get("hidden_size", 0) // max(config.get("num_attention_heads", 1), 1))
    return config


def _full_config(model: Path) -> dict[str, Any]:
    """Return the configuration with transformers' defaults, because older models omit settings."""
    from transformers import AutoConfig

    loaded = AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False).to_dict()
    return {**_config(model), **loaded}


def _pattern(config: dict[str, Any]) -> int | None:
    """Return n where every n-th layer has full attention and the others a sliding window; None without such an n."""
    full = [kind == "full_attention" for kind in config["layer_types"]]
    for period in range(1, len(full) + 2):
        if full == [(layer + 1) % period == 0 for layer in range(len(full))]:
            return period
    return None


def _is_written(model: Path, name: str) -> bool:
    """Return whether a weight gets into the file: a head that is the embeddings is not written a second time."""
    return name != "lm_head.weight" or not _full_config(model)["tie_word_embeddings"]


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
    full_attention = rope.get("full_attention", rope)
    writer.add_rope_freq_base(full_attention.get("rope_theta", config.get("rope_theta", 10_000.0)))
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
    """Write the vocabulary of tokenizer.json: a sentencepiece-like one with byte fallback, or a byte-level one.

    The chat template is CHAT_TEMPLATE, never the base model's.
    """
    from gguf import TokenType

    described = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary, merges = described["model"]["vocab"], described["model"]["merges"]
    added = {one["content"]: one for one in described["added_tokens"]}
    ids = {**vocabulary, **{text: one["id"] for text, one in added.items()}}
    # llama.cpp merges the pair whose result has the highest score, so earlier merges get higher scores.
    pairs = (pair if isinstance(pair, str) else "".join(pair) for pair in merges)
    ranks = {text.replace(" ", ""): rank for rank, text in reversed(list(enumerate(pairs)))}
    tokens = [f"[unused{number}]" for number in range(config["vocab_size"])]
    scores, types = [0.0] * len(tokens), [int(TokenType.UNUSED)] * len(tokens)
    fallback = bool(described["model"].get("byte_fallback"))
    for text, number in ids.items():
        if number >= len(tokens):
            continue  # for example Gemma 3's image token, which has no embedding
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
        # llama.cpp rejects an empty list; this pair occurs in no text.
        writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges] or ["<unk> <unk>"])
    tokenizer = load_tokenizer(model)  # config.json may name other end tokens than the one used in training
    for role in ("bos", "eos", "pad"):
        number = getattr(tokenizer, f"{role}_token_id")
        if number is not None:
            getattr(writer, f"add_{role}_token_id")(number)
    writer.add_add_bos_token(tokenizer.bos_token_id is not None)
    writer.add_add_space_prefix(False)


def _converted(names: Any, key: str, tensor: Any, kind: str) -> tuple[int, tuple[str, Any, Any]]:
    """Return the size of a weight, and its name, data and number format in GGUF.

    Raises:
        InvalidSettings: llama.cpp has no name for it.
        NotFinite: a value is not finite, or too large for `kind`.
    """
    import gguf

    name = names.get_name(key, try_suffixes=(".weight",))
    if name is None:
        raise InvalidSettings(f"The base model cannot be written as GGUF: llama.cpp has no name for its weight {key}.")
    format = gguf.GGMLQuantizationType["F32" if tensor.ndim == 1 else kind.upper()]
    return tensor.numel(), (name, _rounded(key, tensor, kind), format)


def _rounded(key: str, tensor: Any, kind: str) -> Any:
    """Return the numpy array of a weight in the number format `kind`; of a norm, what llama.cpp multiplies by.

    Raises:
        NotFinite: a value is not finite, or too large for `kind`.
    """
    import gguf

    from shelftalk.models.finite import first_not_finite

    if first_not_finite([(key, tensor)], LARGEST.get(kind, math.inf)):
        raise NotFinite(
            f"The weight {key} is not finite in {kind}: the base model holds such a number, or one too large; take "
            "another base model."
        )
    if tensor.ndim == 1:  # Gemma's norms multiply by 1 + weight, llama.cpp's by weight
        return (tensor + 1).numpy()
    return gguf.quants.quantize(tensor.numpy(), gguf.GGMLQuantizationType[kind.upper()])


def _in_threads(work: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    """Yield the result of `work` for each item, in order, a few at a time; numpy releases the GIL while rounding."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        while ahead := list(islice(items, threads)):
            yield from pool.map(work, ahead)


def _architecture_number(name: str) -> Any:
    import gguf

    return next(number for number, known in gguf.MODEL_ARCH_NAMES.items() if known == name)


def _write(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
