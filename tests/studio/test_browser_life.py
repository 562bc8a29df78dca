"""A training outlives tab, browser and studio, and every page shows the same training."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.runs.state import read_state
from shelftalk.workspace import Workspace
from tests.conftest import write_catalogue_file

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from playwright.sync_api import Locator, Page, expect

from tests.studio.browser import (
    SLOW,
    WORDS,
    button,
    choose,
    field,
    processes,
    said,
    settle,
    status,
    wait_until,
)
from tests.studio.conftest import measured

if TYPE_CHECKING:
    from tests.studio.browser import Studio, Visitor

CATALOGUE, RUN = "many", "lasting"
UPDATES = 2000  # enough for all that is done to it meanwhile: a slower machine takes longer for both


@pytest.fixture
def place(studio: Studio, filled_workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The filled workspace, with a catalogue for a long training and, until the test ends, its run."""
    source = write_catalogue_file(tmp_path / "many.jsonl", 2500)
    pipeline.prepare_catalogue(filled_workspace, source, CATALOGUE, PrepareSettings())
    measured(filled_workspace, CATALOGUE)
    yield filled_workspace
    for process in processes("resume", RUN):
        os.kill(process, signal.SIGKILL)
    for folder in (
        filled_workspace.run(RUN),
        filled_workspace.catalogue(CATALOGUE),
        *(filled_workspace.root / "tasks").glob("*-many-*"),
    ):
        shutil.rmtree(folder, ignore_errors=True)


def shown_step(page: Page) -> int:
    """Return the number of updates that the page shows."""
    line = page.get_by_text(said("watch.update")).first
    line.wait_for(timeout=1000 * SLOW)
    return int(re.findall(r"[\d,]+", line.inner_text())[0].replace(",", ""))


def saved_step(workspace: Workspace) -> int:
    return int(read_state(workspace.run(RUN)).get("step", 0))


def check_step(page: Page, workspace: Workspace) -> None:
    """Reload the page and assert that it shows a step that state.json had since the reload."""
    before = saved_step(workspace)
    page.reload()
    shown = shown_step(page)
    assert before <= shown <= saved_step(workspace)
    assert len(processes("resume", RUN)) == 1


@pytest.mark.parametrize("reloads", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_training_outlives_everything(place: Workspace, studio: Studio, visitor: Visitor, reloads: int) -> None:
    others = place.runs()
    page = visitor.open("fine-tune")
    start(page)
    shown_step(page)
    page.close()
    page = visitor.open("fine-tune", wait=False)
    for _ in range(reloads):
        check_step(page, place)
    other = visitor.open("fine-tune", wait=False)
    check_step(other, place)
    studio.kill()
    assert len(processes("resume", RUN)) == 1
    studio.start()
    visitor.leave()
    page = visitor.open("fine-tune", wait=False)
    check_step(page, place)
    before = saved_step(place)
    wait_until(lambda: shown_step(page) > before, "the page goes on by itself")

    button(page, "watch.stop").click()
    expect(status(page, "stopped")).to_be_visible(timeout=1000 * SLOW)
    wait_until(lambda: not processes("resume", RUN), "the process ends")
    stopped = saved_step(place)
    assert 0 < stopped < read_state(place.run(RUN))["steps"]
    button(page, "watch.resume").click()
    wait_until(lambda: saved_step(place) > stopped, "the training goes on")
    assert len(processes("resume", RUN)) == 1
    button(page, "watch.stop").click()  # test_browser_story trains to the end
    wait_until(lambda: not processes("resume", RUN), "the process ends")
    assert sorted(place.runs()) == sorted([*others, RUN])
    steps = [json.loads(line)["step"] for line in metrics(place) if "validation_loss" not in line]
    assert steps == list(range(1, saved_step(place) + 1))


def metrics(workspace: Workspace) -> list[str]:
    return Path(workspace.run(RUN) / "metrics.jsonl").read_text().splitlines()


def start(page: Page) -> None:
    """Start a training with one product per update."""
    choose(page, WORDS["catalogue.choose"], CATALOGUE)
    products = re.compile("^" + WORDS["settings.TrainingSettings.products.label"])
    if page.get_by_role("checkbox", name=products).is_checked():  # the preset wants more than there are
        page.get_by_text(f"{products.pattern[1:]}: {WORDS['form.all']}", exact=True).click()
        settle(page)
    number = page.get_by_role("spinbutton", name=products)
    fill(page, number, UPDATES)
    for name in ("epochs", "batch_size"):
        page.get_by_role("slider", name=WORDS[f"settings.TrainingSettings.{name}.label"]).press("Home")
        settle(page)
    page.get_by_text(WORDS["fine_tune.advanced"], exact=True).click()
    button(page, "fine_tune.everything").click()
    for name, value in (("gradient_accumulation", 1), ("checkpoint_every", 20)):
        label = WORDS[f"settings.TrainingSettings.{name}.label"]
        fill(page, page.get_by_role("spinbutton", name=label, exact=True), value)
    choose(page, WORDS["settings.TrainingSettings.compile.label"], "off")
    page.keyboard.press("Escape")
    settle(page)
    field(page, "fine_tune.name").fill(RUN)
    page.keyboard.press("Enter")
    settle(page)
    button(page, "fine_tune.start").click()


def fill(page: Page, number: Locator, value: int) -> None:
    number.fill(str(value))
    number.press("Enter")
    settle(page)
