"""Test the four output formats: the same rows in each, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shelftalk.generation.tables import COLUMNS, DescribedRow, NamedReference, escape_formula, table

ROWS = [
    DescribedRow(
        2, "7", "=1+1", 'Two lines,\r\n"quoted";\ttabbed', "", "", 2, 0, "-lid; =fit", [NamedReference("a", "@b", 0.5)]
    ),
    DescribedRow(5, "", "", "", "invalid_csv", "4 fields", None, None, "", []),
    DescribedRow(6, "8", "Ж 木 🪵 \0", "-", "cut", "not ended", 0, 1, "", [NamedReference("c", "d", -0.25)] * 2),
]


def write(path: Path, rows: list[DescribedRow], references: int = 2) -> Path:
    with table(path, path.suffix, references) as append:
        for row in rows:
            append(row)
    return path


def plain(row: DescribedRow) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in COLUMNS}, "references": [one._asdict() for one in row.references]}


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True))


def test_json_lines_and_parquet_carry_everything_as_it_is(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", ROWS).read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [plain(row) for row in ROWS]
    assert pq.read_table(write(tmp_path / "a.parquet", ROWS)).to_pylist() == [plain(row) for row in ROWS]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_csv_and_tsv_have_columns_for_each_reference(tmp_path: Path, suffix: str) -> None:
    first, bad, last = cells(write(tmp_path / f"a{suffix}", ROWS))
    assert list(first) == [
        *COLUMNS,
        *("reference_1_uid", "reference_1_title", "reference_1_similarity"),
        *("reference_2_uid", "reference_2_title", "reference_2_similarity"),
    ]
    assert first["description"] == ROWS[0].description
    assert (first["title"], first["reference_1_title"], first["reference_2_uid"]) == ("'=1+1", "'@b", "")
    assert list(bad.values()) == ["5", "", "", "", "invalid_csv", "4 fields", *[""] * 9]
    assert (first["unsupported"], first["contradicted"], first["untold"]) == ("2", "0", "'-lid; =fit")
    assert (last["title"], last["description"], last["reference_1_similarity"]) == ("Ж 木 🪵 ", "'-", "-0.25")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_no_rows_are_a_table_too(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [], references=0)
    if suffix == ".parquet":
        assert pq.read_table(path).column_names == [*COLUMNS, "references"]
    elif suffix == ".jsonl":
        assert path.read_bytes() == b""
    else:
        assert path.read_text().strip().replace("\t", ",") == ",".join(COLUMNS)


@pytest.mark.parametrize("text", ["a=b", "1-2", "'=x", "", "•- x", "„+", "a\tb", "Ж@", "2 + 2", "(=1)"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert escape_formula(text) == text


STARTS = st.sampled_from([*"=+-@\t\r\n", *"＝＋－＠⁺₌﹢﹣﹦﹫−"])
SPACES = st.text(
    st.sampled_from([*" \t\r\n\v\f\0\x1f\x7f", "\xa0", "\u3000", "\u200b", "\ufeff", "\u2060"]), max_size=4
)


@given(before=SPACES, start=STARTS, rest=st.text(max_size=20))
def test_a_formula_in_any_form_is_escaped(before: str, start: str, rest: str) -> None:
    assert escape_formula(before + start + rest) == "'" + (before + start + rest).replace("\0", "")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example("=HYPERLINK(...)")
@example("\0=1")
def test_no_cell_begins_with_what_a_spreadsheet_runs(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("cells") / "a.csv"
    row = DescribedRow(1, text, text, text, "", text, 0, None, text, [NamedReference(text, text, 1.0)])
    (found,) = cells(write(path, [row], 1))
    for cell in found.values():
        visible = unicodedata.normalize("NFKC", cell).lstrip()
        assert not visible.startswith(("=", "+", "-", "@"))
        assert not cell.startswith(("\t", "\r", "\n"))
        assert cell.removeprefix("'") in (
            text.replace("\0", ""),
            text.replace("\0", "").removeprefix("'"),
            "",
            "0",
            "1",
            "1.0",
        )
