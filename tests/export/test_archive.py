"""Test the zip of an adapter: complete, deterministic, and only of a valid adapter."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from shelftalk.errors import Damaged, NotFound
from shelftalk.export.archive import zip_adapter
from shelftalk.runs.run import Run
from shelftalk.workspace import faults


def test_the_zip_holds_the_adapter_and_loads_as_one(tiny_run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_adapter(tiny_run))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pegs-adapter"]
    unpacked = tmp_path / "pegs-adapter"
    assert {path.name: path.read_bytes() for path in unpacked.iterdir()} == {
        path.name: path.read_bytes() for path in tiny_run.adapter.iterdir()
    }
    assert faults(unpacked, required=["adapter_config.json", "adapter_model.safetensors"]) == []
    assert (unpacked / "README.md").is_file()


def test_the_same_adapter_gives_the_same_bytes(tiny_run: Run, tmp_path: Path) -> None:
    run = replace(tiny_run, folder=tmp_path / "copy")
    shutil.copytree(tiny_run.adapter, run.adapter)
    for path in run.adapter.iterdir():
        os.utime(path, (10**9, 10**9))
        path.chmod(0o600)
    (run.adapter / ".DS_Store").write_bytes(b"what a file manager leaves behind")
    assert zip_adapter(run) == zip_adapter(tiny_run)


def test_an_unfinished_run_and_a_damaged_adapter_are_refused(tiny_run: Run, tmp_path: Path) -> None:
    run = replace(tiny_run, folder=tmp_path / "copy")
    with pytest.raises(NotFound, match="has not finished"):
        zip_adapter(run)
    shutil.copytree(tiny_run.adapter, run.adapter)
    (run.adapter / "adapter_config.json").write_text("changed")
    with pytest.raises(Damaged, match=r"adapter_config\.json"):
        zip_adapter(run)
