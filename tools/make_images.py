"""Take the studio's screenshots for README and guide: every page, light and dark, in both languages.

    make images          uses the workspace of `make demo`

Needs Chromium and Playwright (`make test` installs both). Writes small PNGs of 256 colours to docs/images/.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.pipeline import BUNDLED
from shelftalk.studio.launch import find_port
from shelftalk.studio.navigation import ICONS
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace

FOLDER = Path(__file__).parents[1] / "docs" / "images"
LANGUAGES = {"en": "en-US", "pt-BR": "pt-BR"}
FIRST = next(iter(ICONS))  # its address has no page name
WIDTH, HEIGHT = 1280, 900
ATTRIBUTE = "good to know"  # of every product of the bundled catalogue that has attributes
DRAWS = 8
TEXTS = 16  # for the page Review
# Streamlit marks in the page whether it is idle; it must be idle for 250 ms, since a click needs time to reach it.
SETTLED = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    const idle = app && app.dataset.testScriptState === 'notRunning'
        && app.dataset.testConnectionState === 'CONNECTED'
        && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
    window.idleSince = idle ? window.idleSince ?? performance.now() : undefined;
    return idle && performance.now() - window.idleSince > 250;
}"""
ARGUMENTS = ["--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update"]


def main() -> None:
    """Start the studio and take a screenshot of every page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"), help="a workspace with a finished run")
    parser.add_argument("--pages", nargs="*", choices=ICONS, default=list(ICONS), help="only these")
    options = parser.parse_args()
    workspace = options.workspace
    if "review" in options.pages:
        write_texts(workspace)
    sampled = next((path.parent.name for path in sorted(workspace.glob("runs/*/samples.jsonl"))), None)
    port = find_port(None)
    command = [sys.executable, "-m", "shelftalk", "studio", "--no-browser", "--port", str(port)]
    studio = subprocess.Popen([*command, "--workspace", str(workspace)])
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
            for language, locale in LANGUAGES.items():
                for scheme in ("light", "dark"):
                    context = browser.new_context(
                        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, locale=locale
                    )
                    take_all(context.new_page(), address, options.pages, language, scheme, sampled)
                    context.close()
            browser.close()
    finally:
        studio.terminate()
        studio.wait()


def write_texts(workspace: Path) -> None:
    """Write texts for some held-out products of the demo's catalogue with its run, for the page Review."""
    products = Catalogue.open(Workspace(workspace).existing_catalogue(BUNDLED)).products("test")
    shown = [one for one in products if one.attributes][:TEXTS]
    source = workspace / "texts" / "images" / "products_export.csv"
    source.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for one in shown for name, _ in one.attributes))
    with source.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["Handle", "Title", "Body (HTML)", *names])
        rows.writeheader()
        for one in shown:
            rows.writerow({"Handle": one.uid, "Title": one.title, **dict(one.attributes)})
    paths = [f"--input={source}", f"--output={source.with_name('texts.csv')}", f"--workspace={workspace}"]
    subprocess.run([sys.executable, "-m", "shelftalk", "generate", BUNDLED, *paths, "--replace"], check=True)


def take_all(page: Page, address: str, pages: Sequence[str], language: str, scheme: str, sampled: str | None) -> None:
    """Take a screenshot of pages of the studio, and of the view that follows the run `sampled`."""
    for name in pages:
        page.goto(address if name == FIRST else f"{address}/{name.replace('_', '-')}")
        page.get_by_role("heading", level=1).wait_for()
        settle(page)
        if name == "compare":
            ask(page, texts(language))
        take_page(page, f"{name}-{scheme}-{language}")
        if name == "compare":
            take_from(page, texts(language)["evidence.title"], f"evidence-{scheme}-{language}")
        if name == "runs" and sampled:
            watch(page, texts(language), sampled)
            take_page(page, f"training-{scheme}-{language}")


def take_page(page: Page, name: str) -> None:
    """Take a screenshot of a whole page, at most two screens."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    bottom = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(max(HEIGHT, bottom), 2 * HEIGHT)})
    settle(page)
    write_small(page.screenshot(), FOLDER / f"{name}.png")


def take_from(page: Page, heading: str, name: str) -> None:
    """Take a screenshot of one screen of a page, from a heading on."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.get_by_role("heading", name=heading).evaluate("heading => heading.scrollIntoView({ block: 'start' })")
    settle(page)
    write_small(page.screenshot(), FOLDER / f"{name}.png")


def watch(page: Page, words: dict[str, str], run: str) -> None:
    """Go from the runs page to the view that follows a run."""
    chooser = page.get_by_role("combobox", name=words["runs.choose"], exact=False).last
    chooser.click()
    chooser.fill(run)
    page.get_by_role("option", name=run, exact=True).click()
    settle(page)
    page.get_by_role("button", name=words["runs.watch"]).click()
    page.get_by_role("heading", name=words["watch.title"]).wait_for()
    settle(page)


def ask(page: Page, words: dict[str, str], draws: int = DRAWS) -> None:
    """Ask about held-out products, at most `draws`, until one has attributes, and wait for both answers."""
    for _ in range(draws):
        button = page.get_by_role("button", name=words["compare.random"])
        button.click(timeout=180_000)  # the first time, models are converted
        page.get_by_role("heading", name=words["compare.references"]).wait_for(timeout=180_000)
        settle(page)
        if page.locator("dt").get_by_text(ATTRIBUTE, exact=True).count():  # the table to fill in has all names
            return


def settle(page: Page) -> None:
    """Wait until the page is rendered and has no background measurements left."""
    page.wait_for_function(SETTLED, timeout=60_000)
    page.locator(
        "[data-testid=stAlert]", has=page.locator("[data-testid=stIconMaterial]", has_text="hourglass_top")
    ).wait_for(state="detached", timeout=300_000)
    page.wait_for_timeout(700)


def write_small(picture: bytes, path: Path) -> None:
    """Write an image at three quarters of its size, in 256 colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    small = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)
    FOLDER.mkdir(exist_ok=True)
    small.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def wait_for(address: str) -> None:
    """Wait until the studio answers; raise OSError after two minutes."""
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()  # noqa: S310 (our own address)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def chromium() -> str:
    """Return the path of Chromium; exit if there is none."""
    return find_chromium() or sys.exit("There is no Chromium here; make test installs it on Debian.")


def find_chromium() -> str | None:
    """Return the path of Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def arguments() -> list[str]:
    """Return Chromium's arguments; as root it runs without its sandbox."""
    root: Any = getattr(os, "geteuid", lambda: 1)() == 0
    return [*ARGUMENTS, *(["--no-sandbox"] if root else [])]


if __name__ == "__main__":
    main()
