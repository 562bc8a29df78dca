"""Take the pictures of the studio that README and guide show: every page, light and dark, in both languages.

    make images          with the workspace that `make demo` leaves

Chromium and Playwright are needed (`make test` brings both). The pictures are small PNG of 256 colours in docs/images/.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from shelftalk.studio.language import texts
from shelftalk.studio.launch import find_port
from shelftalk.studio.navigation import ICONS

FOLDER = Path(__file__).parents[1] / "docs" / "images"
LANGUAGES = {"en": "en-US", "pt-BR": "pt-BR"}
FIRST = next(iter(ICONS))  # has the address without a name
WIDTH, HEIGHT = 1280, 900
QUESTION = "Copper Watering Can, 2 Litre, with Long Spout"
ARGUMENTS = ["--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update"]


def main() -> None:
    """Open the studio, look at every page and write what is seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"), help="one with a finished run")
    workspace = parser.parse_args().workspace
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
                    photograph(context.new_page(), address, language, scheme, sampled)
                    context.close()
            browser.close()
    finally:
        studio.terminate()
        studio.wait()


def photograph(page: Page, address: str, language: str, scheme: str, sampled: str | None) -> None:
    """Write a picture of every page of the studio, and of the run `sampled` as it is watched."""
    for name in ICONS:
        page.goto(address if name == FIRST else f"{address}/{name.replace('_', '-')}")
        page.get_by_role("heading", level=1).wait_for()
        settle(page)
        if name == "compare":
            ask(page, texts(language))
        photograph_whole(page, f"{name}-{scheme}-{language}")
        if name == "compare":
            photograph_from(page, texts(language)["evidence.title"], f"evidence-{scheme}-{language}")
        if name == "runs" and sampled:
            watch(page, texts(language), sampled)
            photograph_whole(page, f"training-{scheme}-{language}")


def photograph_whole(page: Page, name: str) -> None:
    """Write a picture of a page down to its end, or of two screens of it."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    bottom = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(max(HEIGHT, bottom), 2 * HEIGHT)})
    settle(page)
    write_small(page.screenshot(), FOLDER / f"{name}.png")


def photograph_from(page: Page, heading: str, name: str) -> None:
    """Write a picture of one screen of a page, from a heading on."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.get_by_role("heading", name=heading).evaluate("heading => heading.scrollIntoView({ block: 'start' })")
    settle(page)
    write_small(page.screenshot(), FOLDER / f"{name}.png")


def watch(page: Page, words: dict[str, str], run: str) -> None:
    """Go from the runs to where one is watched."""
    chooser = page.get_by_role("combobox", name=words["runs.choose"], exact=False).last
    chooser.click()
    chooser.fill(run)
    page.get_by_role("option", name=run, exact=True).click()
    settle(page)
    page.get_by_role("button", name=words["runs.watch"]).click()
    page.get_by_role("heading", name=words["watch.title"]).wait_for()
    settle(page)


def ask(page: Page, words: dict[str, str]) -> None:
    """Put a question to the models and wait for both answers."""
    page.get_by_label(words["compare.question"]).fill(QUESTION, timeout=180_000)  # the first time, they are made ready
    page.get_by_role("button", name=words["compare.ask"], exact=True).click()
    page.get_by_role("heading", name=words["compare.references"]).wait_for(timeout=180_000)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the page is drawn and nothing of it is measured in the background any more."""
    page.wait_for_timeout(1500)
    page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=60_000)
    page.locator(
        "[data-testid=stAlert]", has=page.locator("[data-testid=stIconMaterial]", has_text="hourglass_top")
    ).wait_for(state="detached", timeout=300_000)
    page.wait_for_timeout(700)


def write_small(picture: bytes, path: Path) -> None:
    """Write a picture at three quarters of its size, in 256 colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    small = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)
    FOLDER.mkdir(exist_ok=True)
    small.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def wait_for(address: str) -> None:
    """Wait until the studio answers."""
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
    """Return the path of Chromium, and exit where there is none."""
    return find_chromium() or sys.exit("There is no Chromium here; make test installs it on Debian.")


def find_chromium() -> str | None:
    """Return the path of Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def arguments() -> list[str]:
    """Return what Chromium is started with; as root it has no sandbox."""
    root: Any = getattr(os, "geteuid", lambda: 1)() == 0
    return [*ARGUMENTS, *(["--no-sandbox"] if root else [])]


if __name__ == "__main__":
    main()
