"""What a text becomes in a cell, and that it comes out of it again."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.dialect import QUOTINGS, Dialect
from shelftalk.publishing.cells import with_cell
from shelftalk.publishing.json_members import with_value
from shelftalk.publishing.texts import fault_of, in_one_line, is_empty, paragraphs

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
LINES = st.lists(WORDS | st.sampled_from(["", " ", "<b>", "a < b & c > d", "&amp;", "C:\\new", "\\\\n", "'=1+1"]))


class Page(HTMLParser):
    """The paragraphs of a page, each a list of lines, as a browser shows them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.paragraphs: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag == "p":
            self.paragraphs.append([""])
        elif tag == "br":
            self.paragraphs[-1].append("")

    def handle_data(self, data: str) -> None:
        self.paragraphs[-1][-1] += data


@given(LINES)
def test_html_shows_exactly_the_lines_and_paragraphs_of_a_text(lines: list[str]) -> None:
    shown = Page(paragraphs("\n".join(lines)))
    assert shown.tags <= {"p", "br"}
    expected: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            expected[-1].append(line.strip())
        else:
            expected.append([])
    assert shown.paragraphs == [part for part in expected if part]


@given(st.lists(WORDS.map(clean)))
def test_a_cleaned_text_comes_back_from_its_html(lines: list[str]) -> None:
    text = clean(" ".join(lines))
    assert clean(paragraphs(text)) == text
    assert clean(in_one_line(text)) == text


def test_html_is_one_line_that_no_spreadsheet_runs_and_no_importer_unescapes() -> None:
    html = paragraphs("=1+1\r\nC:\\new & <i>\r\n \r\n\r\nLast.")
    assert html == "<p>=1+1<br>C:&#92;new &amp; &lt;i&gt;</p><p>Last.</p>"


@pytest.mark.parametrize(
    "empty", ["", None, float("nan"), [], [""], " \n", "<p></p>", "<p>&nbsp;</p>\n<br />", "<DIV> </DIV>"]
)
def test_a_cell_that_shows_nothing_is_empty(empty: Any) -> None:
    assert is_empty(empty)


@pytest.mark.parametrize(
    "full", ["NULL", "x", 7, {"a": 1}, ["x"], '<p><img src="a.png"></p>', "<table></table>", "<iframe>"]
)
def test_a_cell_that_may_show_something_is_a_persons_text(full: Any) -> None:
    assert not is_empty(full)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (" \n", "empty"),
        ("x" * 50_001, "too_long"),
        ("x" * 50_000, None),
        ("a\0b", "unwritable"),
        ("a\ud800", "unwritable"),
        ("=1+1", "formula"),
        (" -5 to 40", "formula"),
        ("＝1", "formula"),
        ("A tab\tand\nan end", None),
    ],
)
def test_a_text_that_would_do_harm_is_not_written(text: str, fault: str | None) -> None:
    assert fault_of(text, 50_000, formulas=True) == fault
    if fault == "formula":
        assert fault_of(text, 50_000, formulas=False) is None


CELLS = st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), max_size=8)


@st.composite
def records(draw: st.DrawFn) -> tuple[list[str], str, Dialect]:
    """Return the cells of a record, some of them in quotes without need, its line end, and its dialect."""
    quoting = draw(st.sampled_from(sorted(QUOTINGS)))
    dialect = Dialect(draw(st.sampled_from([",", ";", "\t", "|"])), quoting)
    fields = draw(st.lists(CELLS, min_size=2, max_size=5))
    cells = []
    for field in fields:
        quote = "'" if quoting == "single" else '"'
        if quoting in ("none", "escaped"):
            field = field.replace(dialect.delimiter, "").replace("\\", "")
            cells.append(field)
        elif draw(st.booleans()) or set(field) & {quote, dialect.delimiter, "\\"}:
            held = field.replace("\\", "\\\\") if quoting == "backslash" else field
            cells.append(quote + held.replace(quote, "\\" + quote if quoting == "backslash" else quote * 2) + quote)
        else:
            cells.append(field)
    return cells, draw(st.sampled_from(["", "\n", "\r\n"])), dialect


@given(records(), st.data(), st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), max_size=20))
def test_one_cell_of_a_record_is_replaced(
    record: tuple[list[str], str, Dialect], data: st.DataObject, value: str
) -> None:
    cells, end, dialect = record
    body = dialect.delimiter.join(cells)
    fields = next(dialect.fields([body]), [])
    place = data.draw(st.integers(0, len(fields) + 1))
    changed = with_cell(body + end, dialect, place, value)
    if changed is None:
        assert dialect.quoting in ("none", "escaped")
        assert "\n" in value or dialect.delimiter in value
        return
    before = [*cells[:place], *[""] * (place - len(cells)), ""]
    behind = dialect.delimiter.join(["", *cells[place + 1 :]]) + end
    assert changed.startswith(dialect.delimiter.join(before))
    assert changed.endswith(behind)
    after = next(dialect.fields([changed.removesuffix(end)]))
    expected = [*fields, *[""] * (place + 1 - len(fields))]
    assert after == [*expected[:place], value, *expected[place + 1 :]]


def test_the_other_cells_of_a_record_keep_their_bytes() -> None:
    raw = '7,"quoted ""x""",plain,"", 5\r\n'
    assert with_cell(raw, Dialect(), 2, 'a, "b"\nc') == '7,"quoted ""x""","a, ""b""\nc","", 5\r\n'
    assert with_cell(raw, Dialect(), 3, "x") == '7,"quoted ""x""",plain,"x", 5\r\n'
    assert with_cell("7,x", Dialect(), 3, "y") == "7,x,,y"
    assert with_cell('7,a 5" pipe,\n', Dialect(), 2, "y") == '7,a 5" pipe,y\n'
    assert with_cell('7,"a" b,\n', Dialect(), 2, "y") == '7,"a" b,y\n'  # read with quotes as characters
    assert with_cell("7\tx", Dialect("\t", "none"), 1, "a\tb") is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text(max_size=3), VALUES),
    st.text(max_size=3),
    st.text(),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_one_value_of_an_object_is_set(
    held: dict[str, Any], key: str, text: str, indent: int | None, ascii: bool
) -> None:
    raw = json.dumps(held, indent=indent, ensure_ascii=ascii)
    changed = with_value(raw, (key,), text)
    assert changed is not None
    assert list(json.loads(changed).items()) == list({**held, key: text}.items())
    nested = with_value(f'{{"a": 1.50, "in": {raw}}},', ("in", key), text)
    assert nested is not None and nested.startswith('{"a": 1.50, "in": {') and nested.endswith("}},")
    assert json.loads(nested[:-1])["in"] == {**held, key: text}


def test_what_is_no_strict_json_is_left_alone() -> None:
    for raw in ("{'a': 1}", '{"a": 1', "[1]", '{"a" 1}', "", '{"a": 1 /* x */}'):
        assert with_value(raw, ("a",), "x") is None
    assert with_value('{"price": 1.50, "a": 1e5, "a": "x"}', ("a",), "y") == '{"price": 1.50, "a": 1e5, "a": "y"}'
