"""The records of decisions have one form, and the index names each of them."""

from __future__ import annotations

import re

from tests.conftest import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
FORM = re.compile(
    r"# [^\n]+[^\n.]\n\n"
    r"\d{4}-\d\d-\d\d · [^·\n]+ · \[all decisions\]\(\.\./decisions\.md\)\n\n"
    r"\*\*Decision\.\*\* .+\n",
    re.DOTALL,
)
ROW = re.compile(r"^\| (\d{4}) \| \[(.+)\]\((decisions/[^)]+)\) \| (\d{4}-\d\d-\d\d) \|$", re.MULTILINE)


def test_every_record_has_a_number_of_its_own_and_the_form() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    assert [record.name for record in RECORDS if not re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", record.name)] == []
    assert [record.name for record in RECORDS if not FORM.fullmatch(record.read_text(encoding="utf-8"))] == []


def test_the_index_has_every_record_under_its_area_with_heading_and_date() -> None:
    index = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    assert re.findall(r"^\*\*", index, re.MULTILINE) == []  # a decision is a file of its own
    listed = {}
    for part in index.split("\n## ")[1:]:
        area = part.partition("\n")[0]
        listed.update({target: (area, number, heading, day) for number, heading, target, day in ROW.findall(part)})
    written = {}
    for record in RECORDS:
        lines = record.read_text(encoding="utf-8").splitlines()
        day, area = lines[2].split(" · ")[:2]
        written[f"decisions/{record.name}"] = (area, record.name[:4], lines[0].removeprefix("# "), day)
    assert listed == written
