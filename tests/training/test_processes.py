"""Several processes that train one run together make the same adapter as one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cli.main import run as run_command
from shelftalk.runs.describe import describe_run
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace
from tests.conftest import ROOT, TINY_SETTINGS, write_catalogue_file
from tests.forks import call

SETTINGS = TINY_SETTINGS.replace({"lora_dropout": 0.0, "validate_every": 3, "precision": "fp32"})


def command_line(workspace: Workspace, name: str, *more: str) -> list[str]:
    """Return the arguments of the `shelftalk train` that each process runs."""
    settings = [
        part
        for key, value in SETTINGS.as_mapping().items()
        if value is not None
        for part in ("--set", f"{key}={value}")
    ]
    place = ["--run", name, "--workspace", str(workspace.root)]
    return ["train", "pegs", *place, "--set", "products=all", *settings, *more]


def launch(arguments: list[str]) -> None:
    """Do what torchrun does, with its own agent, but fork the two processes."""
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    one_node: dict[str, Any] = {"min_nodes": 1, "max_nodes": 1, "max_restarts": 0, "rdzv_backend": "c10d"}
    one_node["rdzv_endpoint"] = "localhost:0"
    elastic_launch(LaunchConfig(nproc_per_node=2, start_method="fork", **one_node), run_process)(arguments)


def run_process(arguments: list[str]) -> None:
    if code := run_command(arguments):
        raise SystemExit(code)


def torchrun(workspace: Workspace, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `shelftalk train` in two processes under torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "--", "shelftalk", *command_line(workspace, name, *more)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def pegs(workspace: Workspace, tmp_path: Path) -> Workspace:
    settings = PrepareSettings(test_share=0.2, validation_share=0.1)
    # 31 products: the last update holds fewer than there are processes' packs
    pipeline.prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl", 31), "pegs", settings)
    return workspace


def test_torchrun_understands_the_line_of_the_readme() -> None:
    from torch.distributed.run import config_from_args, parse_args

    lines = (ROOT / "docs" / "training.md").read_text().splitlines()
    (line,) = [one for one in lines if one.startswith("    torchrun ")]
    config, program, arguments = config_from_args(parse_args(line.split()[1:]))  # type: ignore[no-untyped-call]
    assert config.nproc_per_node == 2
    assert program == sys.executable
    assert arguments[arguments.index("-m") + 1 :][:5] == ["shelftalk", "train", "mine", "--run", "mine"]


@pytest.mark.kill
@pytest.mark.parametrize("launcher", ["forks", pytest.param("torchrun", marks=pytest.mark.slow)])
def test_two_processes_reach_the_adapter_of_one(pegs: Workspace, launcher: str) -> None:
    """The long form starts torchrun itself, whose processes import everything."""
    one = pipeline.train_run(pegs, "pegs", "one", SETTINGS)
    if launcher == "forks":
        assert call(launch, command_line(pegs, "two")) == 0
    else:
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
