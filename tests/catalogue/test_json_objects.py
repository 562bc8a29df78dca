"""JSON is read however its objects stand in the file, and each of them is accounted for."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.json_objects import form_of
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput

COLUMNS = Columns("title", ("content",), "uid")
PEGS = [
    {"uid": str(one), "title": f'Peg "{one}" {{[', "content": f"Holds {one}.\n}}", "variants": [{"title": "S"}]}
    for one in range(15)
]


def read(path: Path) -> list[tuple[int, object]]:
    with reading(path) as reader:
        rows = list(reader.rows(COLUMNS))
    return [
        (line, (row.uid, row.title, row.description[0]) if isinstance(row, Row) else row.reason) for line, row in rows
    ]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


PRETTY = json.dumps(PEGS, indent=2)
FORMS = {
    "a list": json.dumps(PEGS),
    "a list with line breaks": "\n" + PRETTY + "\n",
    "a list, one on each line": "[\n" + ",\n".join(map(json.dumps, PEGS)) + "\n]\n",
    "under a key": json.dumps({"products": PEGS}),
    "under a key, with others before and behind": json.dumps({"count": 15, "next": "a[{b", "products": PEGS, "end": 1}),
    "under a key, with line breaks": json.dumps({"products": PEGS}, indent=1),
    "lines": "\n".join(map(json.dumps, PEGS)),
    "lines that end in commas": ",\n".join(map(json.dumps, PEGS)),
    "one after another": "".join(map(json.dumps, PEGS)),
    "one after another, with line breaks": "\n".join(json.dumps(one, indent=2) for one in PEGS),
    "columns of lists": json.dumps({name: [one[name] for one in PEGS] for name in PEGS[0]}),
    "columns of objects, as pandas writes them": json.dumps(
        {name: {str(number): one[name] for number, one in enumerate(PEGS)} for name in PEGS[0]}
    ),
    "as Python prints them": "\n".join(map(repr, PEGS)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_object_is_read(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "a.json", FORMS[form])
    assert [value for _, value in read(path)] == [(one["uid"], one["title"], one["content"]) for one in PEGS]
    assert preview(path).columns == list(PEGS[0])
    assert len(preview(path).records) > 0
    assert prepare(path, tmp_path / "catalogue", PrepareSettings())["kept"] == 15


def test_a_large_list_under_a_key_is_read_as_a_stream(tmp_path: Path) -> None:
    pegs = [{**PEGS[0], "uid": str(one), "content": "Holds. " * 40} for one in range(3000)]
    path = write(tmp_path / "a.json", json.dumps({"products": pegs, "more": [1, {"a": 2}]}, indent=1))
    found = read(path)
    assert found.pop()[1] == "not_an_object"  # of the other list
    assert [value[0] for _, value in found] == [str(one) for one in range(3000)]  # type: ignore[index]
    assert found[1][0] - found[0][0] == 10  # lines


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ('{"title": "Peg", "content": oak}', "invalid_json"),
        ('{"title": "Peg", "content": ["oak"}', "invalid_json"),
        ("17", "not_an_object"),
        ('"Peg"', "not_an_object"),
    ],
)
def test_what_is_no_valid_object_is_left_out_alone(tmp_path: Path, damage: str, reason: str) -> None:
    lines = list(map(json.dumps, PEGS))
    lines[7:7] = [damage]
    found = read(write(tmp_path / "a.json", "[\n" + ",\n".join(lines) + "\n]\n"))
    assert [value for _, value in found if isinstance(value, str)] == [reason]
    assert [value[0] for _, value in found if isinstance(value, tuple)] == [one["uid"] for one in PEGS]


def test_a_file_that_ends_within_an_object_loses_that_one(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.json", json.dumps(PEGS)[:-30]))
    assert [value for _, value in found][-1] == "invalid_json"
    assert len(found) == 15


@pytest.mark.parametrize("opened", ["[", '[{"a":', '{"products": [{"a": ['])
def test_what_is_nested_without_end_is_a_fault(tmp_path: Path, opened: str) -> None:
    path = write(tmp_path / "a.json", opened + "[" * 200_000)
    try:
        found = read(path)
    except UnreadableInput as refusal:
        assert "\n" not in str(refusal)
    else:
        assert len(found) < 3


def test_an_object_without_end_takes_bounded_memory(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.json", '[{"title": "a", "content": [' + "1, " * (6 << 20) + "]}, " + json.dumps(PEGS[0]) + "]"
    )
    assert read(path) == [(1, "line_too_long"), (1, (PEGS[0]["uid"], PEGS[0]["title"], PEGS[0]["content"]))]


@pytest.mark.parametrize("text", ['{"a": 1, "b": {"c": 2}}', '{"a": [1, 2], "b": [1]}', '{"a": {"0": 1}, "b": [1, 2]}'])
def test_an_object_that_is_no_table_is_refused_with_the_cure(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.json", text + "\n")
    with pytest.raises(UnreadableInput) as refusal:
        prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert "\n" not in str(refusal.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.fixed_dictionaries({"title": st.text(max_size=12), "content": VALUES}, optional={"more": VALUES})


@given(st.lists(OBJECTS, min_size=1, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_every_list_that_python_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, Any]], indent: int | None, ascii_only: bool
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(objects, indent=indent, ensure_ascii=ascii_only), encoding="utf-8", errors="replace")
    with reading(path) as reader:
        found = [row for _, row in reader.rows(Columns("title", ("content",)))]
    assert len(found) == len(objects)


def test_one_product_is_a_product_and_no_list_of_variants(tmp_path: Path) -> None:
    for indent in (None, 1):
        assert len(read(write(tmp_path / "a.json", json.dumps(PEGS[0], indent=indent)))) == 1


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_for_a_form(head: bytes) -> None:
    assert form_of(head) in ("lines", "objects", "wrapped", "table")


DAMAGED = ('{"uid": "x", "title": "19" rack", "content": "Holds."}', '{"uid": "x", "title": "Peg", "content": "Holds."')


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("place", [0, 1, 7, 15])
@pytest.mark.parametrize("form", ["lines", "a list of lines", "a list in one line", "a list with line breaks"])
def test_a_damaged_object_costs_itself_alone(tmp_path: Path, damage: str, place: int, form: str) -> None:
    pegs = [{"uid": str(one), "title": f"Peg {one}", "content": f"Holds {one}."} for one in range(15)]
    objects = [json.dumps(one, indent=2 if form.endswith("breaks") else None) for one in pegs]
    objects[place:place] = [damage]
    if form == "lines":
        text = "\n".join(objects)
    else:
        separator = {"a list in one line": ", "}.get(form, ",\n")
        text = f"[{'' if form.endswith('line') else chr(10)}{separator.join(objects)}]"
    found = read(write(tmp_path / "a.json", text))
    kept = [value[0] for _, value in found if isinstance(value, tuple) and value[0] != "x"]
    expected = [one["uid"] for one in pegs]
    if form.endswith("line") and not damage.endswith("}"):
        del expected[place : place + 1]  # which seems to be in the one without an end
    assert kept == expected
    assert len(found) <= 17


def test_an_object_whose_end_is_missing_costs_no_megabytes(tmp_path: Path) -> None:
    pegs = [{"uid": str(one), "title": f"Peg {one}", "content": "Holds. " * 500} for one in range(6000)]
    text = json.dumps(pegs).replace('"uid": "7"', '"uid": "7", "more": {"a": 1')
    found = read(write(tmp_path / "a.json", text))
    kept = [value[0] for _, value in found if isinstance(value, tuple)]
    assert kept[-1] == "5999"
    assert len(kept) >= 5998


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"books": PEGS[:5], "toys": PEGS}),
        json.dumps({"categories": [{"label": "Lamps"}], "toys": [{"label": "Peg"}]}),
    ],
)
def test_several_lists_are_refused_with_the_cure(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableInput, match=r"holds lists .*, toys.*jq"):
        prepare(write(tmp_path / "a.json", text), tmp_path / "catalogue", PrepareSettings())


def test_the_list_with_titles_is_that_of_the_products(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.json", json.dumps({"categories": [{"label": "Lamps"}], "products": PEGS})))
    assert [value for _, value in found] == ["not_an_object", *((o["uid"], o["title"], o["content"]) for o in PEGS)]


def test_each_value_that_is_no_object_is_counted(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.json", f'[{json.dumps(PEGS[0])}, 1, "x", null, {json.dumps(PEGS[1])}, 2]'))
    assert [value for _, value in found if isinstance(value, str)] == ["not_an_object"] * 4


def test_a_first_line_that_is_long_is_one_line(tmp_path: Path) -> None:
    long = {**PEGS[0], "reviews": [{"title": "Good", "text": "x" * 99}] * 12_000}
    found = read(write(tmp_path / "a.json", "\n".join(map(json.dumps, [long, *PEGS[1:]]))))
    assert [value[0] for _, value in found] == [one["uid"] for one in PEGS]  # type: ignore[index]


ENDLESS = ('[{"a": "' + "x" * 3_000_000, '{"a":' + " " * 100_000 + '{"b": 1}}', "[{" + "[" * 500_000)


@pytest.mark.parametrize("text", ENDLESS, ids=["a text", "spaces", "brackets"])
def test_no_text_takes_long(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    path = write(tmp_path / "a.json", text)
    with suppress(UnreadableInput):
        read(path)
    assert time.monotonic() - started < 20
