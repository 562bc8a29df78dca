"""Invalid catalogue files: the studio says what is wrong and what to do, and keeps working."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from playwright.sync_api import Page, expect

from tests.studio.browser import SLOW, WORDS, button, field, settle

if TYPE_CHECKING:
    from tests.studio.browser import Visitor

LINES = "title,description\n" + "".join(f"Peg {number},Holds {number} coats.\n" for number in range(2000))
# Content, and what the message must contain: what is wrong, and what to do.
WRONG = {
    "empty.csv": (b"", "is empty", "give a file"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "is binary", "give .json"),
    "cut.csv.gz": (gzip.compress(LINES.encode())[:300], "truncated", "download or copy it again"),
    "none.parquet": (b"title,description\n" * 20, "is not a Parquet file", "export it again"),
    "catalogue.docx": (b"PK nothing", "", "give"),
}
MORE_WRONG = ("picture.csv", "none.parquet")  # in the long form; tests/catalogue/test_files.py holds each reason


@pytest.fixture(scope="module")
def page(visitor: Visitor) -> Iterator[Page]:
    yield visitor.open(keep=True)
    visitor.close(kept=True)


def show_uploader(page: Page) -> None:
    """Expand the upload form, if it is collapsed."""
    settle(page)
    if not field(page, "catalogue.path").is_visible():
        page.get_by_text(WORDS["catalogue.add"]).click()


def give(page: Page, source: Path) -> None:
    show_uploader(page)
    page.locator("input[type=file]").set_input_files(source)
    expect(page.get_by_role("button", name=f"Remove {source.name}")).to_be_visible()
    settle(page)


def expect_error(page: Page, *words: str) -> None:
    expect(page.get_by_text(WORDS["error.heading"])).to_be_visible(timeout=1000 * SLOW)
    for word in words:
        expect(page.get_by_test_id("stMain")).to_contain_text(word)
    shown = page.get_by_test_id("stMain").inner_text()
    assert "Traceback" not in shown
    assert WORDS["error.unexpected"] not in shown


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in MORE_WRONG else name for name in WRONG]
)
def test_an_invalid_file_is_reported_with_what_to_do(page: Page, tmp_path: Path, name: str) -> None:
    data, wrong, cure = WRONG[name]
    source = tmp_path / name
    source.write_bytes(data)
    give(page, source)
    expect_error(page, wrong, cure)


def test_a_zip_without_a_catalogue_is_reported(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "other.zip"
    with zipfile.ZipFile(source, "w") as file:
        file.writestr("readme.txt", "nothing here")
    give(page, source)
    expect_error(page, "holds no file of products but readme.txt")


def test_a_file_without_usable_rows_is_reported_when_it_is_prepared(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("title,description\n" + ",\n" * 20)
    give(page, source)
    button(page, "catalogue.prepare").click()
    expect_error(page)
    button(page, "app.dismiss").click()
    expect(page.get_by_text(WORDS["error.heading"])).to_have_count(0)


def test_the_page_goes_on_with_a_right_file(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "right.csv"
    source.write_text(LINES)
    give(page, source)
    expect(page.get_by_text("Peg 1,Holds 1 coats.")).to_be_visible()
    expect(page.get_by_text(WORDS["error.heading"])).to_have_count(0)
    expect(button(page, "catalogue.prepare")).to_be_enabled()


def test_a_folder_and_a_missing_path_are_reported(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    show_uploader(page)
    for path, words in (
        (tmp_path, ("holds no file of products", "names end in")),
        (tmp_path / "none.csv", ("no file", "check")),
    ):
        field(page, "catalogue.path").fill(str(path))
        page.keyboard.press("Enter")
        expect(page.get_by_text(words[0])).to_be_visible()
        expect_error(page, *words)
