"""Fixtures: a browser, and a studio on a workspace with content for every page."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.models import embedded, tiny
from shelftalk.models.registry import made_once
from shelftalk.presets import preset_names
from shelftalk.workspace import Workspace, write_json

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from shelftalk.runs.run import Run
    from tests.studio.browser import Studio, Visitor
    from tests.studio.hub import Hub

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one, or without Playwright, the test is skipped."""
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("There is no Chromium here for the studio's browser tests: apt-get install chromium")
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser for all files: Playwright's event loop runs meanwhile, which no other test of this folder minds."""
    from playwright.sync_api import sync_playwright

    from tests.studio.browser import ARGUMENTS

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


def small_workspace(root: Path) -> Workspace:
    """Return a workspace where the tiny model replaces the embedded one, so that estimates are fast."""
    workspace = Workspace(root)
    made_once(workspace.model(embedded.NAME), tiny.save)
    return workspace


def measured(workspace: Workspace, catalogue: str) -> None:
    """Leave what the presets take, as the task does that measures them: that takes half a minute of a core."""
    opened = Catalogue.open(workspace.catalogue(catalogue))
    folder = workspace.root / "tasks" / f"presets-{catalogue}-{hashlib.sha256(embedded.NAME.encode()).hexdigest()[:8]}"
    folder.mkdir(parents=True)
    write_json(folder / "about.json", {"data_hash": opened.data_hash, "base_model": embedded.NAME})
    one = {"seconds_total": 90.0, "memory_bytes": 2 << 30, "fits": True}
    write_json(folder / "output.json", {"presets": dict.fromkeys(preset_names(), one), "running": []})


@pytest.fixture(scope="package")
def filled_workspace(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a catalogue and a finished run."""
    root = tmp_path_factory.mktemp("studio") / "workspace"
    shutil.copytree(tiny_run.workspace.root, root)
    return small_workspace(root)


@pytest.fixture(scope="package")
def hub() -> Iterator[Hub]:
    """A local server in place of the Hugging Face Hub, for the studio of the tests."""
    from tests.studio.hub import Hub

    with Hub() as served:
        yield served


@pytest.fixture(scope="package")
def studio(chromium: str, filled_workspace: Workspace, hub: Hub) -> Iterator[Studio]:
    """A studio on the filled workspace, shared by all test files."""
    from tests.studio.browser import Studio

    root = filled_workspace.root
    started = Studio(root, root.with_name("home"), {"HF_ENDPOINT": hub.url})
    started.start()
    for catalogue in filled_workspace.catalogues():  # the bundled one is there now
        measured(filled_workspace, catalogue)
    yield started
    started.stop()


@pytest.fixture(scope="package")
def visitor(browser: Browser, studio: Studio) -> Iterator[Visitor]:
    """A visitor of the studio."""
    from tests.studio.browser import Visitor

    came = Visitor(browser, studio.url)
    yield came
    came.leave()


@pytest.fixture(autouse=True)
def nothing_forbidden(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose pages caused a forbidden event; see `browser.Visitor`."""
    yield
    if "visitor" in request.fixturenames:
        visitor: Any = request.getfixturevalue("visitor")
        visitor.close()
        faults, visitor.faults = visitor.faults, []
        assert faults == []


@pytest.fixture(autouse=True)
def the_main_module_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the main module: Streamlit's AppTest replaces it, and later forked processes need it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
