"""A file that gives no catalogue is refused with what was read, and never with advice that its reason excludes."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import TooFewProducts, UnreadableInput
from tests.catalogue.test_dialect import table, write


def test_an_empty_column_is_named_with_the_option_for_another(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,name,description,long", *(f"{one},Peg {one},NULL,Oak" for one in range(12)))
    cure = "the description was read from 'description', and --description-field names another column"
    with pytest.raises(UnreadableInput, match=cure):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


def test_few_rows_with_faults_are_to_be_corrected(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *table(",", 6), "6,Peg,")
    with pytest.raises(TooFewProducts, match=r"1 rows have missing_description.* correct these rows"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


def test_few_rows_without_faults_need_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *table(",", 6))
    with pytest.raises(TooFewProducts, match="held out; give a larger file"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())
