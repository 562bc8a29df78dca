"""The unparsed beginning of a file of any kind, valid or not."""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelftalk.catalogue.preview import LONGEST, preview
from shelftalk.errors import NotFound, UnreadableInput
from tests.catalogue.samples import json_lines, rows, write_delimited, write_gzip, write_json, write_parquet, write_zip

LINES = json_lines(rows(5)).decode().splitlines()


@pytest.mark.parametrize("name", ["a.json", "a.jsonl.gz", "trn.zip"])
def test_json_lines_stand_as_they_are(tmp_path: Path, name: str) -> None:
    content = b"\n" + json_lines(rows(5))
    path = tmp_path / name
    if name.endswith("gz"):
        write_gzip(path, content)
    elif name.endswith("zip"):
        write_zip(path, {"LF-Amazon-1.3M/trn.json.gz": gzip.compress(content)})
    else:
        path.write_bytes(content)
    found = preview(path)
    assert found.records == [(number + 2, LINES[number]) for number in range(3)]
    assert (found.kind, found.title, found.description, found.uid) == ("json", "title", ("content",), "uid")
    assert found.columns == ["uid", "title", "content", "target_ind", "target_rel"]
    assert len(preview(path, 9).records) == 5


@pytest.mark.parametrize(("name", "delimiter", "kind"), [("a.csv", ";", "csv"), ("a.tsv", "\t", "tsv")])
def test_a_header_comes_first_and_records_keep_their_lines(
    tmp_path: Path, name: str, delimiter: str, kind: str
) -> None:
    path = write_delimited(tmp_path / name, [{**row, "content": "two\nlines"} for row in rows(4)], delimiter)
    found = preview(path, 2)
    lines = path.read_text().splitlines(keepends=True)
    assert found.records == [
        (1, delimiter.join(["uid", "title", "content"])),
        (2, "".join(lines[1:3]).strip()),
        (4, "".join(lines[3:5]).strip()),
    ]
    assert (found.kind, found.columns) == (kind, ["uid", "title", "content"])


def test_an_unclosed_quote_loses_only_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'title,text\nA,"open\nB,b\nC,c\n')
    assert preview(tmp_path / "a.csv").records == [(1, "title,text"), (2, 'A,"open'), (3, "B,b"), (4, "C,c")]


def test_parquet_rows_become_json_of_the_first_columns(tmp_path: Path) -> None:
    entries = [{**row, **{f"column_{number}": number for number in range(30)}} for row in rows(5)]
    found = preview(write_parquet(tmp_path / "a.parquet", entries), 2)
    assert found.kind == "parquet"
    assert len(found.columns) == 35
    assert [number for number, _ in found.records] == [1, 2]
    shown = json.loads(found.records[1][1])
    assert list(shown) == found.columns[:20]
    assert shown == {name: entries[1][name] for name in shown}
    assert "\n  " in found.records[0][1]


def test_values_that_json_or_python_has_not_are_shown_all_the_same(tmp_path: Path) -> None:
    table = {
        "name": _broken_text(b"caf\xe9"),
        "day": pa.array([datetime.date(2024, 2, 29)]),
        "long_ago": pa.array([-(10**15)], pa.timestamp("s")),
        "bytes": pa.array([b"\xff"]),
    }
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    found = preview(tmp_path / "a.parquet")
    assert json.loads(found.records[0][1]) == {
        "name": "caf\ufffd",
        "day": "2024-02-29",
        "long_ago": "(timestamp[ms])",
        "bytes": "b'\\xff'",
    }
    assert (found.title, found.description) == ("name", ())


def _broken_text(raw: bytes) -> pa.Array:
    """Make a text column of bytes that are not UTF-8."""
    return pa.Array.from_buffers(pa.string(), 1, pa.array([raw]).buffers())


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_bytes_that_are_no_text_are_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"title,text\ncaf\xe9,b\n" + "É,b\n".encode() * 20)
    assert preview(tmp_path / name).records[1] == (2, "caf\ufffd,b")


def test_a_long_record_is_cut_and_a_long_file_read_in_part(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [{"title": "x" * 5000}])
    (_, text), *_ = preview(tmp_path / "a.json").records
    assert len(text) == LONGEST + 1
    assert text.endswith("x…")

    line = gzip.compress(b'{"title": "' + b"0" * (64 << 20), compresslevel=1)
    (tmp_path / "zeros.json.gz").write_bytes(line[: len(line) // 2])  # truncated: reading to its end would raise
    found = preview(tmp_path / "zeros.json.gz")
    assert found.records == [(1, '{"title": "' + "0" * (LONGEST - 11) + "…")]
    assert found.columns == []


def test_a_name_that_no_form_can_send_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"title": "a", "\\ud800": 1}\n')
    assert preview(tmp_path / "a.json").columns == ["title"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b'"open,title\n'),
        ("a.json.gz", gzip.compress(json_lines(rows(500)))[:-40]),
        ("a.parquet", b"PAR1 and no more"),
        ("a.zip", b"PK\x03\x04 and no more"),
        ("a.bin", bytes(range(256)) * 10),
        (".", None),
        ("missing.csv", None),
    ],
)
def test_an_unreadable_file_is_reported_in_one_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((UnreadableInput, NotFound)) as caught:
        preview(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_blank_lines_alone_have_no_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\n\n\n")
    found = preview(tmp_path / "a.csv")
    assert (found.columns, found.title, found.records) == ([], None, [])


def test_the_brackets_around_a_list_are_no_records(tmp_path: Path) -> None:
    lines = ["[", *(f'{{"title": "Peg {one}", "content": "Holds {one}."}},' for one in range(3)), "]"]
    (tmp_path / "a.json").write_text("\n".join(lines))
    assert [line for line, _ in preview(tmp_path / "a.json", 5).records] == [2, 3, 4]
