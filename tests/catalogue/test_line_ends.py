"""Lines end in a line feed, a carriage return or both, also in one file; a row is read whichever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk.catalogue.line_ends import returns_end_lines
from tests.catalogue.test_dialect import read, table


def test_rows_that_end_in_returns_may_hold_line_feeds(tmp_path: Path) -> None:
    rows = [f'{one};Peg {one};"Holds coats,\nand hats {one}."' for one in range(12)]
    path = tmp_path / "a.csv"
    path.write_bytes("\r".join(["id;title;description", *rows]).encode())
    assert read(path) == [
        (2 + 2 * one, (str(one), f"Peg {one}", f"Holds coats,\nand hats {one}.")) for one in range(12)
    ]


def test_line_feeds_in_cells_without_quotes_are_text_where_returns_end_rows(tmp_path: Path) -> None:
    """Excel for Mac quotes a cell for a delimiter in it, and not for a line feed."""
    texts = [f"Holds coats{' ' if one % 3 else chr(10)}and hats {one}." for one in range(24_000)]
    rows = [f"{one};Peg {one};{text};oak" for one, text in enumerate(texts)]
    path = tmp_path / "a.csv"
    path.write_bytes("\r".join(["id;title;description;wood", *rows]).encode())
    expected = [(2 + one, (str(one), f"Peg {one}", text.replace("\n", " "))) for one, text in enumerate(texts)]
    assert read(path) == expected


@pytest.mark.parametrize(("first", "second"), [("\n", "\r"), ("\r", "\n"), ("\r\n", "\r"), ("\r", "\r\n")])
def test_files_that_were_joined_end_lines_in_two_ways(tmp_path: Path, first: str, second: str) -> None:
    lines = table(",", 24)
    path = tmp_path / "a.csv"
    text = "".join(line + first for line in lines[:13]) + "".join(line + second for line in lines[13:])
    path.write_bytes(text.encode())
    found = read(path)
    assert [line for line, _ in found] == list(range(2, 26))
    assert found[-1][1] == ("23", "Peg 23, large", "Holds 23 coats; and hats | gloves, 23")


def test_one_line_feed_at_the_end_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("\r".join(table(";")) + "\r\n").encode())
    assert [line for line, _ in read(path)] == list(range(2, 14))


def test_a_return_and_line_feed_that_two_blocks_share_end_one_line(tmp_path: Path) -> None:
    rows = [f"{one},Peg {one},Holds {one}." for one in range(60_000)]
    path = tmp_path / "a.csv"
    half = "\r".join(["id,title,description", *rows[:30_000]])
    path.write_bytes((half + "\r" + "".join(row + "\r\n" for row in rows[30_000:])).encode())
    found = read(path)
    assert [line for line, _ in found] == list(range(2, 60_002))
    assert found[-1][1] == ("59999", "Peg 59999", "Holds 59999.")


@pytest.mark.parametrize(
    "row",
    [
        '{0},Peg {0},"Oak,\rash, elm\rand yew, beech"',
        "{0},Peg {0},Oak\rand ash",
        "{0},Peg\r{0},Oak and ash",
        "{0},Peg {0},Oak and ash\r",
    ],
)
def test_returns_in_cells_are_text(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.csv"
    rows = [row.format(one) for one in range(12)]
    path.write_bytes("".join(line + "\r\n" for line in ("id,title,description", *rows)).encode())
    assert not returns_end_lines(path.read_bytes())
    assert [line for line, _ in read(path)] == list(range(2, 14))
