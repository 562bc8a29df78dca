"""Answers are stored completely, read newest first, and exported as files that are safe to open."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from shelftalk.generation.history import COLUMNS, FILE, history_as_csv, history_as_json, read_history, remember
from shelftalk.generation.tables import escape_formula
from shelftalk.records import Comparison, Description, Reference
from shelftalk.settings import DecodingSettings

SETTINGS = DecodingSettings(max_new_tokens=7)
ODD = ["Oak peg", "=1+1", '\t@SUM("a")', "two\nlines\r\n, é", "half of \ud83d", "\0nul", "-5 °C"]


def answer(query: str) -> Comparison:
    references = [Reference("1", f"{query} 1", "Text.", 0.9), Reference("2", "Ash peg", "Text.", 0.5)]
    return Comparison(query, Description(f"{query} before", True, 3), Description(query, False, 7), references)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for query in ODD:
        remember(tmp_path, answer(query), SETTINGS)
    return tmp_path


def test_answers_are_read_completely_and_newest_first(folder: Path) -> None:
    found = read_history(folder)
    assert [one["query"] for one in found] == ODD[::-1]
    for one in found:
        time = one.pop("time")
        assert datetime.fromisoformat(time).utcoffset() == timedelta(0)
        assert abs(datetime.now(timezone.utc) - datetime.fromisoformat(time)) < timedelta(minutes=5)
        assert "." not in time
        assert one == {**answer(one["query"]).as_mapping(), "settings": SETTINGS.as_mapping()}
    assert [one["query"] for one in read_history(folder, 2)] == ODD[:-3:-1]
    assert read_history(folder, 0) == []


def test_no_history_is_empty(tmp_path: Path) -> None:
    assert read_history(tmp_path) == []
    assert history_as_csv([]).decode().splitlines() == [",".join(COLUMNS)]
    assert json.loads(history_as_json([])) == []


def test_lines_that_cannot_be_read_are_left_out(folder: Path) -> None:
    with (folder / FILE).open("ab") as file:
        file.write(b'{"query": "of another time"}\n[]\n\xff\n{"query": "torn')
    remember(folder, answer("last"), SETTINGS)
    assert [one["query"] for one in read_history(folder)] == ["last", *ODD[::-1]]


def test_a_spreadsheet_gets_texts_and_no_formulas(folder: Path) -> None:
    found = history_as_csv(read_history(folder))
    assert found.endswith(b"\r\n")
    header, *cells = csv.reader(io.StringIO(found.decode(), newline=""))
    assert header == ["time", "query", "attributes", "before", "after", "nearest", "references"]
    for row, query in zip(cells, ODD[::-1], strict=True):
        shown = query.replace("\ud83d", "?")
        texts = (shown, "", f"{shown} before", shown, "", f"{shown} 1 | Ash peg")
        assert row[1:] == [escape_formula(one) for one in texts]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_a_spreadsheet_says_where_nothing_is_near_and_what_a_reference_stands_for(tmp_path: Path) -> None:
    near, far = Reference("1", "Oak peg", "Text.", 0.9, True, 9), Reference("2", "Kite", "Text.", 0.1, False)
    for references in ([near, far], [far], []):
        remember(tmp_path, replace(answer("Peg"), references=references), SETTINGS)
    earlier = read_history(tmp_path)[-1]
    for one in earlier["references"]:
        del one["near"], one["alike"]
    _, *cells = csv.reader(io.StringIO(history_as_csv([*read_history(tmp_path), earlier]).decode(), newline=""))
    assert [row[-2:] for row in cells] == [
        ["", ""],
        ["nothing near", "Kite"],
        ["near", "Oak peg (and 9 like it) | Kite"],
        ["", "Oak peg | Kite"],
    ]


def test_json_keeps_texts_as_they_are(folder: Path) -> None:
    rows = [one for one in read_history(folder) if "\ud83d" not in one["query"]]
    assert json.loads(history_as_json(rows)) == rows
    assert "é" in history_as_json(rows).decode()
    history_as_json(read_history(folder)).decode()  # with half a character too


def test_attributes_are_kept_and_lines_from_before_them_are_read(tmp_path: Path) -> None:
    attributes = {"material": "oak", "=size": "5 cm; 7 cm"}
    remember(tmp_path, replace(answer("Peg"), attributes=attributes), SETTINGS)
    earlier = {**read_history(tmp_path)[0], "query": "Earlier peg"}
    del earlier["attributes"]
    with (tmp_path / FILE).open("a") as file:
        file.write(json.dumps(earlier) + "\n")
    rows = read_history(tmp_path)
    assert [one["query"] for one in rows] == ["Earlier peg", "Peg"]
    assert [one.get("attributes") for one in json.loads(history_as_json(rows))] == [None, attributes]
    _, *cells = csv.reader(io.StringIO(history_as_csv(rows).decode(), newline=""))
    assert [row[2] for row in cells] == ["", "material: oak; =size: 5 cm; 7 cm"]
