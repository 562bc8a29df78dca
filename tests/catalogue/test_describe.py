"""The numbers shown by `inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.describe import commonest_attributes, describe
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged
from tests.catalogue.exports import COUNT, nested
from tests.catalogue.samples import rows, write_json


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    entries = rows(101)
    for number, entry in enumerate(entries):
        entry["title"] = "é" * (number + 1)
    odd = [{**row, "content": ""} for row in rows(5)] + [{**rows(1)[0], "title": 3}]
    prepare(write_json(tmp_path / "a.json", entries + odd), tmp_path / "c", PrepareSettings())
    return Catalogue.open(tmp_path / "c")


def test_describes_counts_lengths_and_rejects(catalogue: Catalogue) -> None:
    found = describe(catalogue)
    assert {key: found[key] for key in catalogue.summary} == {**catalogue.summary, "attributes": []}
    assert found["characters"]["title"] == {"5": 6, "25": 26, "50": 51, "75": 76, "95": 96, "max": 101}
    assert list(found["characters"]["description"]) == ["5", "25", "50", "75", "95", "max"]
    assert found["rejected"] == {"missing_description": 5, "title_not_text": 1}
    assert [reject["line"] for reject in found["examples"]["missing_description"]] == [102, 103, 104]
    [odd] = found["examples"]["title_not_text"]
    assert odd == {"file": "a.json", "line": 107, "reason": "title_not_text", "detail": "int: 3"}
    json.dumps(found)


def test_a_missing_or_broken_rejects_file_is_damage(catalogue: Catalogue) -> None:
    (catalogue.folder / "rejects.jsonl").write_text("nonsense\n")
    with pytest.raises(Damaged, match="make it again"):
        describe(catalogue)
    (catalogue.folder / "rejects.jsonl").unlink()
    with pytest.raises(Damaged, match="make it again"):
        describe(catalogue)


def test_counts_attributes_with_their_commonest_values(tmp_path: Path) -> None:
    prepare(nested(tmp_path / "a.jsonl"), tmp_path / "c", PrepareSettings())
    found = describe(Catalogue.open(tmp_path / "c"))["attributes"]
    assert [one["name"] for one in found] == ["material", "Finish", "Care", "height", "foldable", "Wood"]
    assert found[0] == {"name": "material", "products": COUNT, "values": ["Oak, steel", "Ash, steel", "Elm, steel"]}
    assert found[1] == {"name": "Finish", "products": COUNT, "values": ["oiled"]}
    first = commonest_attributes(Catalogue.open(tmp_path / "c"), first=1)
    assert (first[0]["products"], len(first[0]["values"])) == (COUNT, 1)
    json.dumps(found)


def test_counts_attributes_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.catalogue.describe.MOST_VALUES", 4)
    monkeypatch.setattr("shelftalk.catalogue.prepare.COUNTED_NAMES", 60)
    monkeypatch.setattr("shelftalk.catalogue.draft.ROWS_IN_BLOCK", 40)
    entries = [
        {**row, "specs": {"wood": "oak" if number % 2 else f"no. {number}", f"name {number}": "x"}}
        for number, row in enumerate(rows(200))
    ]
    prepare(write_json(tmp_path / "a.json", entries), tmp_path / "c", PrepareSettings())
    found = describe(Catalogue.open(tmp_path / "c"))["attributes"]
    assert len(found) == 30
    assert (found[0]["name"], found[0]["products"], found[0]["values"][0]) == ("wood", 200, "oak")
