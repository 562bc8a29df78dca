"""Links between the Markdown files of the repository, and from code to them, lead to files and headings that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
CODE = [*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), ROOT / "Makefile"]
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCED = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(r"^<!-- (generated|included): ", re.MULTILINE)  # headings of the site only
NAMED = re.compile(r"(?<![\w/])docs/[\w/-]+\.md(?:#[\w-]+)?")


@cache
def anchors(file: Path) -> frozenset[str]:
    """Return the anchors of a file's headings, as GitHub and the site make them."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", FENCED.sub("", file.read_text(encoding="utf-8")), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        found.append(anchor if anchor not in found else f"{anchor}-{found.count(anchor)}")
    return frozenset(found)


def fault(base: Path, link: str) -> str:
    """Return what is wrong with a link from the folder `base`; '' for nothing."""
    target, _, anchor = link.partition("#")
    file = (base / target).resolve()
    if not file.exists():
        return "no such file"
    if anchor and anchor not in anchors(file) and not GENERATED.search(file.read_text(encoding="utf-8")):
        return "no such heading"
    return ""


def test_links_of_documents_lead_somewhere() -> None:
    wrong = []
    for file in DOCUMENTS:
        for link in LINK.findall(FENCED.sub("", file.read_text(encoding="utf-8"))):
            if not re.match(r"\w+:", link):
                base = file.parent / file.name if link.startswith("#") else file.parent
                if problem := fault(base, link):
                    wrong.append(f"{file.relative_to(ROOT)}: {link}: {problem}")
    assert wrong == []


def test_documents_that_code_names_exist() -> None:
    named = {(file, name) for file in CODE for name in NAMED.findall(file.read_text(encoding="utf-8"))}
    assert len(named) > 10
    assert [f"{file.relative_to(ROOT)}: {name}" for file, name in sorted(named) if fault(ROOT, name)] == []


def test_a_wrong_link_is_found() -> None:
    assert fault(ROOT, "docs/none.md") == "no such file"
    assert fault(ROOT, "docs/design.md#no-such-heading") == "no such heading"
    assert fault(ROOT, "docs/design.md#what-is-on-disk") == ""
