"""The way from a shop's export to a file for its importer, in a browser; a review by keyboard alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shelftalk.review.review import Review
from shelftalk.workspace import Workspace
from tests.review.outputs import row, write_output

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from playwright.sync_api import Page, expect

from tests.studio.browser import SLOW, WORDS, box, button, choose, field, said, settle

if TYPE_CHECKING:
    from tests.studio.browser import Visitor

MANY = 20


@pytest.fixture(scope="module")
def review(filled_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    """Twenty texts of the run `pegs`; every fourth product is not of oak, as its text says."""
    records = filled_workspace.run("pegs") / "generated"
    rows = [row(10 * number, "ash" if number % 4 == 0 else "oak") for number in range(10, 10 + MANY)]
    output = write_output(tmp_path_factory.mktemp("shop"), rows, "twenty.csv", records)
    yield Review(output)
    output.path.unlink()  # other tests of the studio begin without texts


def shows(page: Page, at: int, of: int) -> None:
    expect(page.get_by_text(f"{at} of {of} ·")).to_be_visible()
    settle(page)


def test_twenty_products_are_reviewed_by_keyboard_alone(visitor: Visitor, review: Review) -> None:
    page = visitor.open("review?run=pegs")
    shows(page, 1, MANY)
    expect(page.get_by_text("“oak”: the attribute material says otherwise.")).to_be_visible()
    page.keyboard.press("e")
    expect(field(page, "review.text")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("A peg of ash, for a jacket: jax.")  # letters that are shortcuts elsewhere
    page.keyboard.press("ControlOrMeta+Enter")
    shows(page, 2, MANY)
    page.keyboard.press("k")
    expect(page.get_by_text("1 of 20 · sku-120 · Edited by")).to_be_visible()
    settle(page)
    page.keyboard.press("j")
    shows(page, 2, MANY)
    page.keyboard.press("d")  # cuts the sentence of the claim out
    expect(page.get_by_text("“oak”: the attribute")).to_have_count(0)
    settle(page)
    page.keyboard.press("a")
    shows(page, 3, MANY)
    page.keyboard.press("v")
    expect(page.get_by_text("“oak”: the attribute")).to_have_count(0)
    settle(page)
    page.keyboard.press("a")
    shows(page, 4, MANY)
    page.keyboard.press("x")
    shows(page, 5, MANY)
    page.keyboard.press("u")
    shows(page, 4, MANY)
    page.keyboard.press("x")
    for at in range(5, MANY):
        shows(page, at, MANY)
        page.keyboard.press("a")
    shows(page, MANY, MANY)
    page.keyboard.press("a")
    expect(page.get_by_text(WORDS["review.end"])).to_be_visible()
    expect(page.get_by_text("20 of 20 decided: 18 accepted, 1 edited, 1 rejected.")).to_be_visible()

    review.refresh()
    counts = review.counts()
    assert (counts["accepted"], counts["edited"], counts["rejected"], counts["undecided"]) == (18, 1, 1, 0)
    assert review.state(review.find(["sku-120"])[0]).text == "A peg of ash, for a jacket: jax."
    assert review.state(review.find(["sku-160"])[0]).text == "It is sanded by hand."
    assert review.state(review.find(["sku-200"])[0]).claims == ("oak",)


def test_two_browsers_see_each_others_decisions(visitor: Visitor, review: Review) -> None:
    first, second = visitor.open("review?run=pegs"), visitor.open("review?run=pegs")
    for page in (first, second):
        choose(page, WORDS["review.filter"], WORDS["review.show_rejected"])
        shows(page, 1, 1)
        page.wait_for_function("document.activeElement === document.body")  # keys are shortcuts again
    first.keyboard.press("a")
    expect(first.get_by_text(WORDS["review.end"])).to_be_visible()
    second.keyboard.press("j")
    expect(second.get_by_text(WORDS["review.end"])).to_be_visible()
    settle(second)
    second.keyboard.press("k")
    expect(second.get_by_text("1 of 1 · sku-240 · Accepted by")).to_be_visible()


def test_from_an_export_to_a_file_for_the_importer(
    visitor: Visitor, filled_workspace: Workspace, tmp_path: Path
) -> None:
    export = tmp_path / "products export.csv"
    export.write_text(
        "Handle,Title,Body (HTML),Variant Price\n"
        "peg-3,Oak peg 3 cm,,4\n"
        "peg-4,Oak peg 4 cm,<p>A person wrote this.</p>,4\n"
        "peg-5,Oak peg 5 cm,,4\n",
        encoding="utf-8",
    )
    page = visitor.open("review?run=pegs")
    if not page.locator("input[type=file]").is_visible():
        page.get_by_text(WORDS["review.write_file"]).click()
    page.locator("input[type=file]").set_input_files(export)
    settle(page)
    button(page, "review.write").click()
    expect(page.get_by_text("of 3 ·")).to_be_visible(timeout=1000 * SLOW)
    expect(box(page, WORDS["review.choose"])).to_have_value(re.compile(r"products export-pegs-texts\.csv · "))
    for at in range(1, 4):
        shows(page, at, 3)
        page.keyboard.press("e")  # the tiny model writes noise, which no shop's file can hold
        expect(field(page, "review.text")).to_be_focused()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("A peg & a hook.")
        page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_text(WORDS["review.end"])).to_be_visible()
    settle(page)

    page.get_by_text(WORDS["publish.title"]).click()
    button(page, "publish.make").click()
    expect(page.get_by_text("2 texts written.")).to_be_visible(timeout=1000 * SLOW)
    expect(page.get_by_text("Products that keep the text that they have: 1.")).to_be_visible()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name=said("publish.target")).click()
    downloaded.value.save_as(tmp_path / "import.csv")
    with (tmp_path / "import.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(one["Handle"], one["Title"]) for one in rows] == [("peg-3", "Oak peg 3 cm"), ("peg-5", "Oak peg 5 cm")]
    assert all(one["Body (HTML)"].startswith("<p>A peg &amp; a hook.") for one in rows)
    assert "Variant Price" not in rows[0]
    assert (filled_workspace.root / "texts" / "products export.csv" / "products export.csv").is_file()
