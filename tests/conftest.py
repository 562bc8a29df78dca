"""Fixtures: a workspace, the tiny model, and one tiny run from file to adapter that many tests only read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import Workspace
from tests.suite import (  # noqa: F401 - hooks
    pytest_collection_modifyitems,
    pytest_terminal_summary,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

if TYPE_CHECKING:
    from shelftalk.runs.run import Run
    from tests.shell import Shell

# An example has no time limit: on a busy machine a second proves nothing. `make test` draws the same examples each
# time, so that only a change can fail it, and never chance; `make test-long` draws others, and more.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("same")

ROOT = Path(__file__).resolve().parents[1]
DEV_ROWS = ROOT.parent / "shared" / "data" / "amazontitles_dev.jsonl"

TINY_SETTINGS = TrainingSettings.from_mapping(
    {
        "base_model": "tiny",
        "products": "all",
        "epochs": 2,
        "batch_size": 2,
        "gradient_accumulation": 2,
        "learning_rate": 1e-2,
        "lora_dropout": 0.1,
        "max_tokens": 192,
        "checkpoint_every": 2,
    }
)


def write_catalogue_file(path: Path, count: int = 30) -> Path:
    """Write `count` small distinct products as JSON Lines."""
    rows = [
        {
            "uid": f"{number:010d}",
            "title": f"Oak peg {number} cm",
            "content": f"Holds a coat of {number} stone, oiled twice.",
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def copy_without_runs(workspace: Workspace, root: Path) -> Workspace:
    """Copy a workspace's catalogues and models to `root`."""
    return Workspace(shutil.copytree(workspace.root, root, ignore=shutil.ignore_patterns("runs")))


@pytest.fixture(scope="session")
def tiny_model():
    """The tiny model and its tokenizer; tests do not change them."""
    from shelftalk.models import tiny

    return tiny.make()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the tiny model, indexed; tests only read it. Trained once; each worker has a copy."""
    from shelftalk.models.registry import made_once
    from shelftalk.runs.run import Run

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    root = made_once(shared / "tiny-run", _train_tiny_run)
    copy = shutil.copytree(root / "workspace", tmp_path_factory.mktemp("tiny") / "workspace")
    return Run.open(Workspace(copy), "pegs")


def _train_tiny_run(folder: Path) -> None:
    from shelftalk import pipeline

    workspace = Workspace(folder / "workspace")
    settings = PrepareSettings(test_share=0.2)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(folder / "pegs.jsonl"), "pegs", settings)
    pipeline.index_run(pipeline.train_run(workspace, "pegs", "pegs", TINY_SETTINGS))


@pytest.fixture
def copied_run(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run in a workspace that the test may change."""
    from shelftalk.runs.run import Run

    root = shutil.copytree(tiny_run.workspace.root, tmp_path_factory.mktemp("copied") / "workspace")
    return Run.open(Workspace(root), tiny_run.name)


@pytest.fixture
def trained(copied_run: Run, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell in a workspace with the tiny run `pegs`, which the test may change."""
    from tests.shell import Shell

    return Shell(copied_run.workspace.root, capsys)


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of the files of `folder`, without locks and what is converted when first used."""
    files = {path.relative_to(folder): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {
        str(path): (stat.st_size, stat.st_mtime_ns)
        for path, stat in files.items()
        if path.suffix != ".lock" and "gguf" not in str(path.parent)
    }


@pytest.fixture(scope="session")
def tiny_run_files(tiny_run: Run) -> dict[str, tuple[int, int]]:
    """The files of the tiny run's workspace as they were last seen."""
    return _state(tiny_run.workspace.root)


@pytest.fixture(autouse=True)
def the_tiny_run_is_only_read(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that changes the tiny run or leaves something beside it, and not those that come after it."""
    if "tiny_run" not in request.fixturenames:
        yield
        return
    seen = request.getfixturevalue("tiny_run_files")
    yield
    now = _state(request.getfixturevalue("tiny_run").workspace.root)
    changed = {name for name in seen.keys() | now.keys() if seen.get(name) != now.get(name)}
    seen.clear()
    seen.update(now)
    assert not changed
