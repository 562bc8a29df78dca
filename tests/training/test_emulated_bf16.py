"""A run begun in bf16 says what it costs where bf16 is emulated, with the cure, when it is resumed and elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from shelftalk import pipeline
from shelftalk.generation.choose import open_engine
from shelftalk.models.instruction_set import FAST_BF16, bf16_cost, level
from shelftalk.proof import evaluate_run
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.training.jobs import resume_run
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS
from tests.forks import call

LIMIT = "ONEDNN_MAX_CPU_ISA=AVX2"
pytestmark = [
    pytest.mark.skipif(torch.cuda.is_available(), reason="there the device decides, not the CPU"),
    pytest.mark.skipif(torch.cpu.get_capabilities()["architecture"] != "x86_64", reason="oneDNN's limit is for x86"),
]


def say_all(root: Path, file: Path) -> None:
    """Resume the run in a process whose products of bf16 are emulated, open it, and write what was said."""
    name, value = LIMIT.split("=")
    os.environ[name] = value
    said: list[str] = []
    run = Run.open(Workspace(root), "half")
    resume_run(run, say=said.append)
    open_engine(run, asked="transformers", say=said.append).close()
    evaluate_run(run, DecodingSettings(max_new_tokens=4), 1, ("base",), engine="llama.cpp", say=said.append)
    file.write_text("\n".join([*said, str(bf16_cost("fp32"))]))


def test_it_is_said_in_one_line_with_the_cure(tiny_run: Run, tmp_path: Path) -> None:
    workspace = Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace"))
    settings = TINY_SETTINGS.replace({"precision": "bf16", "products": 4, "epochs": 1, "validate_every": 0})

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.train_run(workspace, "pegs", "half", settings, progress=stop)
    assert call(say_all, workspace.root, tmp_path / "said") == 0
    *said, of_fp32 = (tmp_path / "said").read_text().splitlines()
    costs = [line for line in said if "emulated" in line]
    assert len(costs) == 3  # at resume, where transformers writes, and where it computes the likelihoods alone
    fast_without = level(torch.cpu.get_capabilities(), {})[0] in FAST_BF16
    for line in costs:
        assert "tens to hundreds of times as long as in fp32" in line
        assert (f"because of {LIMIT}; unset that variable" if fast_without else "--set precision=fp32") in line
    assert of_fp32 == "None"
