"""The documentation site is built without a warning, says what the code says, and needs no other host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer

from shelftalk.cli.app import app
from shelftalk.presets import load_preset, preset_names
from shelftalk.settings import TrainingSettings, describe_settings
from tests.conftest import ROOT
from tests.studio.conftest import NAMES

pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install -e '.[docs]'")
pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -e '.[serve]'")

CONFIGURATION = (ROOT / "docs" / "conf.py").as_posix()


def build(source: Path, built: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does."""
    arguments = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(built.with_name("doctrees"))]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments, str(source), str(built)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site") / "html"
    done = build(ROOT / "docs", built)
    assert (done.returncode, done.stderr) == (0, "")
    return built


PUBLIC = """
import shelftalk.errors, shelftalk.presets, shelftalk.settings
shelftalk.__all__ = ["load_preset", "UserError", "TrainingSettings", "errors"]
shelftalk.load_preset = shelftalk.presets.load_preset
shelftalk.UserError = shelftalk.errors.UserError
shelftalk.TrainingSettings = shelftalk.settings.TrainingSettings
"""
FAULTS = "[a](missing.md) [b](#no-heading) ![c](missing.png) [d](../outside.md)\n\n<!-- generated: nothing -->"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A site with the project's settings: a page with faults, and a page of three public names."""
    folder = tmp_path_factory.mktemp("small")
    source = folder / "source"
    source.mkdir()
    (source / "index.md").write_text(f"# Title\n\n{FAULTS}\n\n```{{toctree}}\npython\nno_page\n```\n")
    (source / "python.md").write_text("# Python\n\n<!-- generated: python -->\n")
    own = f"__file__ = {CONFIGURATION!r}\nexec(open(__file__).read())\nnavigation = subpages = {{}}\n"
    own += "html_static_path = html_css_files = []\nhtml_logo = html_favicon = None\n"
    (source / "conf.py").write_text(own + PUBLIC)
    return folder / "html", build(source, folder / "html")


def tags(site: Path) -> list[tuple[Path, str, dict[str, str]]]:
    """Return the tags of all pages with their attributes."""
    found: list[tuple[Path, str, dict[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.append((page, tag, {name: value or "" for name, value in attributes}))

    for page in site.rglob("*.html"):
        Reader().feed(page.read_text(encoding="utf-8"))
    return found


def test_every_page_of_docs_is_built(site: Path) -> None:
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not (site / page).is_file()} == set()


def test_what_leads_nowhere_is_a_failure(small: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = small
    assert done.returncode != 0
    for wrong in ("missing.md", "no-heading", "missing.png", "outside.md", "no_page", "'nothing'"):
        assert re.search(f"index.md.*WARNING: .*{wrong}", done.stderr), wrong


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = [
        (page.name, value)
        for page, tag, attributes in tags(site)
        for name, value in attributes.items()
        if name in ("src", "srcset", "data", "poster", "action") or (name == "href" and tag == "link")
        if re.match(r"(\w+:)?//", value) and not value.startswith("data:")
    ]
    assert loaded == []
    styles = [file.read_text(encoding="utf-8") for file in site.rglob("*.css")]
    assert [
        found for text in styles for found in re.findall(r"""(?:url\(|@import)\s*["']?((?:\w+:)?//\S+)""", text)
    ] == []


def test_no_link_of_a_page_leads_nowhere(site: Path) -> None:
    """Also those that the theme makes, and those into the text of a page."""
    found = tags(site)
    anchors = {(page, attributes["id"]) for page, _, attributes in found if "id" in attributes}
    missing = []
    for page, tag, attributes in found:
        target, _, anchor = attributes.get("href", "").partition("#")
        if tag != "a" or re.match(r"\w+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.is_file() or (anchor and (file, anchor) not in anchors):
            missing.append((page.name, attributes["href"]))
    assert missing == []


def test_the_reference_has_every_command_option_setting_and_preset(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    parser = typer.main.get_command(app)
    for name, command in parser.commands.items():  # type: ignore[attr-defined]
        assert f'id="shelftalk-{name}"' in commands
        options = [text for one in command.params if not getattr(one, "hidden", False) for text in one.opts]
        assert [option for option in options if option.startswith("--") and option not in commands] == []
    settings = (site / "reference" / "settings.html").read_text(encoding="utf-8")
    assert [name for name, _, _ in describe_settings(TrainingSettings) if f">{name}<" not in settings] == []
    presets = (site / "reference" / "presets.html").read_text(encoding="utf-8")
    assert [name for name in preset_names() if f'id="{name}"' not in presets] == []


def test_the_page_of_commands_has_every_command_and_subcommand() -> None:
    table = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    parser = typer.main.get_command(app)
    for name, command in parser.commands.items():  # type: ignore[attr-defined]
        assert re.search(rf"^\| `{name}\b", table, re.MULTILINE), name
        for child in getattr(command, "commands", {}):
            assert re.search(rf"`{name} {child}\b", table), f"{name} {child}"


def test_the_page_of_training_has_every_preset() -> None:
    table = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for name in preset_names():
        products = load_preset(name)["products"]
        count = products if isinstance(products, str) else f"{products:,}"
        assert f"| `{name}` | {count} |" in table


def test_the_python_reference_follows_the_public_names(small: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    site, done = small
    assert "python.md" not in done.stderr
    page = (site / "python.html").read_text(encoding="utf-8")
    for name in ("load_preset", "UserError", "TrainingSettings", "TrainingSettings.from_mapping", "errors.NotFound"):
        assert f'id="{name}"' in page
    assert "<strong>Raises</strong>" in page
    signature = unescape(re.sub(r"<[^>]+>", "", page.partition(' id="load_preset">')[2].partition("</dt>")[0]))
    assert signature.strip().startswith("load_preset(name_or_file: str) → dict[str, Any]")


def test_a_docstring_becomes_markdown() -> None:
    from tools.docs_site.python import markdown

    text = "Do it.\n\n>>> 1 + 1\n2\n\nRaises:\n    UserError, KeyError: it is\n        wrong.\n    OSError: no.\n"
    assert markdown(text) == (
        "Do it.\n\n```pycon\n>>> 1 + 1\n2\n```\n\n"
        "**Raises**\n\n- `UserError`, `KeyError`: it is wrong.\n- `OSError`: no."
    )


def test_links_of_an_included_file_are_set_right() -> None:
    from tools.docs_site.extension import move_links

    text = "[a](https://example.org/a.md) [b](docs/design.md#words) [c](SECURITY.md) [d](#e) ![f](docs/images/f.png)"
    assert move_links(text, ROOT, ROOT / "docs" / "how_to", {ROOT / "SECURITY.md": ROOT / "docs" / "security.md"}) == (
        "[a](https://example.org/a.md) [b](../design.md#words) [c](../security.md) [d](#e) ![f](../images/f.png)"
    )


@pytest.mark.browser
def test_search_works_from_a_folder_and_no_page_is_wider_than_the_window(site: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip("There is no Chromium here: apt-get install chromium")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{site.as_uri()}/search.html?q=early_stopping")
        page.wait_for_selector("#search-results li a[href*='reference/settings.html']", timeout=30_000)
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            for name in ("index", "commands", "experiments", "testing", "reference/settings", "reference/http"):
                page.goto(f"{site.as_uri()}/{name}.html")
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (name, width)
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
