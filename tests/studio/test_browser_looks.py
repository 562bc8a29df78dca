"""Every page is drawn fast, has no serious accessibility violation, and works with the keyboard alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shelftalk import pipeline, proof
from shelftalk.evaluation.votes import cast_vote
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace
from tests.conftest import write_catalogue_file
from tests.review.outputs import row, write_output

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.studio.browser import SLOW, WORDS, button, field, said, settle
from tests.studio.conftest import measured

if TYPE_CHECKING:
    from tests.studio.browser import Studio, Visitor

PAGES = ("", "fine-tune", "compare", "review", "runs", "report")
# Each page in light, and in dark the one with most kinds of widgets; the others in dark are the long form.
LOOKS = [("", "light"), ("compare", "light"), ("fine-tune", "dark"), ("review", "dark")]
MORE_LOOKS = [(path, scheme) for path in PAGES for scheme in ("light", "dark") if (path, scheme) not in LOOKS]
FIRST_DRAWN = 3.0  # seconds
TABS = 120  # most presses of Tab to reach a widget
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def full(filled_workspace: Workspace) -> Workspace:
    """The filled workspace with an evaluation, votes and an answer in its run."""
    run = Run.open(filled_workspace, "pegs")
    pipeline.make_ready(run)
    proof.evaluate_run(run, DecodingSettings(max_new_tokens=20), 4)
    for side in ("tuned", "tuned", "base", "tuned", "neither", "tuned"):
        cast_vote(run.folder, "Oak peg 3 cm", side)
    return filled_workspace


def test_the_first_page_takes_little_computing(visitor: Visitor, studio: Studio) -> None:
    """Seconds of a core, which do not depend on what else the machine does; the long form looks at the clock."""
    visitor.open()
    before = studio.processor_seconds()
    visitor.open()
    assert studio.processor_seconds() - before < FIRST_DRAWN


@pytest.mark.slow
def test_the_first_page_is_drawn_at_once(visitor: Visitor, capsys: pytest.CaptureFixture[str]) -> None:
    page, seconds = visitor.open(), []
    for _ in range(3):
        began = time.monotonic()
        page.goto(visitor.url)
        page.get_by_role("heading", level=1).wait_for()
        seconds.append(time.monotonic() - began)
    with capsys.disabled():
        print(f"first page drawn in {min(seconds):.2f} s (of {', '.join(f'{one:.2f}' for one in seconds)})")
    assert min(seconds) < FIRST_DRAWN


@pytest.mark.parametrize(
    ("path", "scheme"), [*LOOKS, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE_LOOKS)]
)
def test_axe_finds_nothing_grave(visitor: Visitor, full: Workspace, tmp_path: Path, path: str, scheme: str) -> None:
    page = visitor.open(path, dark=scheme == "dark")
    if path == "compare":
        field(page, "compare.question").fill("Oak peg 3 cm")
        button(page, "compare.ask").click()
        expect(page.get_by_text(WORDS["compare.references"], exact=True)).to_be_visible(timeout=1000 * SLOW)
        page.get_by_text(said("compare.history")).click()
    if path == "review":
        write_output(tmp_path, [row(1), row(2, "ash")], "looks.csv", full.run("pegs") / "generated")
        page.goto(f"{visitor.url}/review?run=pegs")
        expect(page.get_by_text("1 of 2 ·")).to_be_visible()
        page.keyboard.press("e")
        page.get_by_text(WORDS["publish.title"]).click()
    if path == "":
        page.get_by_text(WORDS["catalogue.add"]).click()
    if path == "fine-tune":
        page.get_by_text(WORDS["fine_tune.advanced"], exact=True).click()
    settle(page)
    assert serious_violations(page) == []


def serious_violations(page: Page) -> list[str]:
    serious = [one for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
    return [describe(one["id"], node) for one in serious for node in one["nodes"]]


def describe(rule: str, node: dict[str, Any]) -> str:
    return f"{rule}: {node['html'][:200]} {node['target']} {node['failureSummary']}"


def test_the_keyboard_alone_is_enough(visitor: Visitor, full: Workspace, tmp_path: Path) -> None:
    page = visitor.open()
    tab_to(page, page.locator("summary").filter(has_text=WORDS["catalogue.add"]))
    page.keyboard.press("Enter")
    tab_to(page, field(page, "catalogue.path"))
    page.keyboard.type(str(write_catalogue_file(tmp_path / "keys.jsonl")))
    page.keyboard.press("Enter")
    settle(page)
    tab_to(page, button(page, "catalogue.prepare"))
    page.keyboard.press("Enter")
    expect(page.get_by_text(said("catalogue.prepared"))).to_be_visible(timeout=1000 * SLOW)
    assert "keys" in full.catalogues()
    measured(full, "keys")
    page.keyboard.press("Control+Home")
    for key, target in (("fine_tune", button(page, "fine_tune.start")), ("compare", button(page, "compare.ask"))):
        page.locator("body").evaluate("body => body.ownerDocument.activeElement.blur()")
        tab_to(page, page.get_by_role("navigation").get_by_role("link", name=WORDS[f"{key}.title"]))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1, name=WORDS[f"{key}.title"])).to_be_visible()
        settle(page)
        tab_to(page, target)


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` or an element in it has the focus."""
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if target.count() and target.evaluate("one => one.contains(document.activeElement)"):
            return
    raise AssertionError(f"{TABS} presses of Tab do not reach {target}")
