"""Test the command line's messages on `--cluster` and `--workers`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shelftalk.cli.main import run
from shelftalk.workspace import Workspace


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    from shelftalk.catalogue.settings import PrepareSettings
    from shelftalk.pipeline import prepare_catalogue
    from tests.conftest import write_catalogue_file

    workspace = Workspace(tmp_path / "workspace")
    prepare_catalogue(workspace, write_catalogue_file(tmp_path / "pegs.jsonl"), "pegs", PrepareSettings())
    return ["train", "pegs", "--run", "pegs", "--set", "base_model=tiny", "--workspace", str(workspace.root)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cluster", "spark"], "--cluster must be HOST:PORT of a Ray cluster, as `ray start` printed it, or local"),
        (["--workers", "2"], "--workers is for a cluster; add --cluster HOST:PORT, or --cluster local"),
        (["--cluster", "local", "--detach"], "--detach cannot be combined with --cluster"),
    ],
)
def test_invalid_options_are_refused_in_one_line_before_a_run_exists(
    here: list[str], options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*here, *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not Workspace(here[-1]).runs()


def test_a_missing_ray_is_reported_with_the_install_command(
    here: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # makes an import fail as on a machine without Ray
    assert run([*here, "--cluster", "local"]) == 2
    assert "--cluster needs ray, not installed here: pip install 'shelftalk[ray]'" in capsys.readouterr().err
