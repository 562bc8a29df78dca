"""Test reading titles: every row is counted, and requests have the form that training used."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.known_attributes import NOTHING_KNOWN, KnownAttributes
from shelftalk.catalogue.settings import FileSettings
from shelftalk.errors import UnreadableInput
from shelftalk.generation.titles import MOST_CHARACTERS, TitleRow, column_names, find_columns, read_titles
from tests.catalogue.samples import write_parquet


def read(
    path: Path, title_field: str | None = None, id_field: str | None = None, known: KnownAttributes = NOTHING_KNOWN
) -> list[TitleRow]:
    file = FileSettings(title_field=title_field, id_field=id_field)
    return list(read_titles(path, find_columns(path, file, known), file, known))


def test_a_title_is_kept_unchanged_and_its_request_is_as_in_training(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("asin,title\n7,<b>Q&amp;A</b>  peg \n", encoding="utf-8")
    assert read(path) == [TitleRow(0, 2, "7", "<b>Q&amp;A</b>  peg ", "Q&A peg")]


def test_no_description_and_no_id_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"name": "oak peg"}\n'))
    assert find_columns(path) == Columns("name")
    assert read(path) == [TitleRow(0, 1, "", "oak peg", "oak peg")]


def test_who_sells_a_product_is_told_by_runs_that_learned_it_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("title,Vendor,Material,Weight\nPeg,Our Workshop,oak,2 kg\n", encoding="utf-8")
    one = KnownAttributes(["material"], ["Material"])
    assert [row.attributes for row in read(path, known=one)] == [(("material", "oak"), ("Weight", "2 kg"))]
    other = KnownAttributes(["vendor", "material"], ["Vendor", "Material"])
    assert dict(read(path, known=other)[0].attributes)["vendor"] == "Our Workshop"


def test_named_columns_are_used(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [{"title": "no", "Bezeichnung": "Haken", "Nr": 5}])
    assert read(path, "Bezeichnung", "Nr") == [TitleRow(0, 1, "5", "Haken", "Haken")]


def test_without_a_title_column_the_flag_to_give_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Sache,Nr\nHaken,5\n")
    with pytest.raises(UnreadableInput) as caught:
        find_columns(path)
    message = str(caught.value)
    assert "no title column" in message and "--title-field" in message and "Sache, Nr" in message
    assert "description" not in message.partition("its columns")[0].replace("product_description", "")


@pytest.mark.parametrize(
    ("line", "fault", "title"),
    [
        (b'{"title": "cut', "invalid_json", ""),
        (b"[1]", "not_an_object", ""),
        (b'{"title": "\xff"}', "invalid_utf8", ""),
        (b'{"uid": "x"}', "missing_title", ""),
        (b'{"title": "<br>"}', "missing_title", "<br>"),
        (b'{"title": ["\\ud83d"]}', "title_not_text", ""),
        (b'{"title": "%s"}' % (b"x" * 100_000), "title_too_long", "x" * 100_000),
    ],
)
def test_a_bad_row_keeps_its_position_and_has_a_reason(tmp_path: Path, line: bytes, fault: str, title: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"title": "first"}\n\n' + line + b'\n{"title": "last"}\n')
    first, bad, last = read(path)
    assert (first.number, first.line, first.fault) == (0, 1, "")
    assert (bad.number, bad.line, bad.fault, bad.title, bad.request) == (1, 3, fault, title, "")
    assert (last.number, last.line, last.request) == (2, 4, "last")
    "".join([bad.title, bad.detail]).encode()


def test_the_longest_title_is_described(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"title": "{"x" * MOST_CHARACTERS}"}}\n')
    assert [row.fault for row in read(path)] == [""]


def test_a_lone_surrogate_becomes_the_sign_for_a_lost_character(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"title": "peg \\ud83d \\u0000 oak"}\n')
    assert read(path) == [TitleRow(0, 1, "", "peg \ufffd \0 oak", "peg oak")]


def test_a_file_of_nothing_but_a_header_or_blank_lines_has_no_rows(tmp_path: Path) -> None:
    for name, content in (("a.csv", "title\n"), ("b.csv", "\n\n"), ("c.jsonl", "\n")):
        (tmp_path / name).write_text(content)
        assert read(tmp_path / name) == []


def test_a_row_brings_the_attributes_that_the_run_knows(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("id,title,Material,Price,Finish\n1,Oak peg, oiled&nbsp;oak ,3,\n2,Ash peg,ash,4,waxed\n")
    found = read(path, known=KnownAttributes(["material", "finish", "length"]))
    assert found[0].attributes == (("material", "oiled oak"),)
    assert found[1].request == "Ash peg\nmaterial: ash\nfinish: waxed"
    assert [row.attributes for row in read(path)] == [(), ()]


def test_attributes_stand_in_the_order_of_training_whatever_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("colour,finish,material,title\nred,waxed,ash,Ash peg\n,waxed,oak,Oak peg\n")
    known = KnownAttributes(["finish", "material", "colour"], order=["material", "finish", "colour"])
    found = [row.request for row in read(path, known=known)]
    assert found == ["Ash peg\nmaterial: ash\nfinish: waxed\ncolour: red", "Oak peg\nmaterial: oak\nfinish: waxed"]


def test_of_two_spellings_the_commoner_is_used(tmp_path: Path) -> None:
    """A run's names begin with the commonest; one product of its catalogue may spell it otherwise."""
    path = tmp_path / "titles.csv"
    path.write_text("title,MATERIAL\nAsh peg,ash\n")
    [row] = read(path, known=KnownAttributes(["material", "Material"]))
    assert row.attributes == (("material", "ash"),)


def test_parquet_columns_of_one_name_are_carried_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = [pa.array([one]) for one in ("7", "Peg", "red", "blue")]
    pq.write_table(pa.table(columns, names=["id", "title", "colour", "colour"]), path)
    assert column_names(path) == ["id", "title", "colour", "colour (2)"]
    [found] = read_titles(path, find_columns(path)._replace(carry=True))
    assert found.carried == {"id": "7", "title": "Peg", "colour": "red", "colour (2)": "blue"}
