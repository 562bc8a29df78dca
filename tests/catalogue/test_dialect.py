"""However a table is written, each of its rows is read, and none is swallowed by another."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.delimited import Delimited
from shelftalk.catalogue.dialect import DELIMITERS, Dialect, names_of
from shelftalk.catalogue.form import Form, unusual_form
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row
from shelftalk.catalogue.settings import FileSettings, PrepareSettings
from shelftalk.errors import InvalidSettings, UnreadableInput

COLUMNS = Columns("title", ("description",), "id")
FOUND = FileSettings()


def form(path: Path, settings: FileSettings = FOUND) -> tuple[str, str, int]:
    """Return delimiter, quotes and header line of a file."""
    with reading(path, settings) as reader:
        assert isinstance(reader, Delimited)
        return reader.dialect


def read(path: Path, settings: FileSettings = FOUND, columns: Columns = COLUMNS) -> list[tuple[int, object]]:
    with reading(path, settings) as reader:
        rows = list(reader.rows(columns))
    return [
        (line, (row.uid, row.title, row.description[0]) if isinstance(row, Row) else row.reason) for line, row in rows
    ]


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def table(delimiter: str, rows: int = 12) -> list[str]:
    """Return the lines of a table in which the texts hold the other delimiters."""
    lines = [
        f'{one}{delimiter}"Peg {one}, large"{delimiter}"Holds {one} coats; and hats | gloves, {one}"'
        for one in range(rows)
    ]
    return [delimiter.join(("id", "title", "description")), *lines]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str, name: str) -> None:
    path = write(tmp_path / name, *table(delimiter))
    assert form(path) == (delimiter, "doubled", 1)
    assert read(path)[3] == (5, ("3", "Peg 3, large", "Holds 3 coats; and hats | gloves, 3"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(tmp_path: Path, end: str) -> None:
    found = read(write(tmp_path / "a.csv", *table(";"), end=end))
    assert [line for line, _ in found] == list(range(2, 14))
    assert found[0][1] == ("0", "Peg 0, large", "Holds 0 coats; and hats | gloves, 0")


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
def test_a_line_of_excel_says_the_delimiter_and_is_no_row(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "a.csv", line, *table(";"))
    assert form(path) == (";", "doubled", 2)
    assert len(read(path)) == 12


@pytest.mark.parametrize(
    "above",
    [
        ["Our products"],
        ["Our products", "", "made on 1 May"],
        ["Our products,,", ",,", "1 May,,"],
        ["TemplateType=home,Version=2021,,", "Number,What it is called,What it says"],
    ],
)
def test_lines_above_the_names_are_passed_over(tmp_path: Path, above: list[str]) -> None:
    path = write(tmp_path / "a.csv", *above, *table(","))
    assert form(path) == (",", "doubled", len(above) + 1)
    found = read(path)
    assert (len(found), found[0][0]) == (12, len(above) + 2)


def test_names_in_another_language_stand_where_the_rows_begin_to_agree(tmp_path: Path) -> None:
    lines = ["Unsere Waren", *(line.replace("title", "Bezeichnung") for line in table(";"))]
    assert form(write(tmp_path / "a.csv", *lines)) == (";", "doubled", 2)


def test_the_line_of_the_names_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,title,description", "x,y,z", *table(","))
    assert form(path) == (",", "doubled", 1)
    settings = FileSettings(header_line=3)
    assert form(path, settings) == (",", "doubled", 3)
    assert len(read(path, settings)) == 12


def test_the_names_of_a_table_without_any_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *table(";")[1:])
    settings = FileSettings(columns="id, title,description")
    assert form(path, settings) == (";", "doubled", 0)
    found = read(path, settings)
    assert (len(found), found[0]) == (12, (1, ("0", "Peg 0, large", "Holds 0 coats; and hats | gloves, 0")))
    with pytest.raises(InvalidSettings, match="give columns or header_line"):
        FileSettings.from_mapping({"columns": "a,b", "header_line": 2})


def test_the_delimiter_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id^title^description", "1^Peg, ash^Holds, well")
    for given_delimiter in ("^",):
        assert read(path, FileSettings(delimiter=given_delimiter)) == [(2, ("1", "Peg, ash", "Holds, well"))]
    tabs = write(tmp_path / "b.csv", *table("\t"))
    assert len(read(tabs, FileSettings(delimiter="tab"))) == 12
    with pytest.raises(InvalidSettings, match="one character, no quote, or tab, got '::'"):
        FileSettings.from_mapping({"delimiter": "::"})


def test_quotes_behind_a_backslash(tmp_path: Path) -> None:
    rows = [f'{one},"Peg \\"{one}\\", large","Holds\\\\carries, {one}"' for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,description", *rows)
    assert form(path) == (",", "backslash", 1)
    assert read(path)[1] == (3, ("1", 'Peg "1", large', "Holds\\carries, 1"))


def test_quotes_that_are_characters_like_others(tmp_path: Path) -> None:
    rows = [
        'q1\t"Sea Fog" Blanket\tSheds.',
        'q2\tPegs\t"Best',
        'q3\tHook, 3"\tHolds.',
        'q4\t"Mug" tall\t"Blue',
    ]
    path = write(tmp_path / "a.tsv", "id\ttitle\tdescription", *rows)
    assert form(path) == ("\t", "none", 1)
    assert read(path)[1] == (3, ("q2", "Pegs", '"Best'))
    assert [line for line, _ in read(path)] == [2, 3, 4, 5]


def test_two_stray_quotes_swallow_no_rows(tmp_path: Path) -> None:
    """The record from the first to the second of them is valid: one product of 200 lines."""
    lines = ["id,title,description", '0,"Peg, ash",Good.', *(f"{one},Peg {one},Holds {one}." for one in range(1, 300))]
    lines[51] = '50,"Pan 12 inch,Fries.'
    lines[251] = '250,Pan 12",Fries.'
    found = read(write(tmp_path / "a.csv", *lines))
    assert len(found) == 300
    assert [value for line, value in found if isinstance(value, str)] == ["invalid_csv"]
    assert found[50] == (52, "invalid_csv")
    assert found[250] == (252, ("250", 'Pan 12"', "Fries."))


def test_two_stray_quotes_swallow_no_rows_of_two_columns(tmp_path: Path) -> None:
    lines = ["title,description", '"Peg, ash",Good.', *(f"Peg {one},Holds {one}." for one in range(1, 300))]
    lines[51] = 'Pan 50,"Fries.'
    lines[251] = 'Pan 250,12"'
    found = read(write(tmp_path / "a.csv", *lines), columns=Columns("title", ("description",)))
    assert [line for line, *_ in found] == list(range(2, 302))
    assert [line for line, value in found if isinstance(value, str)] == [52]


def test_a_table_of_sizes_in_a_text_is_part_of_it(tmp_path: Path) -> None:
    rows = [f'Peg {one},"Size,cm\nS,12\nM,14\nL,16"' for one in range(12)]
    found = read(write(tmp_path / "a.csv", "title,description", *rows), columns=Columns("title", ("description",)))
    assert len(found) == 12


def test_a_text_of_many_lines_is_one_row(tmp_path: Path) -> None:
    text = "Holds coats,\n\nhats, and gloves.\nAsh, oak\nor beech, oiled"
    rows = [f'{one},"Peg {one}","{text}, {one}"' for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,description", *rows)
    assert [value for _, value in read(path)] == [(str(one), f"Peg {one}", f"{text}, {one}") for one in range(12)]


def test_of_equal_names_the_fullest_column_is_read(tmp_path: Path) -> None:
    rows = [f"{one},,Peg {one},,Holds {one}" for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,title,description,description", *rows)
    assert read(path)[0] == (2, ("0", "Peg 0", "Holds 0"))


def test_names_are_read_as_a_person_sees_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,\u00a0title ,descr&#105;ption", "1,Peg,Holds")
    assert read(path) == [(2, ("1", "Peg", "Holds"))]


def test_how_a_table_was_read_is_in_the_summary(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Our products", *table(";"))
    source = prepare(path, tmp_path / "catalogue", PrepareSettings())["source"]
    assert source["encoding"] == "utf-8"
    assert (source["delimiter"], source["quoting"], source["header_line"]) == (";", "doubled", 2)


def test_a_table_with_one_column_has_no_delimiter_to_be_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "title", *(f"Peg {one}" for one in range(5)))
    with reading(path) as reader:
        assert reader.columns() == ["title"]
    with reading(path) as reader:
        assert len(list(reader.rows(Columns("title")))) == 5


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t"), max_size=30)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=5, max_size=30), st.sampled_from(DELIMITERS))
def test_every_row_that_python_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("dialect") / "a.csv"
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(("id", "title", "description"))
    rows = [(str(number), f"Peg {title}", text) for number, (title, text) in enumerate(texts)]
    writer.writerows(rows)
    path.write_bytes(written.getvalue().encode())
    assert [value for _, value in read(path)] == rows


@given(st.lists(st.sampled_from(['"', ",", "a", " ", "\n", "\\", "é"]), max_size=200).map("".join), st.integers(0, 20))
def test_damage_costs_its_own_rows_only(tmp_path_factory: pytest.TempPathFactory, damage: str, place: int) -> None:
    path = tmp_path_factory.mktemp("damage") / "a.csv"
    lines = ["id,title,description", '0,"Peg, ash",Good.', *(f"q{one},Peg {one},Holds {one}." for one in range(1, 30))]
    lines[place + 2 : place + 2] = damage.split("\n")
    found = [value for _, value in read(write(path, *lines)) if not isinstance(value, str)]
    assert {f"q{one}" for one in range(1, 30)} <= {value[0] for value in found}  # type: ignore[index]


def test_a_line_that_is_not_there_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *table(","))
    with pytest.raises(UnreadableInput, match="has no line 99 among its first 13; correct --header-line"):
        prepare(path, tmp_path / "catalogue", PrepareSettings(header_line=99))


@pytest.mark.parametrize("text", ["Oak\rand ash", '"Oak\rand ash"'])
def test_a_carriage_return_in_a_line_does_not_end_it(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.csv", *table(","), f"12,Peg,{text}", "13,Rope,Holds boats.")
    assert read(path)[-2:] == [(14, ("12", "Peg", "Oak and ash")), (15, ("13", "Rope", "Holds boats."))]


TEXTS_OF_LINES = ("Solid oak.\nHand made, oiled.", "Sizes:\n10, 20, 30 cm", "bright, white\nsmall, light\nwarm, cosy")


@pytest.mark.parametrize("text", TEXTS_OF_LINES)
@pytest.mark.parametrize("names", ["title,description", "id,title,description"])
def test_lines_of_a_text_are_no_records_for_their_commas(tmp_path: Path, text: str, names: str) -> None:
    before = "" if names.startswith("title") else "{},"
    rows = [f'{before.format(one)}Table {one},"{text}"' for one in range(1, 5)]
    path = write(tmp_path / "a.csv", names, *rows)
    with reading(path) as reader:
        found = list(reader.rows(Columns("title", ("description",))))
    assert [row.description for _, row in found if isinstance(row, Row)] == [(text,)] * 4
    assert len(found) == 4


@pytest.mark.parametrize(("first", "others"), [(240, 3), (60, 200)])
def test_texts_of_hundreds_of_lines_are_read_whole(tmp_path: Path, first: int, others: int) -> None:
    texts = ["\n".join(f"Line {line} of it." for line in range(others if one else first)) for one in range(30)]
    rows = [f'{one},Peg {one},"{text}"' for one, text in enumerate(texts)]
    found = read(write(tmp_path / "a.csv", "id,title,description", *rows))
    assert [value for _, value in found] == [(str(one), f"Peg {one}", text) for one, text in enumerate(texts)]


def test_a_row_with_a_usual_name_in_it_is_a_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Artikel,Art", "A0,x", "A1,Name", "A2,x", "A3,x")
    assert form(path) == (",", "doubled", 1)


def test_the_name_that_is_given_for_the_title_finds_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Produkt", "Peg, ash", "Hook, brass")
    with reading(path, FileSettings(title_field="Produkt")) as reader:
        titles = [row.title for _, row in reader.rows(Columns("Produkt")) if isinstance(row, Row)]
    assert titles == ["Peg, ash", "Hook, brass"]


def test_the_line_of_excel_is_no_row_of_a_table_without_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "sep=;", "1;Lamp;Bright", "2;Peg;Oak")
    found = read(path, FileSettings(columns="id,title,description"))
    assert found == [(2, ("1", "Lamp", "Bright")), (3, ("2", "Peg", "Oak"))]


@pytest.mark.parametrize("delimiter", ['"', "\\", "\n", "\r"])
def test_a_delimiter_that_means_something_else_is_refused(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(InvalidSettings, match="delimiter must be one character"):
        FileSettings.from_mapping({"delimiter": delimiter})
    assert len(read(write(tmp_path / "a.csv", *table(";"), f"sep={delimiter}"))) >= 12


def test_a_table_without_names_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *table(";")[1:])
    with pytest.raises(UnreadableInput, match="--columns id,title,description"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


def test_what_is_unusual_about_a_file_is_said() -> None:
    assert unusual_form(Form("utf-8", Dialect())) == unusual_form(Form()) == ""
    unusual = Dialect("|", "none", 3)
    names, quotes = "the names of its columns in line 3", "quotes as characters like others"
    assert unusual_form(Form("koi8-r", unusual)) == f"encoding koi8-r, vertical bars, {quotes}, {names}"
    assert unusual_form(Form("utf-8", Dialect("^", "doubled", 0))) == "'^', no line with names of columns"


def test_names_for_programs_below_those_for_people_are_no_row(tmp_path: Path) -> None:
    rows = [f'A{one},"Peg {one}, large",Holds {one}.,oak' for one in range(12)]
    path = write(
        *(tmp_path / "template.csv", "TemplateType=home,Version=2026,The top 3 rows are for the shop.,"),
        *(
            "SKU,Product Name,Product Description,Material",
            "item_sku,item_name,product_description,material_type",
            *rows,
        ),
    )
    summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"], summary["source"]["header_line"]) == (12, 12, 3)
    assert summary["columns"]["title"] == "item_name"


def test_the_names_of_amazons_templates_of_2025(tmp_path: Path) -> None:
    place = "[marketplace_id=ATVPDKIKX0DER]"
    language = f"{place}[language_tag=en_US]#1.value"
    codes = f"contribution_sku#1.value,item_name{language},product_description{language},bullet_point{language}"
    codes += f",bullet_point{language.replace('#1', '#2')},material{language}"
    labels = "SKU,Item Name,Product Description,Bullet Point,Bullet Point,Material"
    rows = [f"A{one},Peg {one},Holds {one}.,Strong,Of oak,oak" for one in range(12)]
    path = write(tmp_path / "template.csv", "settings=feedType=113,Version=2025,,,,", labels, codes, *rows)
    summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"], summary["source"]["header_line"]) == (12, 12, 3)
    first = Catalogue.open(tmp_path / "catalogue").products()[0]
    assert (first.uid, first.title) == ("A0", "Peg 0")
    assert first.attributes == (("bullet point", "Strong, Of oak"), ("material", "oak"))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        (
            "purchasable_offer[marketplace_id=A][audience=ALL]#1.our_price#1.value_with_tax",
            "purchasable_offer our_price value_with_tax",
        ),
        ("bullet_point[language_tag=en_US]#3.value", "bullet_point"),
        ("Length [cm]", "Length [cm]"),
        ("Play in C#1", "Play in C#1"),
        ("Title#1", "Title#1"),
        ("contribution_sku#1.value", "contribution_sku"),
        ("Care&nbsp;&amp;  use", "Care & use"),
    ],
)
def test_the_name_of_a_column(name: str, plain: str) -> None:
    assert names_of([name]) == [plain]


def test_the_names_again_in_the_middle_are_no_product(tmp_path: Path) -> None:
    path = write(tmp_path / "joined.csv", *table(","), *table(",")[:1], "90,Rope,Holds boats.")
    assert read(path)[-2:] == [(14, "invalid_csv"), (15, ("90", "Rope", "Holds boats."))]


def test_names_in_two_languages_stay_apart() -> None:
    tagged = [f"item_name[language_tag={one}]#1.value" for one in ("en_US", "es_US", "en_US")]
    assert names_of(tagged) == ["item_name", "item_name es_US", "item_name"]


def test_usual_names_are_found_below_many_remarks(tmp_path: Path) -> None:
    remarks = [f"Remark {one}: please note the terms, edition {one}" for one in range(25)]
    path = write(tmp_path / "a.csv", *remarks, *table(";"))
    assert form(path) == (";", "doubled", 26)
    assert [line for line, _ in read(path)] == list(range(27, 39))


@pytest.mark.parametrize("delimiter", ["^", "~", ":"])
def test_rare_delimiters_are_found_by_usual_names(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "a.csv", *table(delimiter))
    assert form(path) == (delimiter, "doubled", 1)
    assert len(read(path)) == 12
