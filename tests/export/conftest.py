"""Exports of the tiny run in every format, and a DoRA run on a base model in bf16; read-only for the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from shelftalk import pipeline
from shelftalk.export import gate
from shelftalk.export.export import export
from shelftalk.models import tiny
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS

QUANTIZATIONS = {"gguf": "f32", "ollama": "f16"}


@pytest.fixture(scope="package", autouse=True)
def short_texts() -> Iterator[None]:
    """Replay every prompt with a twelfth of the gate's tokens: what is to be found differs from the first one on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "WRITTEN", 8)
        yield


@pytest.fixture(scope="package")
def exports(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory, short_texts: None) -> dict[str, Path]:
    """The folder of each format."""
    root = tmp_path_factory.mktemp("exports")
    folders = {name: root / name for name in ("adapter", "merged", "gguf", "ollama", "vllm")}
    for name, folder in folders.items():
        export(tiny_run, name, folder, QUANTIZATIONS.get(name))
    return folders


@pytest.fixture(scope="package")
def dora_run(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished DoRA run on a base model in bf16 in a local folder."""
    root = tmp_path_factory.mktemp("somebody")
    folder, workspace = root / "Own Model", Workspace(root / "workspace")
    shutil.copytree(tiny_run.workspace.catalogue("pegs"), workspace.catalogue("pegs"))
    model, tokenizer = tiny.make()
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = TINY_SETTINGS.replace({"base_model": str(folder), "lora_variant": "dora", "epochs": 1, "products": 8})
    return pipeline.train_run(workspace, "pegs", "knots", settings)
