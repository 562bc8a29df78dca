"""Opening catalogue files, and the one-line message for each file that cannot be read as a whole."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue import packed
from shelftalk.catalogue.files import opened
from shelftalk.catalogue.settings import FileSettings
from shelftalk.errors import NotFound, UnreadableInput
from tests.catalogue.samples import json_lines, rows, write_gzip, write_parquet, write_zip

LINES = json_lines(rows(3))


def read(path: Path) -> bytes:
    with opened(path) as file:
        return file.stream.read()


def refusal(path: Path) -> str:
    with pytest.raises((UnreadableInput, NotFound)) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", LINES, "json"),
        ("a.jsonl", b"not an object\n" + LINES, "json"),
        ("a.jsonl", b"\xef\xbb\xbf" + LINES, "json"),
        ("no_suffix", LINES, "json"),
        ("named.csv", LINES, "json"),
        ("a.csv", b"title,content\na,b\n", "csv"),
        ("a.TSV", b"title\tcontent\na\tb\n", "tsv"),
        ("a.txt", b"title\tcontent\na\tb\n", "tsv"),
        ("a.txt", b"title;content\na\tb\n", "csv"),
        ("a.xml", b"<shop/>", "xml"),
        ("a.csv", b"\xef\xbb\xbf\n<?xml version='1.0'?><rss/>", "xml"),
        ("no_suffix", "<rss version='2.0'>café</rss>".encode(), "xml"),
    ],
)
def test_knows_the_kind_and_unwraps_gzip_under_any_name(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    for path, wrapped in (
        (tmp_path / name, content),
        (tmp_path / f"z_{name}", gzip.compress(content, mtime=0)),
        (tmp_path / f"{name}.gz", gzip.compress(content, mtime=0)),
    ):
        path.write_bytes(wrapped)
        with opened(path) as file:
            assert (file.kind, file.name) == (kind, path.name)
            assert file.stream.read() == content.removeprefix(b"\xef\xbb\xbf")
            assert file.position() == file.size == path.stat().st_size


def test_knows_parquet_under_any_name(tmp_path: Path) -> None:
    with opened(write_parquet(tmp_path / "a.json", rows(3))) as file:
        assert file.kind == "parquet"


@pytest.mark.parametrize("member", ["trn.json", "LF-Amazon-1.3M/trn.json.gz"])
def test_streams_the_training_rows_of_a_zip_and_writes_nothing(tmp_path: Path, member: str) -> None:
    content = gzip.compress(LINES, mtime=0) if member.endswith(".gz") else LINES
    path = write_zip(tmp_path / "raw.zip", {"lbl.json": b"{}", "tst.json.gz": b"x", member: content})
    with opened(path) as file:
        assert (file.kind, file.name) == ("json", f"raw.zip/{member}")
        assert file.stream.read() == LINES
        assert 0 < file.position() <= file.size
    assert list(tmp_path.iterdir()) == [path]


def test_two_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(LINES, mtime=0) + gzip.compress(LINES, mtime=0))
    assert read(path) == LINES * 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"", "is empty (0 bytes)"),
        ("a.json.gz", gzip.compress(b"", mtime=0), "unpacks to nothing"),
        ("a.json", bytes(range(256)) * 300, "is binary; give .json"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + b"\x00\x01\xfe" * 99, "is a picture"),
        ("a.html", b"<!doctype html><p>x", "is a web page (HTML); a table in it can be opened"),
        ("a.xls", b"\n<table><tr><td>title", "is a web page (HTML); a table in it can be opened"),
        (
            "a.xls",
            b'<?xml version="1.0"?><W xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
            "Excel 2003 in XML",
        ),
        ("a.parquet", b"title,content\n", "is not a Parquet file"),
        ("a.json.gz", gzip.compress(b"PAR1....PAR1", mtime=0), "is a packed Parquet"),
        ("a.json.gz", gzip.compress(LINES, mtime=0)[:-3] + b"\0\0\0", "corrupt"),
        ("a.zip", b"PK\x03\x04 but then it ends", "truncated or corrupt"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert words in refusal(path)


def test_every_truncation_of_a_gzip_is_noticed(tmp_path: Path) -> None:
    whole = gzip.compress(LINES, mtime=0)
    for length in range(2, len(whole)):
        path = tmp_path / "cut.json.gz"
        path.write_bytes(whole[:length])
        assert "is truncated" in refusal(path)


def test_a_long_gzip_is_read_up_to_the_place_where_it_was_cut(tmp_path: Path) -> None:
    content = json_lines(rows(30_000))
    path = write_gzip(tmp_path / "a.json.gz", content)
    path.write_bytes(path.read_bytes()[:-100])
    with opened(path) as file, pytest.raises(UnreadableInput, match="is truncated"):
        assert file.stream.read(1000) == content[:1000]
        file.stream.read()


def test_refuses_missing_files_folders_and_pipes(tmp_path: Path) -> None:
    assert "There is no file" in refusal(tmp_path / "missing.json")
    assert "is a folder" in refusal(tmp_path)
    assert "not a regular file" in refusal(Path("/dev/null"))


def test_the_only_table_of_a_zip_is_read(tmp_path: Path) -> None:
    others = {"__MACOSX/._a.csv": b"x", "shop/.DS_Store": b"x", "shop/": b"", "README.txt": b"About"}
    for name, content in (
        ("shop/a.csv", b"title,content\na,b\n"),
        ("shop/a.csv.gz", gzip.compress(b"title,content\na,b\n")),
    ):
        with opened(write_zip(tmp_path / "a.zip", {**others, name: content})) as file:
            assert (file.kind, file.name) == ("csv", f"a.zip/{name}")
            assert file.stream.read() == b"title,content\na,b\n"


def test_says_what_a_zip_without_one_table_holds(tmp_path: Path) -> None:
    two = write_zip(tmp_path / "a.zip", {"data/a.csv": b"x", "b.json": b"y"})
    assert "holds 2 files of products: data/a.csv, b.json; unpack it and give one of them, or the folder" in refusal(
        two
    )
    assert "but nothing; give one" in refusal(write_zip(tmp_path / "b.zip", {}))
    many = write_zip(tmp_path / "c.zip", {f"{number}\n.png": b"" for number in range(9)})
    assert r"0\n.png" in refusal(many) and "and 4 more" in refusal(many)
    inner = write_zip(tmp_path / "d.zip", {"a.xlsx": b"PK"})
    assert "holds a.xlsx; unpack it and give that file" in refusal(inner)
    hidden = write_zip(tmp_path / "e.zip", {"a.csv": b"PAR1...."})
    assert "holds a Parquet file; unpack it" in refusal(hidden)


@pytest.mark.parametrize("packing", [bz2, lzma])
def test_other_packings_are_read(tmp_path: Path, packing: Any) -> None:
    path = tmp_path / f"a.csv.{'xz' if packing is lzma else 'bz2'}"
    path.write_bytes(packing.compress(b"title,content\na,b\n"))
    with opened(path) as file:
        assert (file.kind, file.stream.read()) == ("csv", b"title,content\na,b\n")
    path.write_bytes(packing.compress(LINES)[:-5])
    assert "is truncated" in refusal(path)


def test_what_unpacks_to_too_much_is_refused_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(LINES + b"\n" * (300 << 20), 1))
    read_bytes = 0
    with pytest.raises(UnreadableInput, match="200 times their size"), opened(path) as file:
        while block := file.stream.read(1 << 20):
            read_bytes += len(block)
    assert path.stat().st_size > 1 << 20
    assert read_bytes <= 40 << 20


@pytest.mark.parametrize("name", ["a.json.gz", "a.json.bz2", "a.zip", "double.zip"])
def test_what_unpacks_to_far_more_than_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, content = tmp_path / name, LINES + b"\n" * (18 << 20)
    if name.endswith(".zip"):
        member = gzip.compress(content) if name == "double.zip" else content
        write_zip(path, {f"a.json{'.gz' if name == 'double.zip' else ''}": member})
    else:
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else bz2.compress(content))
    assert path.stat().st_size * 200 < len(content)
    assert "bytes that unpack to more than 200 times their size, as no file of products does" in refusal(path)
    with opened(path, FileSettings(max_expanded=1)) as file:
        assert len(file.stream.read()) == len(content)
    monkeypatch.setattr(packed, "GIB", 1 << 20)
    with (
        pytest.raises(UnreadableInput, match=r"unpacks to more than 9 GiB; .*--max-expanded"),
        opened(path, FileSettings(max_expanded=9)) as file,
    ):
        file.stream.read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.4 text", "is a PDF document; copy its table into a spreadsheet"),
        (b"SQLite format 3\0" + bytes(80), "is a SQLite database; export its table"),
        (b"ARROW1\0\0" + bytes(80), "is an Arrow (Feather) file; write it as Parquet"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(80), "is a 7z archive; unpack it"),
    ],
)
def test_another_kind_of_file_is_named_with_its_cure(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "products").write_bytes(content)
    assert words in refusal(tmp_path / "products")


def test_refuses_an_encrypted_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"trn.json": LINES})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the encryption flag in the central directory
    path.write_bytes(content)
    assert "is encrypted; unpack trn.json" in refusal(path)


def test_refuses_a_zip_whose_data_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("trn.json", LINES)
    path.write_bytes(path.read_bytes().replace(b"crimson", b"magenta"))
    assert "is corrupt (Bad CRC-32" in refusal(path)
