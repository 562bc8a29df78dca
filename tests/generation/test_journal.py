"""Test the journal: appended rows survive an incomplete last line, and only the same job can read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.errors import Damaged, InvalidSettings
from shelftalk.generation.journal import Journal

JOB = {"run": "pegs", "temperature": 1.0, "id_field": None}


def write(path: Path, numbers: list[int]) -> Path:
    with Journal.open(path, JOB) as journal:
        for number in numbers:
            journal.append(number, {"text": f"row {number} é\n"})
    return path


def texts(path: Path, count: int) -> dict[int, Any]:
    with Journal.open(path, JOB) as journal:
        found = {number: journal[number]["text"] for number in range(count) if number in journal}
        assert len(journal) == len(found)
    return found


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path / "j", [5, 0, 9])
    write(path, [1])
    assert texts(path, 12) == {number: f"row {number} é\n" for number in (0, 1, 5, 9)}
    with Journal.open(path, JOB) as journal, pytest.raises(KeyError):
        journal[2]


def test_a_row_is_on_disk_when_it_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal.open(path, JOB) as journal:
        journal.append(0, {"text": "x"})
        assert json.loads(path.read_bytes().splitlines()[-1]) == {"row": 0, "text": "x"}


def test_a_last_line_torn_anywhere_is_dropped_and_written_again(tmp_path: Path) -> None:
    path = write(tmp_path / "j", [0, 1])
    whole = path.read_bytes()
    last = whole[: whole.rindex(b"\n", 0, -1) + 1]
    for length in range(len(last), len(whole)):
        path.write_bytes(whole[:length])
        assert texts(path, 3) == {0: "row 0 é\n"}
        assert path.read_bytes() == last
        write(path, [1, 2])
        assert texts(path, 3) == {number: f"row {number} é\n" for number in range(3)}


def test_zeros_that_a_power_cut_leaves_are_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "j", [0])
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert texts(path, 2) == {0: "row 0 é\n"}


@pytest.mark.parametrize("content", [b"", b"my notes\n", b"[1]\n", b'{"row": 1}\n', b"\xff\n"])
def test_a_file_that_is_not_a_journal_is_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(content)
    with pytest.raises(Damaged, match="is not a journal of shelftalk; remove that file"), Journal.open(path, JOB):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("torn", [b"", b'{"row":0,"te'])
def test_another_jobs_journal_without_a_row_is_begun_anew(tmp_path: Path, torn: bytes) -> None:
    path = write(tmp_path / "j", [])
    path.write_bytes(path.read_bytes() + torn)
    with Journal.open(path, {"run": "oak"}) as journal:
        journal.append(3, {"text": "x"})
    with Journal.open(path, {"run": "oak"}) as journal:
        assert journal[3]["text"] == "x"
        assert len(journal) == 1


def test_a_corrupt_middle_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "j", [0, 1])
    path.write_bytes(path.read_bytes().replace(b'{"row":0', b'{"r\0w":0'))
    with pytest.raises(Damaged, match=r"is corrupt at byte \d+; remove that file"), Journal.open(path, JOB):
        pass


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({**JOB, "temperature": 0.0}, r"\(temperature: 1.0, now 0.0\)"),
        ({**JOB, "run": "oak", "id_field": "sku"}, r"\(run: pegs, now oak; id_field: None, now sku\)"),
        ({"run": "pegs"}, r"temperature: 1.0, now None"),
    ],
)
def test_another_jobs_journal_is_refused(tmp_path: Path, job: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "j", [0])
    before = path.read_bytes()
    with pytest.raises(InvalidSettings, match=words), Journal.open(path, job):
        pass
    assert path.read_bytes() == before


@given(numbers=st.lists(st.integers(0, 300), unique=True, max_size=30), cut=st.integers(0, 60))
def test_what_is_whole_survives_any_cut(tmp_path_factory: pytest.TempPathFactory, numbers: list[int], cut: int) -> None:
    path = write(tmp_path_factory.mktemp("journal") / "j", numbers)
    header, *lines = path.read_bytes().splitlines(keepends=True)
    left = b"".join(lines)[: max(0, sum(map(len, lines)) - cut)]
    path.write_bytes(header + left)
    kept = left.count(b"\n")
    assert texts(path, 301) == {number: f"row {number} é\n" for number in sorted(numbers[:kept])}
