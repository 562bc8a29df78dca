"""All stages in a browser, in order: an uploaded file, a training, before and after, votes, the report."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.evaluation.votes import tally
from shelftalk.generation.history import read_history
from shelftalk.runs.run import Run
from shelftalk.studio.tasks import Task, read_task
from shelftalk.workspace import Workspace

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.studio.browser import SLOW, WORDS, box, button, choose, field, said, settle, status, wait_until
from tests.studio.conftest import measured

if TYPE_CHECKING:
    from tests.studio.browser import Visitor

CATALOGUE, RUN, ROWS = "pegs-of-oak", "story", 300


@pytest.fixture(scope="module")
def page(visitor: Visitor) -> Iterator[Page]:
    """One tab, kept through the story."""
    yield visitor.open(keep=True)
    visitor.close(kept=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV with unusual column names, 300 products with two attributes and a row without a title."""
    path = tmp_path_factory.mktemp("source") / "Pegs of oak.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Was es ist", "Wie es klingt", "Preis", "Material", "Holding"])
        for number in range(ROWS):
            text = f'Holds a coat of {number} stone; "oiled" twice.'
            rows.writerow([f"Oak peg, {number} cm", text, "3", "oiled oak", f"{number} stone"])
        rows.writerow(["", "a row without a title", "3", "", ""])
    return path


def open_page(page: Page, key: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=WORDS[f"{key}.title"]).click()
    expect(page.get_by_role("heading", level=1, name=WORDS[f"{key}.title"])).to_be_visible()
    settle(page)


def ended(workspace: Workspace, name: str) -> Task | None:
    """Return a task that is done or has failed, else None."""
    task = read_task(workspace, name)
    return task if task.status in ("done", "failed") else None


def test_a_file_becomes_a_catalogue(page: Page, filled_workspace: Workspace, source: Path) -> None:
    page.get_by_text(WORDS["catalogue.add"]).click()
    page.locator("input[type=file]").set_input_files(source)
    expect(page.get_by_text("Oak peg, 1 cm", exact=False).first).to_be_visible()
    settle(page)
    choose(page, WORDS["catalogue.title_field"], "Was es ist")
    choose(page, WORDS["catalogue.description_field"], "Wie es klingt")
    attributes = page.get_by_test_id("stMultiSelect").filter(has_text=WORDS["catalogue.attribute_columns"])
    expect(attributes).to_contain_text("Material")  # a usual name
    attributes.get_by_role("combobox").fill("Holding")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    settle(page)
    expect(field(page, "catalogue.name")).to_have_value(CATALOGUE)
    button(page, "catalogue.prepare").click()
    expect(page.get_by_text(said("catalogue.prepared"))).to_be_visible(timeout=1000 * SLOW)
    expect(box(page, WORDS["catalogue.choose"])).to_have_value(CATALOGUE)
    expect(page.get_by_test_id("stMetric").filter(has_text=WORDS["catalogue.kept"])).to_contain_text(str(ROWS))
    assert CATALOGUE in filled_workspace.catalogues()
    settle(page)
    page.get_by_role("tab", name=WORDS["catalogue.left_out"]).click()
    expect(page.get_by_text(WORDS["reason.missing_title"])).to_be_visible()


def test_its_attributes_are_shown_with_a_picked_product(page: Page, filled_workspace: Workspace) -> None:
    product = Catalogue.open(filled_workspace.catalogue(CATALOGUE)).products()[0]
    assert product.attributes == (("Material", "oiled oak"), ("Holding", "0 stone"))
    page.get_by_role("tab", name=WORDS["catalogue.attributes"]).click()
    settle(page)
    expect(page.get_by_test_id("stDataFrame").locator("visible=true")).to_have_count(1)
    expect(page.get_by_text(WORDS["catalogue.no_attributes"])).to_have_count(0)
    page.get_by_role("tab", name=WORDS["catalogue.products"]).click()
    settle(page)
    page.get_by_test_id("stDataFrame").locator("visible=true").click(position={"x": 18, "y": 54})
    expect(page.get_by_role("definition")).to_have_text(["oiled oak", "0 stone"])
    expect(page.get_by_role("term")).to_have_text(["Material", "Holding"])
    expect(page.get_by_text(product.description, exact=True).locator("visible=true")).to_be_visible()


def test_a_run_is_started_and_watched_to_its_end(page: Page, filled_workspace: Workspace) -> None:
    measured(filled_workspace, CATALOGUE)
    open_page(page, "fine_tune")
    expect(box(page, WORDS["catalogue.choose"])).to_have_value(CATALOGUE)
    choose(page, WORDS["fine_tune.base_model"], "tiny")
    page.locator(".st-key-preset-quick-test").get_by_role("button").click()
    settle(page)
    page.get_by_role("slider", name=WORDS["settings.TrainingSettings.epochs.label"]).press("Home")
    settle(page)
    field(page, "fine_tune.name").fill(RUN)
    page.keyboard.press("Enter")
    settle(page)
    button(page, "fine_tune.start").click()
    expect(page.get_by_text(said("watch.update")).first).to_be_visible(timeout=1000 * SLOW)
    expect(page.get_by_text(WORDS["watch.sample"])).to_be_visible(timeout=1000 * SLOW)
    expect(status(page, "finished")).to_be_visible(timeout=1000 * SLOW)
    settle(page)
    settings = json.loads((filled_workspace.run(RUN) / "run.json").read_text())["settings"]
    assert (settings["base_model"], settings["epochs"]) == ("tiny", 1)


def open_first_value(page: Page) -> Locator:
    """Open the editor of the first value in the table of attributes; a grid that is drawn again takes no key."""
    editor = page.locator("#portal").get_by_role("textbox")
    for _ in range(20):
        page.get_by_test_id("stDataFrame").click(position={"x": 400, "y": 54})
        page.keyboard.press("Enter")
        with suppress(TimeoutError):
            editor.wait_for(timeout=3000)
            return editor
    raise AssertionError("the cell's editor did not open")


def test_one_question_is_answered_before_and_after(page: Page, filled_workspace: Workspace) -> None:
    button(page, "compare.go").click()
    expect(page.get_by_role("heading", level=1, name=WORDS["compare.title"])).to_be_visible()
    choose(page, WORDS["runs.choose"], RUN)
    expect(field(page, "compare.question")).to_be_visible(timeout=1000 * SLOW)
    settle(page)
    open_first_value(page).fill("bog oak")
    page.keyboard.press("Enter")
    settle(page)
    field(page, "compare.question").fill("What is an oak peg of 12 cm?")
    button(page, "compare.ask").click()
    expect(page.get_by_text(WORDS["compare.references"], exact=True)).to_be_visible(timeout=1000 * SLOW)
    for key in ("compare.before", "compare.after"):
        expect(page.get_by_role("heading", name=WORDS[key], exact=True)).to_be_visible()
    expect(page.get_by_text("What is an oak peg of 12 cm?", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text=WORDS["compare.similarity"])).to_have_count(5)
    (kept,) = read_history(filled_workspace.run(RUN))
    assert kept["query"] == "What is an oak peg of 12 cm?"
    [(name, value)] = kept["attributes"].items()
    assert (name in ("Material", "Holding"), value) == (True, "bog oak")
    expect(page.get_by_role("term")).to_have_text([name])
    expect(page.get_by_role("definition")).to_have_text(["bog oak"])
    expect(page.get_by_text(WORDS["evidence.title"], exact=True)).to_be_visible()
    expect(page.get_by_text(WORDS["evidence.claims"], exact=True)).to_be_visible()
    told = said("evidence.told" if "bog oak" in kept["tuned"]["text"] else "evidence.told_not")
    expect(page.get_by_text(told).last).to_be_visible()


@pytest.mark.slow
def test_influence_is_estimated_on_request(page: Page, filled_workspace: Workspace) -> None:
    settle(page)
    button(page, "evidence.estimate").click()
    estimated = wait_until(lambda: ended(filled_workspace, f"influence-{RUN}"), "influence is estimated")
    assert estimated.status == "done", estimated.error
    expect(page.get_by_text(WORDS["evidence.estimating"])).to_have_count(0)
    assert len(estimated.result["influence"]) == 40


def test_a_held_out_product_comes_with_its_true_description(page: Page, filled_workspace: Workspace) -> None:
    button(page, "compare.random").click()
    expect(page.get_by_text(WORDS["compare.true"])).to_be_visible(timeout=1000 * SLOW)
    title = read_history(filled_workspace.run(RUN), 1)[0]["query"]
    catalogue = Catalogue.open(filled_workspace.catalogue(CATALOGUE))
    product = next(one for one in catalogue.take(catalogue.find(split="test")) if one.title == title)
    expect(page.get_by_text(product.description, exact=True)).to_be_visible()
    assert tuple(read_history(filled_workspace.run(RUN), 1)[0]["attributes"].items()) == product.attributes
    expect(page.get_by_role("definition")).to_have_text([value for _, value in product.attributes])
    button(page, "compare.clear_attributes").click()
    settle(page)


def test_a_blind_vote_is_cast_and_kept(page: Page, filled_workspace: Workspace) -> None:
    page.get_by_text(WORDS["compare.blind"], exact=True).click()
    expect(page.get_by_text(WORDS["compare.no_votes"])).to_be_visible()
    settle(page)
    field(page, "compare.question").fill("Oak peg, 7 cm")
    button(page, "compare.ask").click()
    expect(page.get_by_text(WORDS["compare.which"])).to_be_visible(timeout=1000 * SLOW)
    expect(page.get_by_role("heading", name=WORDS["compare.after"], exact=True)).to_have_count(0)
    page.get_by_role("button", name=said("compare.answer")).first.click()
    expect(page.get_by_text(said("compare.tally"))).to_be_visible()
    expect(page.get_by_role("heading", name=WORDS["compare.after"], exact=True)).to_be_visible()
    assert tally(Run.open(filled_workspace, RUN).folder)["n"] == 1
    assert read_history(filled_workspace.run(RUN), 1)[0]["attributes"] == {}  # the last product's were cleared


@pytest.mark.slow
def test_the_report_is_measured(page: Page, filled_workspace: Workspace) -> None:
    open_page(page, "report")
    expect(box(page, WORDS["runs.choose"])).to_have_value(RUN)
    page.get_by_role("slider", name=WORDS["report.count"]).press("Home")
    settle(page)
    button(page, "report.measure").click()
    expect(page.get_by_text(said("report.n"))).to_be_visible(timeout=1000 * SLOW)
    expect(page.get_by_text(WORDS["measure.bits_per_byte_help"], exact=False)).to_be_visible()
    result = json.loads((filled_workspace.run(RUN) / "report" / "evaluation.json").read_text())["result"]
    expect(page.get_by_role("table").first).to_contain_text(f"{result['tuned']['bits_per_byte']:.3f}")


def test_the_run_can_be_renamed_and_deleted_after_a_question(page: Page, filled_workspace: Workspace) -> None:
    open_page(page, "runs")
    choose(page, WORDS["runs.choose"], RUN)
    button(page, "runs.rename").click()
    field(page, "runs.new_name").fill("renamed")
    page.keyboard.press("Enter")
    settle(page)
    button(page.get_by_test_id("stPopoverBody"), "runs.rename_now").click()
    expect(box(page, WORDS["runs.choose"])).to_have_value("renamed")
    assert "renamed" in filled_workspace.runs()
    button(page, "runs.delete").click()
    button(page.get_by_role("dialog"), "runs.delete_no").click()
    assert "renamed" in filled_workspace.runs()
    button(page, "runs.delete").click()
    button(page.get_by_role("dialog"), "runs.delete_yes").click()
    wait_until(lambda: "renamed" not in filled_workspace.runs(), "the run is gone")
