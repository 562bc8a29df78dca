"""The products of a JSON file are found in whatever list or object holds them, and nothing else is taken for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput

COLUMNS = Columns("title", ("description",), "id")
PEGS = [{"id": f"p{one}", "title": f"Peg {one}", "description": f"Peg {one} holds a coat."} for one in range(12)]
NAMED = {one["id"]: {"title": one["title"], "description": one["description"]} for one in PEGS}
GROUPS = [{"id": one, "title": f"Group {one}", "description": f"All of group {one}. " * 8} for one in range(9000)]
IDS = [one["id"] for one in PEGS]


def read(path: Path, text: str) -> list[Row | Unusable]:
    path.write_text(text, encoding="utf-8")
    with reading(path) as reader:
        return [row for _, row in reader.rows(COLUMNS)]


def ids(rows: list[Row | Unusable]) -> list[Any]:
    return [row.uid for row in rows if isinstance(row, Row)]


def faults(rows: list[Row | Unusable]) -> list[tuple[str, str]]:
    return [(row.reason, row.detail) for row in rows if isinstance(row, Unusable)]


WITHOUT_OTHERS = {
    "under two keys": {"data": {"products": PEGS}},
    "under three keys": {"response": {"data": {"items": PEGS}}},
    "behind an object": {"total": 12, "sort": {"by": "x"}, "products": PEGS, "meta": {"name": "Spring"}},
    "edges and nodes": {"data": {"products": {"edges": [{"node": one, "cursor": "x"} for one in PEGS]}}},
    "hits": {"took": 3, "hits": {"total": {"value": 12}, "hits": [{"_id": o["id"], "_source": o} for o in PEGS]}},
    "hits with the id outside": {"hits": [{"_id": key, "_source": one} for key, one in NAMED.items()]},
    "by id": NAMED,
    "by id under a key": {"products": NAMED},
    "pages": [{"page": 1, "products": PEGS[:5]}, {"page": 2, "products": PEGS[5:]}],
    "with a title of the shop": {"title": "Shop", "description": "Sells pegs.", "products": PEGS},
    "behind an empty list": {"errors": [], "products": PEGS},
    "each under a key": [{"product": one} for one in PEGS],
    "lists in a list": [PEGS[:5], PEGS[5:]],
    "at several depths": [*PEGS[:5], [*PEGS[5:7], [PEGS[7:]]]],
}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("form", WITHOUT_OTHERS)
def test_products_are_read_from_where_they_stand(tmp_path: Path, form: str, indent: int | None) -> None:
    found = read(tmp_path / "a.json", json.dumps(WITHOUT_OTHERS[form], indent=indent))
    assert ids(found) == IDS
    assert faults(found) == []


@pytest.mark.parametrize("indent", [None, 1])
def test_pages_one_after_another_are_read(tmp_path: Path, indent: int | None) -> None:
    pages = [{"page": 1, "products": PEGS[:5]}, {"page": 2, "products": PEGS[5:]}, {"error": "end"}]
    found = read(tmp_path / "a.json", "\n".join(json.dumps(one, indent=indent) for one in pages))
    assert ids(found) == IDS
    assert faults(found) == [("not_an_object", "an object without 'products', where products stand")]


@pytest.mark.parametrize("key", ["_source", "product"])
def test_lines_that_wrap_their_product_are_read(tmp_path: Path, key: str) -> None:
    assert ids(read(tmp_path / "a.jsonl", "\n".join(json.dumps({"_id": 1, key: one}) for one in PEGS))) == IDS


def test_an_object_may_follow_a_list_and_a_list_may_follow_lines(tmp_path: Path) -> None:
    lines = "\n".join(map(json.dumps, PEGS[6:]))
    assert ids(read(tmp_path / "a.json", json.dumps(PEGS[:6], indent=1) + "\n" + lines)) == IDS
    lines = "\n".join(map(json.dumps, PEGS[:6]))
    assert ids(read(tmp_path / "b.jsonl", lines + "\n" + json.dumps(PEGS[6:], indent=1))) == IDS


@pytest.mark.parametrize("others", [GROUPS[:3], GROUPS])
@pytest.mark.parametrize("first", [True, False])
def test_the_list_with_a_key_of_products_is_read_however_large_the_others_are(
    tmp_path: Path, others: list[Any], first: bool
) -> None:
    lists = {"categories": others, "products": PEGS} if first else {"products": PEGS, "categories": others}
    found = read(tmp_path / "a.json", json.dumps(lists))
    assert ids(found) == IDS
    assert faults(found) == [("not_an_object", "an object of another list, 'categories'")] * len(others)


def test_the_only_list_with_descriptions_is_read_behind_a_large_one(tmp_path: Path) -> None:
    people = [{"id": one, "name": f"Ada {one}", "bio": "Writes. " * 20} for one in range(8000)]
    found = read(tmp_path / "a.json", json.dumps({"people": people, "pegs": PEGS}))
    assert ids(found) == IDS
    assert len(found) == 8012


@pytest.mark.parametrize("others", [GROUPS[:3], GROUPS])
def test_two_lists_that_are_alike_are_refused(tmp_path: Path, others: list[Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"pegs": PEGS, "hooks": others}), encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"holds lists \(pegs, hooks\).*jq"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


@pytest.mark.parametrize(
    ("held", "cure"),
    [
        ([list(one.values()) for one in PEGS], "@csv"),
        ({"columns": ["id"], "index": [0], "data": [["p0"]]}, "orient='split'"),
    ],
)
def test_a_table_of_lists_is_refused_with_the_line_that_makes_rows(tmp_path: Path, held: Any, cure: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(UnreadableInput, match=cure):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


@pytest.mark.parametrize("before", ["// written in May\n", "/* pegs */ ", "var pegs = ", "export default "])
def test_a_comment_or_a_name_before_the_list_is_no_product(tmp_path: Path, before: str) -> None:
    found = read(tmp_path / "a.json", before + json.dumps(PEGS, indent=1) + ";")
    assert ids(found) == IDS
    assert faults(found) == []


def test_line_breaks_within_texts_are_read(tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", json.dumps(PEGS).replace("holds", "\nholds\t"))
    assert ids(found) == IDS
    assert isinstance(found[0], Row)
    assert found[0].description == ("Peg 0 \nholds\t a coat.",)


def test_nested_objects_of_lines_are_no_products(tmp_path: Path) -> None:
    lines = [{"headline": "Peg", "tools": [{"name": "Saw", "description": "Cuts."}]}] * 3
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with reading(path) as reader:
        assert reader.columns() == ["headline", "tools"]
