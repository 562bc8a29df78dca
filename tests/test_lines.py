"""JSON Lines files: a damaged or invalid line is skipped and does not affect other records."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk.errors import NotWritable
from shelftalk.lines import append_record, read_records


def test_records_are_read_in_order(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    assert read_records(file) == []
    records = [{"text": "zwölf\nlines \u2028"}, {"text": "\ud83d"}, {"text": ""}]
    for record in records:
        append_record(file, record)
    assert read_records(file) == records
    assert len(file.read_bytes().splitlines()) == 3


@pytest.mark.parametrize("rest", [b'{"text": "to', b'{"text": "\xc3', b"[1]\n", b"\n", b"\0\0\0", b'{"a": NaN'])
def test_a_damaged_or_invalid_line_is_skipped(tmp_path: Path, rest: bytes) -> None:
    file = tmp_path / "a.jsonl"
    append_record(file, {"number": 1})
    with file.open("ab") as damaged:
        damaged.write(rest)
    append_record(file, {"number": 2})
    append_record(file, {"number": 3})
    assert read_records(file) == [{"number": 1}, {"number": 2}, {"number": 3}]


def test_a_full_disk_is_reported() -> None:
    with pytest.raises(NotWritable, match="disk is full"):
        append_record(Path("/dev/full"), {"number": 1})
