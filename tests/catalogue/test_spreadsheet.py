"""Spreadsheets are read as a person sees them, and neither a damaged nor a malicious one does harm.

`products.xls` was written once with xlwt, which nobody keeps any more: a merged title, the names in the second row, and
twelve products.
"""

from __future__ import annotations

import datetime
import subprocess
import time
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import xlsxwriter

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.files import opened
from shelftalk.catalogue.form import described_form, unusual_form
from shelftalk.catalogue.number_formats import formats_by_row, number_format
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row
from shelftalk.catalogue.settings import FileSettings, PrepareSettings
from shelftalk.catalogue.spreadsheet import shown
from shelftalk.errors import UnreadableInput

OLD = Path(__file__).with_name("products.xls")
HEADER = ["sku", "title", "description", "width (cm)"]
CONTENT = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>{}'
    "</office:spreadsheet></office:body></office:document-content>"
)


def products(count: int = 12) -> list[list[Any]]:
    return [
        [4006381333900 + one, f"Peg no. {one}", f"Holds {one + 2} coats, “in oak”.", 12.5 + one] for one in range(count)
    ]


def write_sheets(path: Path, sheets: dict[str, list[list[Any]]], **options: Any) -> Path:
    book = xlsxwriter.Workbook(path, options)
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()
    return path


def write_open_document(path: Path, rows: list[list[Any]], more: str = "") -> Path:
    def cell(value: Any) -> str:
        kind = f'float" office:value="{value}' if isinstance(value, (int, float)) else "string"
        return f'<table:table-cell office:value-type="{kind}"><text:p>{value}</text:p></table:table-cell>'

    body = more + "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", CONTENT.format(f'<table:table table:name="Products">{body}</table:table>'))
    return path


def read(path: Path, settings: FileSettings = FileSettings()) -> list[tuple[int, str, str, str]]:  # noqa: B008
    with reading(path, settings) as reader:
        rows = list(reader.rows(Columns("title", ("description",), "sku")))
    assert all(isinstance(row, Row) for _, row in rows)
    return [(line, row.uid, row.title, row.description[0]) for line, row in rows if isinstance(row, Row)]


EXPECTED = [(str(sku), title, text) for sku, title, text, _ in products()]


def test_the_rows_of_each_kind_are_read(tmp_path: Path) -> None:
    rows = [HEADER, *products()]
    found = read(write_sheets(tmp_path / "a.xlsx", {"Products": rows}))
    assert found == [(line, *row) for line, row in enumerate(EXPECTED, 2)]
    assert read(write_open_document(tmp_path / "a.ods", rows)) == found
    assert [row for _, *row in read(OLD)] == [list(row) for row in EXPECTED]


def test_a_title_above_the_names_is_no_row_and_lines_are_the_rows_of_the_sheet(tmp_path: Path) -> None:
    rows = [[], ["Price list, spring"], [], HEADER, *products(), [], ["", "Rope", "Holds boats."]]
    path = write_sheets(tmp_path / "a.xlsx", {"Products": rows})
    found = read(path)
    assert [line for line, *_ in found] == [*range(5, 17), 18]
    assert found[-1] == (18, "", "Rope", "Holds boats.")
    assert preview(path).records[0][0] == 4
    assert read(OLD)[0][0] == 3
    assert read(path, FileSettings(header_line=4)) == found


def test_all_columns_become_what_a_person_sees(tmp_path: Path) -> None:
    summary = prepare(OLD, tmp_path / "catalogue", PrepareSettings(attributes="all"))
    assert (summary["read"], summary["kept"], summary["source"]["encoding"]) == (12, 12, "")
    first = Catalogue.open(tmp_path / "catalogue").products()[0]
    assert (first.uid, first.attributes) == ("4006381333900", (("width", "12.5 cm"), ("season", "2026-03-01")))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (4006381333931.0, "4006381333931"),
        (0.1 + 0.2, "0.3"),
        (1.5e-7, "0.00000015"),
        (True, "TRUE"),
        (datetime.datetime(2026, 3, 1), "2026-03-01"),
        (datetime.datetime(2026, 3, 1, 8, 30), "2026-03-01 08:30:00"),
        (datetime.date(2026, 3, 1), "2026-03-01"),
        (datetime.time(8, 30), "08:30:00"),
        (datetime.timedelta(hours=26, minutes=5), "26:05:00"),
        ("two\r\nlines", "two lines"),
    ],
)
def test_a_cell_is_written_as_a_person_sees_it(cell: Any, text: str) -> None:
    assert shown(cell) == text


def test_numbers_in_the_formats_of_their_cells(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet('Pegs & "hooks"')
    sheet.write_row(2, 1, ["title", "description", "drawer", "wool", "mass", "paid", "count", "year", "phone"])
    codes = ["00000", "0%", '0.0" kg"', '_-* #,##0.00\\ "€"_-;-* #,##0.00', "#,##0", "yyyy", "000-0000"]
    for number in range(12):
        row = 3 + 2 * number  # with empty rows between
        sheet.write_row(row, 1, [f"Peg {number}", f"Holds {number} coats."])
        for place, (code, value) in enumerate(zip(codes, [71, 0.12, 1.25, 1234.5, 1200, 46000, 5551234], strict=True)):
            sheet.write_number(row, 3 + place, value, book.add_format({"num_format": code}))
    book.close()
    prepare(tmp_path / "a.xlsx", tmp_path / "catalogue", PrepareSettings(attributes="all"))
    products = Catalogue.open(tmp_path / "catalogue").products()
    values = ["00071", "12%", "1.3 kg", "1234.50 €", "1200", "2025-12-09", "555-1234"]
    assert [value for _, value in products[11].attributes] == values
    assert products[11].title == "Peg 11"


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("0.00%", 0.125, "12.50%"),
        ("0.0#", 2.5, "2.5"),
        ("0.0#", 2.256, "2.26"),
        ("000000000000000", 4006381333931, "004006381333931"),
        ('[$€-407] #,##0.00;[Red]-#,##0.00" €"', -3.5, "-€ 3.50"),
        ("0.00", 0.005, "0.01"),
        ('#" cm"', 0, "cm"),
        ("00-00-00", 12345, "01-23-45"),
        ('0.0"%"', 12.5, "12.5%"),
        ("0\\%", 12, "12%"),
        ("+0.0;-0.0", 1.5, "+1.5"),
        ("(0.00)", -2, "-(2.00)"),
    ],
)
def test_a_number_format(code: str, number: float, text: str) -> None:
    found = number_format(code)
    assert found
    assert found.write(number) == text


@pytest.mark.parametrize(
    "code",
    [
        "General",
        "0",
        "#,##0",
        "yyyy-mm-dd",
        "0.00E+00",
        "# ?/?",
        "0/0",
        "0,",
        "@",
        "0%%",
        "0." + "0" * 30,
        "[>9]0%",
        "",
        '"',
    ],
)
def test_a_format_that_says_no_more_than_the_number(code: str) -> None:
    assert number_format(code) is None


def test_a_number_that_a_format_is_not_for_is_shown_as_it_is(tmp_path: Path) -> None:
    codes = ["+0%;-0%;0%", '0" kg";-0" kg";"none"', "0.00", "0.00"]
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["title", "description", "rise", "mass", "wide", "small"])
    for row in range(1, 13):
        sheet.write_row(row, 0, [f"Peg {row}", f"Holds {row}."])
        for place, value in enumerate([-0.05, 0, 1e27, -1.5]):
            sheet.write_number(row, 2 + place, value, book.add_format({"num_format": codes[place]}))
    book.close()
    prepare(tmp_path / "a.xlsx", tmp_path / "catalogue", PrepareSettings(attributes="all"))
    values = [value for _, value in Catalogue.open(tmp_path / "catalogue").products()[0].attributes]
    assert values == ["-0.05", "0", "-1.50"]  # a number of 28 digits is a code


@pytest.mark.parametrize(
    ("number", "text"), [(2, "2.50"), (4, "2.50"), (9, "250%"), (10, "250.00%"), (39, "2.50"), (40, "2.50")]
)
def test_the_formats_that_every_spreadsheet_has(tmp_path: Path, number: int, text: str) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet()
    for row in range(3):
        sheet.write_number(row, 1, 2.5, book.add_format({"num_format": number}))
    book.close()
    assert [found[1].write(2.5) for found in formats_by_row(tmp_path / "a.xlsx", "Sheet1")] == [text] * 3


@pytest.mark.parametrize("places", [("2", "1"), ("1", "2000000")])
def test_rows_out_of_order_have_no_formats(tmp_path: Path, places: tuple[str, str]) -> None:
    path = write_sheets(tmp_path / "a.xlsx", {"Sheet1": [[1]]})
    cells = "".join(f'<row r="{place}"><c r="A{place}" s="1"><v>2</v></c></row>' for place in places)
    styles = '<s><numFmts/><cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs><cellStyles/></s>'
    with ZipFile(path) as archive:
        held = {one: archive.read(one) for one in archive.namelist()}
    held |= {
        "xl/worksheets/sheet1.xml": f"<w><sheetData>{cells}</sheetData></w>".encode(),
        "xl/styles.xml": styles.encode(),
    }
    with ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    assert len(list(formats_by_row(path, "Sheet1"))) < 3


def test_a_cell_merged_over_several_rows_is_in_each(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet()
    sheet.merge_range(0, 0, 1, 2, "Our pegs")
    sheet.write_row(2, 1, ["title", "description", "wood"])
    for row in range(3, 15):
        sheet.write(row, 1, f"Peg {row}")
        if row % 3 == 0:
            sheet.merge_range(row, 2, row + 2, 2, f"Holds {row} coats.")
        sheet.write(row, 3, f"Oak {row}")
    book.close()
    summary = prepare(tmp_path / "a.xlsx", tmp_path / "catalogue", PrepareSettings(attributes="wood"))
    assert (summary["read"], summary["kept"]) == (12, 12)
    found = [(one.title, one.description) for one in Catalogue.open(tmp_path / "catalogue").products()]
    assert found[2:5] == [("Peg 5", "Holds 3 coats."), ("Peg 6", "Holds 6 coats."), ("Peg 7", "Holds 6 coats.")]


def test_a_formula_is_its_value(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["title", "description"])
    sheet.write(1, 0, "Peg")
    sheet.write_formula(1, 1, '="Holds "&3&" coats."', value="Holds 3 coats.")
    book.close()
    with reading(tmp_path / "a.xlsx") as reader:
        [(_, row)] = reader.rows(Columns("title", ("description",)))
    assert isinstance(row, Row)
    assert row.description == ("Holds 3 coats.",)


def test_the_sheet_with_products_is_found_and_said_and_can_be_chosen(tmp_path: Path) -> None:
    others = {"Read me": [["Fill in the next sheet."]], "Titles": [["title"], ["Rope"]]}
    path = write_sheets(tmp_path / "a.xlsx", {**others, "Products": [HEADER, *products()]})
    assert [row for _, *row in read(path)] == [list(row) for row in EXPECTED]
    assert (preview(path).form.sheet, preview(path).form.other_sheets) == ("Products", ())
    with reading(path, FileSettings(sheet="Titles")) as reader:
        assert reader.columns() == ["title"]
    with pytest.raises(UnreadableInput, match="has no sheet 'Prices'; its sheets are: Read me, Titles, Products"):
        preview(path, settings=FileSettings(sheet="Prices"))


def test_of_several_sheets_with_products_the_others_are_said(tmp_path: Path) -> None:
    fields = [["Name", "Description"], *[["sku", "The number of the product"]] * 20]
    without_ids = [row[1:] for row in [HEADER, *products(40)]]
    sheets = {"Fields": fields, "Women": [HEADER, *products(12)], "Men": [HEADER, *products(13)], "Old": without_ids}
    path = write_sheets(tmp_path / "a.xlsx", sheets)
    source = prepare(path, tmp_path / "catalogue", PrepareSettings())["source"]
    assert (source["sheet"], source["other_sheets"]) == ("Men", ["Fields", "Women", "Old"])
    said = "its sheet 'Men' (--sheet reads another one: Fields, Women, Old)"
    assert unusual_form(described_form(source)) == said


def test_names_below_a_long_text_are_found_and_unusual_ones_can_be_given(tmp_path: Path) -> None:
    terms = [["Terms"], *[["A line of them."]] * 30]
    path = write_sheets(tmp_path / "a.xlsx", {"Products": [*terms, HEADER, *products()]})
    assert prepare(path, tmp_path / "catalogue", PrepareSettings())["kept"] == 12
    path = write_sheets(tmp_path / "b.xlsx", {"Products": [*terms, ["No", "Was", "Wie", "W"], *products()]})
    with pytest.raises(UnreadableInput, match="If the names stand in a later line, give its number: --header-line 5"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())
    given = PrepareSettings(header_line=32, title_field="Was", description_field="Wie")
    assert prepare(path, tmp_path / "catalogue", given)["kept"] == 12


def test_a_hidden_sheet_is_not_searched(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    for name, title in (("Old", "Old peg"), ("New", "New peg")):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["title", "description"])
        sheet.write_row(1, 0, [title, "Holds coats."])
        if name == "Old":
            sheet.very_hidden()
    book.get_worksheet_by_name("New").activate()
    book.close()
    assert preview(tmp_path / "a.xlsx").records[1][1] == "New peg,Holds coats."


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods"])
def test_a_billion_empty_cells_are_refused_at_once(tmp_path: Path, name: str) -> None:
    if name == "a.xlsx":
        book = xlsxwriter.Workbook(tmp_path / name)
        sheet = book.add_worksheet()
        sheet.write(0, 0, "title")
        sheet.write(1_048_575, 16_383, "x")
        book.close()
    else:
        cell = (
            '<table:table-cell office:value-type="string" table:number-columns-repeated="16384">'
            "<text:p>x</text:p></table:table-cell>"
        )
        row = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
        write_open_document(tmp_path / name, [], row)
    started = time.monotonic()
    with pytest.raises(UnreadableInput, match=r"has a sheet that takes more than 0\.75 GiB of memory or 5 minutes"):
        preview(tmp_path / name)
    assert time.monotonic() - started < 20


def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    good = write_sheets(tmp_path / "good.xlsx", {"Products": [HEADER, *products()]}).read_bytes()
    for name, content, words in [
        ("cut.xlsx", good[: len(good) // 2], "is truncated or corrupt"),
        ("old.xls", OLD.read_bytes()[:600], "is no spreadsheet, or a damaged one"),
        (
            "empty.xlsx",
            write_sheets(tmp_path / "e.xlsx", {"A": [], "B": []}).read_bytes(),
            "has no sheet with products",
        ),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableInput, match=words) as refused, opened(tmp_path / name) as file:
            file.stream.read()
        assert "\n" not in str(refused.value)


def test_the_process_ends_with_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    path = write_sheets(tmp_path / "a.xlsx", {"Products": [HEADER, *products(20_000)]})
    with reading(path) as reader:
        next(iter(reader.rows(Columns("title"))))
    assert started[0].poll() is not None
