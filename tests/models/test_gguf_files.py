"""Base models and adapters as GGUF: converted models give the same output in llama.cpp, others are rejected."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from shelftalk.errors import InvalidSettings
from shelftalk.generation.llama_cpp_engine import LlamaCppEngine
from shelftalk.generation.parity import LlamaCppRunner, Parity, TransformersRunner, measure_parity
from shelftalk.models import tiny
from shelftalk.models.adapters import add_adapter, load_adapter
from shelftalk.models.gguf_files import base_obstacle, find_base, find_merged, merge_gguf, write_gguf
from shelftalk.models.load import load_model
from shelftalk.models.registry import find_model
from shelftalk.prompts import ENGLISH
from shelftalk.workspace import Workspace, write_manifest
from tests.conftest import TINY_SETTINGS
from tests.narrow_models import LAYERS, SHAPE, WINDOWED, save_narrow

PROMPTS = [
    ENGLISH.prompt_for(title) for title in ("Oak peg 3 cm", "Copper can, " * 12, "<start_of_turn> é 你好")
]  # longer than the sliding window


def save_adapter(folder: Path, model: Path, settings: dict[str, Any]) -> Path:
    """Write a random adapter, in PEFT's format with a manifest, for the model in a folder."""
    tuned = add_adapter(load_model(model, "fp32", "eager")[0], TINY_SETTINGS.replace(settings))
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.1)
    tuned.save_pretrained(folder)
    write_manifest(folder)
    return folder


def parity(file: Path, reference: Any) -> Parity:
    engine = LlamaCppEngine(None, file)
    try:
        return measure_parity(TransformersRunner(*reference), LlamaCppRunner(engine, tuned=True), PROMPTS)
    finally:
        engine.close()


@pytest.mark.parametrize("kind", ["gemma", "gemma2", "gemma3"])
def test_a_converted_gemma_says_the_same_in_llama_cpp(kind: str, tmp_path: Path) -> None:
    model, file = save_narrow(tmp_path / "model", kind), tmp_path / "model.gguf"
    write_gguf(model, file, "f32")
    before = parity(file, load_model(model, "fp32", "eager"))
    assert before.same_tokens
    assert before.worst_divergence < 3e-5  # of eight heads over one 1.1e-5, by rounding alone


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_a_gemma_with_its_adapter_merged_says_the_same_in_llama_cpp(variant: str, tmp_path: Path) -> None:
    model, file = save_narrow(tmp_path / "model", "gemma3"), tmp_path / "model.gguf"
    adapter = save_adapter(tmp_path / variant, model, {"lora_variant": variant})
    write_gguf(model, file, "f32", adapter)
    plain, tokenizer = load_model(model, "fp32", "eager")
    assert parity(file, (load_adapter(plain, adapter), tokenizer)).worst_divergence < 1e-3
    assert parity(file, load_model(model, "fp32", "eager")).worst_divergence > 0.1  # the adapter has an effect


def add_head(model: Path, tied: bool) -> Path:
    """Store a head in the file of weights of the model in a folder, of its own or, `tied`, the embeddings again."""
    file, config = model / "model.safetensors", json.loads((model / "config.json").read_text())
    weights = load_file(file)
    embeddings = weights["model.embed_tokens.weight"]
    save_file({**weights, "lm_head.weight": embeddings.clone() if tied else embeddings.flip(0)}, file)
    (model / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": tied}))
    return model


@pytest.mark.parametrize("head", ["none", "tied", "its own"])
@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_an_adapter_merged_into_the_converted_base_gives_the_bytes_of_a_conversion(
    variant: str, head: str, tmp_path: Path
) -> None:
    model = save_narrow(tmp_path / "model", "gemma3")
    adapter = save_adapter(tmp_path / variant, model, {"lora_variant": variant})
    if head != "none":
        add_head(model, tied=head == "tied")
    base, whole, merged = (tmp_path / f"{name}.gguf" for name in ("base", "whole", "merged"))
    write_gguf(model, base, "q8_0")
    write_gguf(model, whole, "q8_0", adapter)
    counts: list[tuple[int, int]] = []
    merge_gguf(model, base, adapter, merged, lambda done, total: counts.append((done, total)))
    assert merged.read_bytes() == whole.read_bytes() != base.read_bytes()
    assert len(counts) == 4 * 7  # layers, and their matrices
    assert counts[-1][0] == counts[-1][1]


@pytest.mark.parametrize(("kind", "bound"), [("f16", 1e-4), ("bf16", 1e-2), ("q8_0", 1e-2)])
def test_number_formats_are_as_near_as_their_bits(kind: str, bound: float, tmp_path: Path) -> None:
    model = save_narrow(tmp_path / "model", "gemma3")
    write_gguf(model, tmp_path / "base.gguf", kind)
    assert 0 < parity(tmp_path / "base.gguf", load_model(model, "fp32", "eager")).worst_divergence < bound


def test_what_cannot_be_converted_is_refused(tmp_path: Path) -> None:
    model = save_narrow(tmp_path / "model", "gemma3")
    assert base_obstacle(model) is None

    def with_config(changes: dict[str, Any]) -> str | None:
        config = json.loads((model / "config.json").read_text())
        folder = tmp_path / "changed"
        shutil.copytree(model, folder, dirs_exist_ok=True)
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
        return base_obstacle(folder)

    assert "type llama" in str(with_config({"model_type": "llama"}))
    scaled = {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}}}
    assert "RoPE scaling" in str(with_config(scaled))
    assert "RoPE scaling" in str(with_config({"rope_scaling": {"type": "linear", "factor": 8.0}}))
    assert "dimension" in str(with_config({"query_pre_attn_scalar": 20}))
    assert "period" in str(with_config({"layer_types": ["full_attention", *LAYERS[1:]]}))
    with pytest.raises(InvalidSettings, match="type llama"):
        with_config({"model_type": "llama"})
        write_gguf(tmp_path / "changed", tmp_path / "x.gguf", "f32")


def test_a_published_gemma_3_names_more_tokens_than_it_embeds_and_fewer_settings(tmp_path: Path) -> None:
    """Its image token has an id one beyond the embeddings, and its config omits the types of the layers."""
    size = {**SHAPE, **WINDOWED, "vocab_size": len(tiny.make()[1]), "num_hidden_layers": 7}
    torch.manual_seed(3)
    model = Gemma3ForCausalLM(Gemma3TextConfig(**size))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tiny.make()[1].save_pretrained(folder)
    described = json.loads((folder / "tokenizer.json").read_text())
    picture = {**described["added_tokens"][-1], "id": size["vocab_size"], "content": "<image_soft_token>"}
    described["added_tokens"].append(picture)
    (folder / "tokenizer.json").write_text(json.dumps(described))
    config = json.loads((folder / "config.json").read_text())
    for key in ("layer_types", "rope_parameters"):
        del config[key]
    old = {"sliding_window_pattern": 6, "rope_theta": 1e6, "rope_local_base_freq": 1e4}
    (folder / "config.json").write_text(json.dumps({**config, **old}))
    assert base_obstacle(folder) is None
    write_gguf(folder, tmp_path / "model.gguf", "f32")
    assert parity(tmp_path / "model.gguf", load_model(folder, "fp32", "eager")).worst_divergence < 1e-5


def test_a_second_process_waits_for_the_first_ones_conversion(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.make()
    base, made, checks, waits = find_model("tiny", workspace), [], [], threading.Event()

    def sleep(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    monkeypatch.setattr("shelftalk.locks.time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))

    def check(_: Path) -> None:
        checks.append(waits.wait(60))  # until the other one has found the lock taken

    threads = [threading.Thread(target=lambda: made.append(find_base(base, workspace, check))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [made[0]] * 2
    assert checks == [True]


def test_an_unknown_tensor_is_rejected(tmp_path: Path) -> None:
    model = save_narrow(tmp_path / "model", "gemma3")
    weights = load_file(model / "model.safetensors")
    save_file({**weights, "model.layers.0.mystery.weight": torch.zeros(2, 2)}, model / "model.safetensors")
    with pytest.raises(InvalidSettings, match="mystery"):
        write_gguf(model, tmp_path / "x.gguf", "f32")


def test_conversions_are_made_once_and_stand_beside_what_they_come_from(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Path] = []
    workspace.make()
    base = find_model("tiny", workspace)
    monkeypatch.setattr("shelftalk.models.gguf_files.SAY_EVERY", 0.0)
    said: list[str] = []
    first = find_base(base, workspace, checked.append, said.append)
    assert said[0] == "Converting tiny for llama.cpp (first time only) ..."
    assert said[-1] == "Converting tiny: 100%"
    assert first.parent.parent == workspace.root / "models"
    written = first.stat().st_mtime_ns
    assert find_base(base, workspace, checked.append) == first
    assert first.stat().st_mtime_ns == written
    assert len(checked) == 1
    adapter = save_adapter(tmp_path / "adapter", base.folder, {})
    found = find_merged(base, first, adapter, tmp_path / "gguf")
    assert found == find_merged(base, first, adapter, tmp_path / "gguf")
    other = save_adapter(tmp_path / "other", base.folder, {"lora_rank": 4})
    assert found != find_merged(base, first, other, tmp_path / "gguf")  # another adapter, another file


def test_a_conversion_that_fails_its_check_leaves_nothing(workspace: Workspace) -> None:
    def refuse(file: Path) -> None:
        raise InvalidSettings("no")

    workspace.make()
    base = find_model("tiny", workspace)
    with pytest.raises(InvalidSettings):
        find_base(base, workspace, refuse)
    assert [entry.name for entry in (workspace.root / "models").iterdir() if entry.is_dir()] == ["tiny"]
