"""Each published form of model, narrow, goes the whole way: trained, stopped, resumed, compared, exported."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.export.export import export
from shelftalk.models.gguf_files import base_obstacle
from shelftalk.models.load import load_model
from shelftalk.runs.metrics import read_metrics
from shelftalk.training.loss import has_plain_head
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.narrow_models import KINDS, save_narrow


@pytest.mark.parametrize("kind", KINDS)
def test_each_form_goes_the_whole_way(kind: str, workspace: Workspace, tmp_path: Path) -> None:
    folder = save_narrow(tmp_path / "model", kind)
    source = write_catalogue_file(tmp_path / "pegs.jsonl")
    pipeline.prepare_catalogue(workspace, source, "pegs", PrepareSettings(test_share=0.2))
    vocabulary = "full" if kind == "gemma2" else "catalogue"  # a capped head cannot be cut
    settings = TINY_SETTINGS.replace({"base_model": str(folder), "vocabulary": vocabulary})

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.train_run(workspace, "pegs", "stopped", settings, progress=stop)
    done: list[int] = []
    resumed = pipeline.train_run(workspace, "pegs", "stopped", settings, progress=lambda one, _: done.append(one))
    assert done[0] == 2  # it went on from its checkpoint
    straight = pipeline.train_run(workspace, "pegs", "straight", settings)
    first, second = (run.adapter / "adapter_model.safetensors" for run in (resumed, straight))
    assert first.read_bytes() == second.read_bytes()
    losses = [line["loss"] for line in read_metrics(straight.folder)]
    assert losses[-1] < losses[0]

    assert (base_obstacle(folder) is not None) == (kind == "llama")  # which llama.cpp reads, but is not converted
    assert has_plain_head(load_model(folder, "fp32")[0]) == (kind != "gemma2")
    format = "merged" if kind == "llama" else "gguf"
    assert export(straight, format, tmp_path / format)["format"] == format
