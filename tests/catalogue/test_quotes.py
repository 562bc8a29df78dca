"""Texts that hold the delimiter are read whole, also where it stands behind a backslash or in single quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogue.test_dialect import form, read, write

TEXT = 'Holds coats, hats and "gloves", well.'


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("rest", ["", "\nOf oak."])
def test_a_delimiter_behind_a_backslash_is_text(tmp_path: Path, delimiter: str, rest: str) -> None:
    text = TEXT.replace(",", delimiter) + rest
    written = text.replace('"', '\\"').replace(delimiter, "\\" + delimiter).replace("\n", "\\\n")
    rows = [delimiter.join((str(one), f"Peg {one}", written, "oak")) for one in range(12)]
    path = write(tmp_path / "a.csv", delimiter.join(("id", "title", "description", "brand")), *rows)
    assert form(path) == (delimiter, "escaped", 1)
    assert [value for _, value in read(path)] == [(str(one), f"Peg {one}", text) for one in range(12)]


@pytest.mark.parametrize("rest", ["", "\nOf oak."])
def test_texts_in_single_quotes(tmp_path: Path, rest: str) -> None:
    rows = [f"{one},Peg {one},'{TEXT}{rest} It''s new.',oak" for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,description,brand", *rows)
    assert form(path) == (",", "single", 1)
    text = f"{TEXT}{rest} It's new."
    assert [value for _, value in read(path)] == [(str(one), f"Peg {one}", text) for one in range(12)]


def test_apostrophes_are_no_quotes(tmp_path: Path) -> None:
    rows = [f"{one},'t Peg {one},Grandma's,the boys'" for one in range(12)]
    path = write(tmp_path / "a.csv", "id,title,description,brand", *rows)
    assert form(path) == (",", "doubled", 1)
    assert read(path)[0] == (2, ("0", "'t Peg 0", "Grandma's"))
