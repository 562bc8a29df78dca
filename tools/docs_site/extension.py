"""Sphinx extension: marks in the Markdown of docs/ become what they stand for; a mark is a comment, unseen elsewhere.

`<!-- generated: NAME -->` becomes what is made from the code, at each build. `<!-- included: FILE -->` becomes a
Markdown file of the repository, with its links set right; links to that file lead to the page. The contents at the left
are `navigation` in conf.py, `subpages` those below a page, and `unlisted` the folders whose pages another page lists.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from tools.docs_site.commands import commands_page
from tools.docs_site.python import python_page
from tools.docs_site.routes import routes_page
from tools.docs_site.settings import presets_page, settings_page

ROOT = Path(__file__).resolve().parents[2]
GENERATED = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
INCLUDED = re.compile(r"^<!-- included: (\S+) -->$", re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:)([^()\s#]+)")  # to a file
LIGHT_IMAGE = re.compile(r"(!\[[^\]]*\]\([^()\s]+-)light(-[^()\s-]+\.png\))")
PAGES = {
    "commands": commands_page,
    "python": python_page,
    "routes": routes_page,
    "presets": presets_page,
    "settings": settings_page,
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the settings and the hooks."""
    app.add_config_value("navigation", {}, "env")
    app.add_config_value("subpages", {}, "env")
    app.add_config_value("unlisted", [], "env")
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the marks of a page and the links to files outside of docs/ that have a page, and add its contents."""
    folder = (Path(app.srcdir) / page).parent
    pages = _included_pages(Path(app.srcdir))
    text = move_links(source[0], folder, folder, pages)
    text = INCLUDED.sub(lambda mark: _include(ROOT / mark[1], folder, pages), text)
    text = LIGHT_IMAGE.sub(r"\1light\2{.only-light} \1dark\2{.only-dark}", text)
    text = GENERATED.sub(lambda mark: _page(page, mark[1]), text)
    parts = app.config.navigation if page == app.config.root_doc else {}
    parts = {**parts, **({"": app.config.subpages[page]} if page in app.config.subpages else {})}
    head = "---\norphan: true\n---\n\n" if page.startswith(tuple(app.config.unlisted)) else ""
    source[0] = head + text + "".join(_contents(caption, names) for caption, names in parts.items())


def _included_pages(docs: Path) -> dict[Path, Path]:
    """Return the files outside of docs/ that a page includes, each with its page."""
    texts = {page: page.read_text(encoding="utf-8") for page in docs.glob("*.md")}
    return {ROOT / name: page for page, text in texts.items() for name in INCLUDED.findall(text)}


def _include(file: Path, folder: Path, pages: dict[Path, Path]) -> str:
    """Return the text of a file without its heading, for a page in `folder`."""
    _, _, text = file.read_text(encoding="utf-8").partition("\n")
    return move_links(text, file.parent, folder, pages)


def move_links(text: str, old: Path, new: Path, pages: dict[Path, Path]) -> str:
    """Return a text of the folder `old` with its links as they are written in the folder `new`."""

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(old / link[1]))
        return f"]({Path(os.path.relpath(pages.get(target, target), new)).as_posix()}"

    return LINK.sub(moved, text)


def _page(page: str, name: str) -> str:
    if name not in PAGES:
        logging.getLogger(__name__).warning("nothing is generated for %r", name, location=page)
        return ""
    return PAGES[name]()


def _contents(caption: str, names: list[str]) -> str:
    """Return a part of the contents at the left; a name may have a `*`."""
    options = [f":caption: {caption}"] if caption else []
    return "\n".join(["", "```{toctree}", *options, ":hidden:", ":glob:", *names, "```", ""])


def _outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Return the pages with a mark: code and files may have changed since the last build."""
    texts = {page: Path(env.doc2path(page)).read_text(encoding="utf-8") for page in env.found_docs}
    return [page for page, text in texts.items() if GENERATED.search(text) or INCLUDED.search(text)]
