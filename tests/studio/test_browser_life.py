"""A training outlives tab, browser and studio, and is the same one wherever it is looked at."""

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
from shelftalk.runs.state import read_state
from shelftalk.settings import PrepareSettings
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
def place(studio: Studio, furnished: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The furnished workspace, with a catalogue for a long training and, until the test ends, its run."""
    source = write_catalogue_file(tmp_path / "many.jsonl", 2500)
    pipeline.prepare_catalogue(furnished, source, CATALOGUE, PrepareSettings())
    measured(furnished, CATALOGUE)
    yield furnished
    for process in processes("resume", RUN):
        os.kill(process, signal.SIGKILL)
    for folder in (furnished.run(RUN), furnished.catalogue(CATALOGUE), *(furnished.root / "tasks").glob("*-many-*")):
        shutil.rmtree(folder, ignore_errors=True)


def shown_step(page: Page) -> int:
    """Return the number of updates that the page shows."""
    line = page.get_by_text(said("watch.update")).first
    line.wait_for(timeout=1000 * SLOW)
    return int(re.findall(r"[\d,]+", line.inner_text())[0].replace(",", ""))


def made(place: Workspace) -> int:
    return int(read_state(place.run(RUN)).get("step", 0))


def look(page: Page, place: Workspace) -> None:
    """Assert that the page, freshly opened, shows a step that state.json has said since it was asked for."""
    before = made(place)
    page.reload()
    shown = shown_step(page)
    assert before <= shown <= made(place)
    assert len(processes("resume", RUN)) == 1


@pytest.mark.parametrize("reloads", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_training_outlives_everything(place: Workspace, studio: Studio, visitor: Visitor, reloads: int) -> None:
    others = place.runs()
    page = visitor.open("fine-tune")
    start(page)
    shown_step(page)
    page.close()
    page = visitor.open("fine-tune", rests=False)
    for _ in range(reloads):
        look(page, place)
    other = visitor.open("fine-tune", rests=False)
    look(other, place)
    studio.kill()
    assert len(processes("resume", RUN)) == 1
    studio.start()
    visitor.leave()
    page = visitor.open("fine-tune", rests=False)
    look(page, place)
    before = made(place)
    wait_until(lambda: shown_step(page) > before, "the page goes on by itself")

    button(page, "watch.stop").click()
    expect(status(page, "stopped")).to_be_visible(timeout=1000 * SLOW)
    wait_until(lambda: not processes("resume", RUN), "the process ends")
    stopped = made(place)
    assert 0 < stopped < read_state(place.run(RUN))["steps"]
    button(page, "watch.resume").click()
    wait_until(lambda: made(place) > stopped, "the training goes on")
    assert len(processes("resume", RUN)) == 1
    button(page, "watch.stop").click()  # its end is seen in the story
    wait_until(lambda: not processes("resume", RUN), "the process ends")
    assert sorted(place.runs()) == sorted([*others, RUN])
    steps = [json.loads(line)["step"] for line in metrics(place) if "validation_loss" not in line]
    assert steps == list(range(1, made(place) + 1))


def metrics(place: Workspace) -> list[str]:
    return Path(place.run(RUN) / "metrics.jsonl").read_text().splitlines()


def start(page: Page) -> None:
    """Start a training of one product an update."""
    choose(page, WORDS["catalogue.choose"], CATALOGUE)
    products = re.compile("^" + WORDS["settings.TrainingSettings.products.label"])
    if page.get_by_role("checkbox", name=products).is_checked():  # all there are, since the preset wants more
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
