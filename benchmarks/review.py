"""How long does a person wait in a review of many texts: for the list, and after a key?

    python -m benchmarks.review --workspace W --run demo [--rows 100000] [--json]

W contains a finished run, as after `make demo`; its folder generated/ gets the record of an output of made-up texts, a
seventh of them with a claim that nothing supports, and loses it at the end. Playwright opens the page in Chromium. A
key's time is from the press to the next product on the screen, the median and the slowest of `KEYS`; the list's is from
the address to its first row. `open` and `accept clean` are of the library, without a page. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright

from shelftalk.generation.tables import DescribedRow, NamedReference
from shelftalk.generation.texts import TextsWriter
from shelftalk.generation.titles import TitleRow
from shelftalk.review.outputs import Output
from shelftalk.review.review import Review
from shelftalk.studio.launch import find_port
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace, sha256, write_json
from tools.make_images import arguments, chromium, wait_for

KEYS = 40
WORDS = texts("en")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = Workspace(options.workspace).run(options.run) / "generated"
        with written(Path(folder), records, options.rows) as output:
            found = {"rows": options.rows, **measure_browser(options.workspace, options.run, output)}
            found |= measure_library(output)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


@contextmanager
def written(folder: Path, records: Path, rows: int) -> Iterator[Output]:
    """Write the texts of an output and its record, which is removed at the end."""
    path, source = folder / "texts.csv", folder / "products.csv"
    for file in (path, source):
        file.write_text(f"{rows}\n")  # the page reads the texts that lie beside the record
    record = records / "benchmark.json"
    kept = record.with_suffix(".parquet")
    records.mkdir(parents=True, exist_ok=True)
    with TextsWriter(kept) as append:
        for number in range(rows):
            append.append(described(number))
    job = {"input_sha256": sha256(source)}
    paths = {"input": str(source), "output": str(path)}
    write_json(record, {"job": job, **paths, "output_sha256": sha256(path), "replaces": "", "summary": {}})
    try:
        yield Output(path, source, kept, job, sha256(path))
    finally:
        record.unlink()
        kept.unlink()


def described(number: int) -> DescribedRow:
    """Return a made-up product with a text of some eighty words; every seventh is said to be of brass."""
    title, material = f"Oak Coat Peg, {number} mm", "brass" if number % 7 == 0 else "oak"
    attributes = (("material", "oak"), ("length", f"{number} mm"), ("finish", "oiled"))
    row = TitleRow(
        number, number + 2, f"sku-{number}", title, title, attributes=attributes, description=("Old text. " * 12,)
    )
    body = (
        f"This coat peg is made of {material}. It is {number} mm long. " + "It holds a coat and a hat by the door. " * 7
    )
    near = [NamedReference(str(one), f"Coat Peg {one}", 0.7) for one in range(3)]
    return DescribedRow(row, body.strip(), "", "", len(body.split()), int(material == "brass"), 0, (), (), near)


def measure_library(output: Output) -> dict[str, Any]:
    """Return the seconds to open the review, and to accept all clean texts at once, and this process's peak memory."""
    began = time.monotonic()
    review = Review(output)
    opened = time.monotonic() - began
    clean = review.select(["undecided"], clean=True)
    began = time.monotonic()
    review.accept(clean, "benchmark")
    accepted = time.monotonic() - began
    began = time.monotonic()
    Review(output)
    again = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = {"open": opened, f"accept {len(clean):,} clean": accepted, "open with these decisions": again}
    return {**{name: round(one, 2) for name, one in seconds.items()}, "peak_mib": round(peak)}


def measure_browser(workspace: Path, run: str, output: Output) -> dict[str, Any]:
    """Return the seconds until the page and the list are there, and after keys."""
    port = find_port(None)
    environment = {**os.environ, "SHELFTALK_WORKSPACE": str(workspace)}
    command = [sys.executable, "-m", "shelftalk", "studio", "--no-browser", "--port", str(port)]
    with subprocess.Popen([*command, "--workspace", str(workspace)], env=environment) as studio:
        try:
            wait_for(f"http://127.0.0.1:{port}")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                return visit(page, f"http://127.0.0.1:{port}/review?run={run}&lang=en&texts={output.path}")
        finally:
            studio.terminate()


def visit(page: Page, address: str) -> dict[str, Any]:
    """Measure in one tab."""
    position, grid = page.get_by_text(" ·").first, page.get_by_test_id("stDataFrame")

    def go_there() -> None:
        page.goto(address)
        position.wait_for()

    def show(view: str) -> None:
        page.get_by_text(WORDS[f"review.view_{view}"], exact=True).click()
        (grid if view == "list" else position).wait_for()

    first, again = timed(go_there), timed(go_there)
    show("list")  # the browser reads the program of the table once
    show("one")
    listed = timed(lambda: show("list"))
    show("one")
    page.get_by_role("heading", level=1).click()  # keys are for the page
    keys = {}
    for name, key in (("next", "j"), ("accept", "a")):
        seconds = []
        for _ in range(KEYS):
            before = position.inner_text()
            page.wait_for_timeout(150)  # a person reads
            began = time.monotonic()
            page.keyboard.press(key)
            page.wait_for_function("([was]) => !document.body.innerText.includes(was)", arg=[before], polling="raf")
            seconds.append(time.monotonic() - began)
        keys[name] = {"median": round(median(seconds), 3), "slowest": round(max(seconds), 3)}
    return {"page, first": first, "page": again, "list": listed, "keys": keys}


def timed(act: Callable[[], None]) -> float:
    """Return the seconds that a call takes."""
    began = time.monotonic()
    act()
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    main()
