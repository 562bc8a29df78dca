"""What is no product in a table is none: parts of rows, remarks, names, blank rows; and its reject says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Unusable
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput
from tests.catalogue.test_dialect import COLUMNS, read, table, write


def rejects(path: Path, columns: Columns = COLUMNS) -> list[tuple[int, str, str]]:
    with reading(path) as reader:
        return [(line, row.reason, row.detail) for line, row in reader.rows(columns) if isinstance(row, Unusable)]


def test_a_line_break_without_quotes_costs_its_own_row(tmp_path: Path) -> None:
    lines = ["id;title;description", *(f"TT-{one};Peg {one};<p>Holds {one}.</p>" for one in range(20))]
    lines[4:4] = ["<p>Care: wash cold; dry flat; store dry.</p>".replace("; store", ", store")]
    lines[8:8] = ["<li>a</li>"]
    path = write(tmp_path / "a.csv", *lines)
    again = "the text above seems to go on here: quote it"
    assert rejects(path) == [
        (4, "invalid_csv", "the text seems to go on in line 5; quote it"),
        (5, "invalid_csv", f"no id like those of other rows; {again}"),
        (8, "invalid_csv", "the text seems to go on in line 9; quote it"),
        (9, "invalid_csv", f"no id like those of other rows; {again}"),
    ]
    assert len(read(path)) == 22


def test_a_word_on_a_line_of_its_own_is_no_row(tmp_path: Path) -> None:
    lines = ["id;title;description", *(f"TT-{one};Peg {one};Holds {one}." for one in range(20))]
    lines[4:4] = ["Oiled"]
    detail = "1 field where the header has 3; the text above seems to go on here: quote it"
    assert rejects(write(tmp_path / "a.csv", *lines)) == [(5, "invalid_csv", detail)]


def test_a_file_of_torn_rows_is_refused(tmp_path: Path) -> None:
    rows = [f"TT-{one};Peg {one};<p>Holds {one}.</p>\n<li>a</li>\n<li>b</li>" for one in range(20)]
    path = write(tmp_path / "a.csv", "id;title;description", *rows)
    with pytest.raises(UnreadableInput, match="line breaks in texts that are not quoted"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


@pytest.mark.parametrize("uid", ["Peg large oak", "A 1", "12 - 3 B", "peg"])
def test_ids_of_words_are_ids(tmp_path: Path, uid: str) -> None:
    rows = [f"{uid if one % 2 else 'peg'} {one},Peg {one},Holds {one}." for one in range(12)]
    assert rejects(write(tmp_path / "a.csv", "id,title,description", *rows)) == []


def test_a_short_row_is_a_row_without_its_last_fields(tmp_path: Path) -> None:
    rows = [f"{one},Peg {one},Holds {one}.,oak" for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,description,brand", *rows, "12,Peg,Holds hats.", "13,Rope")
    assert read(path)[-2][1] == ("12", "Peg", "Holds hats.")
    assert rejects(path) == []


def test_blank_rows_of_a_spreadsheet_are_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *table(";"), ";;", "; ;\t", "12;Rope;Holds boats.")
    assert [line for line, _ in read(path)][-2:] == [13, 16]


def test_the_line_below_the_names_of_a_markdown_table_is_no_row(tmp_path: Path) -> None:
    rows = [f"| A{one} | Peg {one} | Holds {one}. |" for one in range(12)]
    path = write(tmp_path / "a.txt", "| id | title | description |", "|----|:---|---:|", *rows)
    assert [line for line, _ in read(path)] == list(range(3, 15))


@pytest.mark.parametrize("mark", ["", "\ufeff", '\ufeff"id"'])
def test_the_names_again_are_no_row(tmp_path: Path, mark: str) -> None:
    again = table(",")[0]
    again = mark + again.removeprefix("id") if mark.endswith('"') else mark + again
    path = write(tmp_path / "a.csv", *table(","), again, *table(",")[1:])
    assert rejects(path) == [(14, "invalid_csv", "the names of the columns again")]


def test_a_remark_in_each_column_below_the_names_is_no_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,title,description", "Required,Required,required", *table(",")[1:])
    assert [line for line, *_ in rejects(path)] == [2]


def test_amazons_templates_say_the_first_row_of_products(tmp_path: Path) -> None:
    lines = [
        "settings=feedType=113&labelRow=2&dataRow=4,,",
        "id,title,description",
        "ABC123,Lamp,An example",
        *table(",")[1:],
    ]
    assert [line for line, _ in read(write(tmp_path / "a.csv", *lines))] == list(range(4, 16))


def test_what_is_wrong_with_quotes_is_said_in_words(tmp_path: Path) -> None:
    rows = [f'{one},"Peg, {one}",Holds {one}.' for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,description", *rows, '12,"Pan "12 inch", steel",Fries.', *rows)
    assert rejects(path) == [(14, "invalid_csv", "a quote within a quoted field; double it")]


def test_a_long_table_of_sizes_in_a_text_is_part_of_it(tmp_path: Path) -> None:
    sizes = "\n".join(f"{letter},{one}" for one, letter in enumerate("abcdefghijklmn"))
    rows = [f'Peg {one},"Sizes of the set {one}:\nSize,cm\n{sizes}"' for one in range(12)]
    found = read(write(tmp_path / "a.csv", "title,description", *rows), columns=Columns("title", ("description",)))
    assert [line for line, _ in found] == [2 + 16 * one for one in range(12)]
