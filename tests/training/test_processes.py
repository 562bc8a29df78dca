"""Several processes that train one run together make the same adapter as one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline
from shelftalk.runs.describe import describe_run
from shelftalk.runs.run import Run
from shelftalk.settings import PrepareSettings
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file

SETTINGS = TINY_SETTINGS.replace({"lora_dropout": 0.0, "validate_every": 3, "precision": "fp32"})


def torchrun(workspace: Workspace, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `shelftalk train` in two processes under torchrun."""
    settings = [
        part
        for key, value in SETTINGS.as_mapping().items()
        if value is not None
        for part in ("--set", f"{key}={value}")
    ]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "--", "shelftalk", "train", "pegs", "--run", name, "--workspace", str(workspace.root)]
    command += ["--set", "products=all", *settings, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def pegs(workspace: Workspace, tmp_path: Path) -> Workspace:
    settings = PrepareSettings(test_share=0.2, validation_share=0.1)
    # 31 products: the last update holds fewer than there are processes' packs
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl", 31), "pegs", settings)
    return workspace


def test_two_processes_reach_the_adapter_of_one(pegs: Workspace) -> None:
    one = pipeline.train_run(pegs, "pegs", "one", SETTINGS)
    done = torchrun(pegs, "two")
    assert done.returncode == 0, done.stderr
    two = Run.open(pegs, "two")
    assert describe_run(two)["status"] == "finished"
    expected = load_file(one.adapter / "adapter_model.safetensors")
    found = load_file(two.adapter / "adapter_model.safetensors")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5)
    lines = [
        [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()] for run in (one, two)
    ]
    assert [line["step"] for line in lines[0]] == [line["step"] for line in lines[1]]
    for ours, theirs in zip(*lines, strict=True):
        key = "loss" if "loss" in ours else "validation_loss"
        assert ours[key] == pytest.approx(theirs[key], abs=1e-4)


@pytest.mark.slow
def test_two_processes_go_on_where_they_were(pegs: Workspace) -> None:
    whole, cut = (
        torchrun(pegs, "whole", "--set", "lora_dropout=0.1"),
        torchrun(pegs, "cut", "--set", "lora_dropout=0.1"),
    )
    assert (whole.returncode, cut.returncode) == (0, 0), whole.stderr + cut.stderr
    runs = [Run.open(pegs, name) for name in ("whole", "cut")]
    expected = (runs[0].adapter / "adapter_model.safetensors").read_bytes()
    (runs[1].adapter / "adapter_model.safetensors").unlink()
    newest = max(runs[1].checkpoints.glob("step-*"))
    (newest / "optimizer.safetensors").write_bytes(b"damaged")  # so that it resumes from the one before
    again = torchrun(pegs, "cut", "--set", "lora_dropout=0.1")
    assert again.returncode == 0, again.stderr
    assert "Going on from update" in again.stderr
    assert (runs[1].adapter / "adapter_model.safetensors").read_bytes() == expected
