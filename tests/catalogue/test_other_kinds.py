"""Files of other kinds are refused with the cure, and a table is one whatever its name."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from shelftalk.catalogue.files import opened
from shelftalk.catalogue.settings import FOUND
from shelftalk.errors import UnreadableInput
from tests.catalogue.test_dialect import read, table

LINES = "\n".join(table(",")).encode()


@pytest.mark.parametrize("name", ["products", "products.data", "products.csv.bak", "products.json", "products_csv.gz"])
def test_a_table_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINES) if name.endswith(".gz") else LINES)
    assert len(read(path)) == 12


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(gzip.compress(LINES)), "packed twice; unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\x80\x04\x95abc", "a pickle of Python; write its table as Parquet"),
        (b"-- MySQL dump\n", "a dump of a database in SQL; export the table"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\0", "a tar archive; unpack it"),
    ],
)
def test_other_kinds_are_refused_with_the_cure(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match=what), opened(path, FOUND):
        pass


@pytest.mark.parametrize(
    ("member", "content", "what"),
    [
        ("word/document.xml", "<document/>", "a text document; copy its table"),
        ("mimetype", "application/vnd.oasis.opendocument.text", "a text document; copy its table"),
        ("title.npy", "", "a file of arrays of NumPy"),
    ],
)
def test_zips_of_other_kinds_are_refused_with_the_cure(tmp_path: Path, member: str, content: str, what: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    with pytest.raises(UnreadableInput, match=what), opened(path, FOUND):
        pass
