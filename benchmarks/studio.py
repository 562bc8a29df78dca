"""How long does a user of the studio wait: for two million products, the first page, an answer's first word?

    python -m benchmarks.studio --workspace W --run demo --json

W contains a finished run of the real model, as after `make demo`. Playwright opens the pages in Chromium; the large
catalogue is generated in a temporary folder, and its page is rendered without a browser.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright
from streamlit.testing.v1 import AppTest

from shelftalk.catalogue.table import PRODUCTS, TableWriter
from shelftalk.studio.launch import find_port
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace, write_json, write_manifest
from tools.make_images import arguments, chromium, wait_for

TITLES = ("Copper Watering Can, 2 Litre", "Oak Coat Peg, 12 cm", "Slate Plant Labels, Pack of 12")
WORDS = 20_000
REPEATS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {
        "rows": options.rows,
        "catalogue": measure_catalogue(options.rows),
        **measure_browser(options.workspace, options.run),
    }
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


def measure_catalogue(rows: int) -> dict[str, float]:
    """Return the seconds that the catalogue page takes for `rows` products, and this process's peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        write_catalogue(Workspace(folder).catalogue("large"), rows)
        os.environ["SHELFTALK_WORKSPACE"] = folder
        page = AppTest.from_function(_page, default_timeout=300)
        steps: dict[str, Callable[[], Any]] = {
            "first": lambda: page,
            "search in titles": lambda: page.text_input[1].set_value("oak"),
            "another page of it": lambda: page.number_input[-1].set_value(7),
            "search in descriptions": lambda: page.toggle[0].set_value(True),
        }
        seconds = {name: _time(lambda act=act: act().run()) for name, act in steps.items()}  # type: ignore[misc]
    return {**seconds, "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def _page() -> None:
    from shelftalk.studio.views import catalogue

    catalogue.show()


def write_catalogue(folder: Path, rows: int) -> None:
    """Write a catalogue of generated products, one in a thousand of which has the word oak in its title."""
    chance = random.Random(1)  # noqa: S311 (texts to search in)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(WORDS)]
    words += ["oak"] * (WORDS // 1000)
    titles, descriptions = ([" ".join(chance.choices(words, k=k)) for _ in range(50_000)] for k in (12, 60))
    folder.mkdir(parents=True)
    split = {"train": rows - rows // 10, "validation": 0, "test": rows // 10}
    with TableWriter(folder / "products.parquet", PRODUCTS) as table:
        for row in range(rows):
            title, description = titles[row % 50_000], descriptions[row * 7 % 50_000]
            part = "test" if row < split["test"] else "train"
            table.append((f"{row:010d}", f"{title} {row}", f"{description} {row}", part, row + 1))
    (folder / "rejects.jsonl").write_bytes(b"")
    summary = {"read": rows, "kept": rows, "rejected": {}, "split": split, "data_hash": "generated", "raw": []}
    write_json(folder / "catalogue.json", summary)
    write_manifest(folder)


def measure_browser(workspace: Path, run: str) -> dict[str, Any]:
    """Start a studio; return the seconds until the first page and until each answer's first word."""
    port = find_port(None)
    command = [sys.executable, "-m", "shelftalk", "studio", "--no-browser", "--port", str(port)]
    studio = subprocess.Popen([*command, "--workspace", str(workspace)], stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
            firsts = []
            for _ in range(REPEATS):
                page = browser.new_context(locale="en-US").new_page()
                firsts.append(_time(lambda page=page: _open(page, address)))  # type: ignore[misc]
            words = first_words(page, address, run)
    finally:
        studio.terminate()
        studio.wait()
    return {"first_page_seconds": firsts, "first_word_seconds": words, "first_word_median": median(words)}


def first_words(page: Page, address: str, run: str) -> list[float]:
    """Return the seconds from the click to the first word, for each title, with loaded models."""
    words = texts("en")
    _open(page, f"{address}/compare")
    chooser = page.get_by_role("combobox", name=words["runs.choose"]).last
    chooser.click()
    page.get_by_role("option", name=run, exact=True).click()
    question = page.get_by_label(words["compare.question"], exact=True)
    seconds = []
    for title in (TITLES[0], *TITLES):  # the first also waits for the models
        question.fill(title, timeout=180_000)
        before = time.monotonic()
        page.get_by_role("button", name=words["compare.ask"], exact=True).click()
        page.locator(".st-key-writing-base [data-testid=stText]").wait_for(timeout=180_000)
        seconds.append(time.monotonic() - before)
        page.get_by_role("heading", name=words["compare.references"]).wait_for(timeout=180_000)
    return [round(one, 3) for one in seconds[1:]]


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()


def _time(work: Callable[[], Any]) -> float:
    before = time.monotonic()
    work()
    return round(time.monotonic() - before, 3)


if __name__ == "__main__":
    main()
