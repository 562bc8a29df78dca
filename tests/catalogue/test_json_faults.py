"""What is wrong with a line of JSON is said in plain words, and what is nearly JSON is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.json_lines import parse_line
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.values import uid_of


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ('{"title": "Peg', "not valid JSON at character 11: it is cut off within a text"),
        ('{"title": "Peg"', "not valid JSON at character 16: it is cut off within the object"),
        ("title,content", "not valid JSON at character 1: no object begins there"),
        ("{'title': oak}", "not valid JSON at character 2: a single quote instead of a double one"),
        ('{title: "Peg"}', "not valid JSON at character 2: a name without quotes"),
        ('{"a": 1} {"a": 2}', "not valid JSON at character 10: a second object without a line of its own"),
        (
            '{"title": "19" rack"}',
            "not valid JSON at character 16: a comma is missing, or a quote in a text has no backslash",
        ),
        ('{"a": oak}', "not valid JSON at character 7"),
        ('{"a":\n oak}', "not valid JSON at character 2 of its line 2"),
        ('{"a": "\0"}', "not valid JSON at character 8: a control character"),
    ],
)
def test_a_fault_is_told_in_plain_words(line: str, detail: str) -> None:
    with pytest.raises(Unusable) as fault:
        parse_line(line.encode())
    assert (fault.value.reason, fault.value.detail) == ("invalid_json", detail)


@pytest.mark.parametrize(
    "line",
    [
        '{"title": "a, ] // b",}',
        '{"title": "a, ] // b", // the name\n}',
        '{/* the name */ "title": "a, ] // b"}',
        '\ufeff{"title": "a, ] // b"},',
    ],
)
def test_a_comma_too_many_a_comment_and_a_mark_are_passed_over(line: str) -> None:
    assert parse_line(line.encode()) == {"title": "a, ] // b"}


def test_tabs_within_texts_are_read() -> None:
    assert parse_line(b'{"title": "a\tb"}') == {"title": "a\tb"}


def test_an_empty_list_among_lines_is_counted_and_a_comment_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "Peg"}\n[]\n// more\n{"title": "Hook"}\n', encoding="utf-8")
    with reading(path) as reader:
        found = [row.title if isinstance(row, Row) else row.reason for _, row in reader.rows(Columns("title", ()))]
    assert found == ["Peg", "not_an_object", "Hook"]


def test_an_empty_list_alone_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("\n[ ]\n", encoding="utf-8")
    with reading(path) as reader:
        assert list(reader.rows(Columns("title", ()))) == []


@pytest.mark.parametrize(
    ("value", "uid"),
    [({"$oid": "65f0"}, "65f0"), (7.0, "7"), (7.5, ""), (float("nan"), ""), (float("inf"), ""), ({"a": "b"}, "")],
)
def test_an_id_may_be_a_whole_number_or_that_of_a_document(value: object, uid: str) -> None:
    assert uid_of(value) == uid
