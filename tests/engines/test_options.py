"""What the command line says of a place to run at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shelftalk.cli.main import run


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    from shelftalk.pipeline import prepare_catalogue
    from shelftalk.settings import PrepareSettings
    from shelftalk.workspace import Workspace
    from tests.conftest import write_catalogue_file

    workspace = Workspace(tmp_path / "workspace")
    prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", PrepareSettings())
    return ["train", "pegs", "--run", "pegs", "--set", "base_model=tiny", "--workspace", str(workspace.root)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "spark"], "--engine must be one of local, ray, got 'spark'"),
        (["--address", "127.0.0.1:6379"], "--address is for Ray; add --engine ray"),
        (["--workers", "2"], "--workers is for Ray; add --engine ray"),
        (["--engine", "ray", "--detach"], "--detach is for --engine local"),
    ],
)
def test_a_place_that_cannot_be_is_refused_in_one_line(
    here: list[str], options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*here, *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_missing_ray_is_told_of_with_its_cure(
    here: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what a machine without it looks like to an import
    assert run([*here, "--engine", "ray"]) == 2
    assert "Ray is not installed; install it with: pip install 'shelftalk[ray]'" in capsys.readouterr().err
