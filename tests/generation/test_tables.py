"""Test the four output formats: the same rows in each, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shelftalk.generation.tables import NUMBER, OWN, DescribedRow, NamedReference, escape_formula, own_names, table
from shelftalk.generation.titles import TitleRow

NAMES = ["sku", "title"]


def title_row(line: int, *values: str, raw: str = "") -> TitleRow:
    return TitleRow(0, line, "", "", "", carried=dict(zip(NAMES, values, strict=True)) if values else None, raw=raw)


ROWS = [
    DescribedRow(
        title_row(2, "7", "=1+1"),
        *('Two lines,\r\n"quoted";\ttabbed', "", "", 4, 2, 0, ["-lid", "=fit"], ["never: cheap"]),
        [NamedReference("a", "@b", 0.5)],
    ),
    DescribedRow(title_row(5, raw="a,b"), flag="invalid_csv", detail="4 fields"),
    DescribedRow(
        title_row(6, "8", "Ж 木 🪵 \0"), "-", "cut", "not ended", 0, 0, 1, (), (), [NamedReference("c", "d", -0.25)] * 2
    ),
]


def write(path: Path, rows: list[DescribedRow], references: int = 2) -> Path:
    with table(path, path.suffix, references, NAMES) as append:
        for row in rows:
            append(row)
    return path


def plain(row: DescribedRow) -> dict[str, Any]:
    own = {name: getattr(row, name) for name in OWN if name not in ("line", "raw")}
    own["references"] = [one._asdict() for one in row.references]
    own["broken_rules"] = "; ".join(row.broken_rules)
    return {**own, "untold": "; ".join(row.untold), "line": row.row.line, "raw": row.row.raw}


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True))


def test_json_lines_and_parquet_carry_everything_as_it_is(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", ROWS).read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [{**(row.row.carried or {}), **plain(row)} for row in ROWS]
    texts = [row.row.carried or dict.fromkeys(NAMES, "") for row in ROWS]
    expected = [{**carried, **plain(row)} for carried, row in zip(texts, ROWS, strict=True)]
    assert pq.read_table(write(tmp_path / "a.parquet", ROWS)).to_pylist() == expected


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_csv_and_tsv_have_columns_for_each_reference(tmp_path: Path, suffix: str) -> None:
    first, bad, last = cells(write(tmp_path / f"a{suffix}", ROWS))
    assert list(first) == [
        *("sku", "title", "description", "words", "unsupported", "contradicted", "untold", "broken_rules"),
        "nearest",
        *("reference_1_uid", "reference_1_title", "reference_1_similarity"),
        *("reference_2_uid", "reference_2_title", "reference_2_similarity"),
        *("flag", "detail", "line", "raw"),
    ]
    assert first["description"] == ROWS[0].description
    assert (first["title"], first["reference_1_title"], first["reference_2_uid"]) == ("'=1+1", "'@b", "")
    assert list(bad.values()) == [*[""] * 15, "invalid_csv", "4 fields", "5", "a,b"]
    assert (first["unsupported"], first["contradicted"], first["untold"]) == ("2", "0", "'-lid; =fit")
    assert (last["title"], last["description"], last["reference_1_similarity"]) == ("Ж 木 🪵 ", "'-", "-0.25")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_no_rows_are_a_table_too(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [], references=0)
    if suffix == ".parquet":
        assert pq.read_table(path).column_names == [*NAMES, *OWN]
    elif suffix == ".jsonl":
        assert path.read_bytes() == b""
    else:
        assert path.read_text().strip().replace("\t", ",") == ",".join(
            name for name in (*NAMES, *OWN) if name != "references"
        )


def test_a_name_of_the_input_is_not_given_again() -> None:
    found = own_names(["Description ", "flag", "new_flag", "line (2)"])
    assert (found["description"], found["flag"], found["line"]) == ("new_description", "new_new_flag", "line")
    assert list(found) == list(OWN)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_an_output_can_be_an_input_without_two_columns_of_one_name(tmp_path: Path, suffix: str) -> None:
    names = ["title", "description", "reference_1_uid", "Reference_1_Title"]
    path = tmp_path / f"again{suffix}"
    with table(path, suffix, 1, names):
        pass
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert header[:4] == names and len(set(map(str.casefold, header))) == len(header)
    assert {"new_description", "new_reference_1_uid", "new_reference_1_title", "reference_1_similarity"} < set(header)


def test_a_value_that_json_lines_cannot_hold_changes_no_other_value(tmp_path: Path) -> None:
    carried = {"sku": 1 << 70, "title": "half \ud83d", "size": 1.5, "colours": ["red", 2], "\udc00": None}
    path = tmp_path / "rows.jsonl"
    with table(path, ".jsonl", 0, list(carried)) as append:
        append(DescribedRow(TitleRow(0, 1, "", "", "", carried=carried)))
    found = json.loads(path.read_bytes())
    assert list(found.items())[:5] == [
        ("sku", str(1 << 70)),
        ("title", "half \ufffd"),
        ("size", 1.5),
        ("colours", ["red", 2]),
        ("\ufffd", None),
    ]


@pytest.mark.parametrize(
    "text", ["-5", "+1,250.00", "-0.25", "a=b", "1-2", "'=x", "", "•- x", "„+", "a\tb", "Ж@", "2 + 2", "(=1)"]
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert escape_formula(text) == text


STARTS = st.sampled_from([*"=+-@\t\r\n", *"＝＋－＠⁺₌﹢﹣﹦﹫−"])
SPACES = st.text(
    st.sampled_from([*" \t\r\n\v\f\0\x1f\x7f", "\xa0", "\u3000", "\u200b", "\ufeff", "\u2060"]), max_size=4
)


@given(before=SPACES, start=STARTS, rest=st.text(max_size=20))
def test_a_formula_in_any_form_is_escaped(before: str, start: str, rest: str) -> None:
    text = (before + start + rest).replace("\0", "")
    assume(not NUMBER.fullmatch(text))  # "+0" is a number
    assert escape_formula(before + start + rest) == f"'{text}"


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example("=HYPERLINK(...)")
@example("\0=1")
def test_no_cell_begins_with_what_a_spreadsheet_runs(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("cells") / "a.csv"
    row = DescribedRow(
        title_row(1, text, text, raw=text), text, "", text, 0, 0, None, [text], [text], [NamedReference(text, text, 1)]
    )
    (found,) = cells(write(path, [row], 1))
    for cell in found.values():
        visible = unicodedata.normalize("NFKC", cell).lstrip()
        assert not visible.startswith(("=", "+", "-", "@")) or NUMBER.fullmatch(cell)
        assert not cell.startswith(("\t", "\r", "\n"))
        assert cell.removeprefix("'") in (
            text.replace("\0", ""),
            text.replace("\0", "").removeprefix("'"),
            "",
            "0",
            "1",
            "1.0",
        )
