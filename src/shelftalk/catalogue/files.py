"""Open a catalogue file as a stream of UTF-8: a text in any encoding, packed or not, or a sheet.

The kind of a file is detected from its first bytes, and from its name only where the bytes are ambiguous. Files that
are unreadable as a whole are reported here in one line; rows are not parsed here. Nothing is unpacked to disk.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from shelftalk.catalogue.encodings import (
    UTF_8,
    AsUtf8,
    encoding_of_mark,
    find_encoding,
    known_encoding,
    unusual_lines,
    wide_encoding,
)
from shelftalk.catalogue.file_names import KINDS, Kind, suffix_of
from shelftalk.catalogue.line_ends import DELIMITERS, QUOTED_FIELD, WithLineFeeds, feeds_are_text, returns_end_lines
from shelftalk.catalogue.packed import PARQUET, unpacked
from shelftalk.catalogue.rows import MOST_BYTES
from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.catalogue.spreadsheet import DAMAGED_ZIP, Sheet
from shelftalk.errors import UnreadableInput
from shelftalk.lfs import POINTER as LFS_POINTER

READABLE = (
    ".json, .jsonl, .csv, .tsv or .xml (each also with .gz), .xlsx, .xls, .ods, .parquet, or a .zip with one of these"
)

PICKLED = "write its table as Parquet, with pandas: read_pickle(FILE).to_parquet(NAME)"
EXPORTED = "export the table of products as CSV and give that"
SQL_DUMPS = (b"-- MySQL dump", b"-- MariaDB dump", b"-- PostgreSQL database dump", b"CREATE TABLE ", b"INSERT INTO ")
# How files of other kinds begin, what they are, and how their products can be read.
OTHER_KINDS = (
    (b"%PDF", "a PDF document", "copy its table into a spreadsheet, save it as .xlsx and give that"),
    (b"SQLite format 3\0", "a SQLite database", "export its table of products as CSV and give that"),
    (b"ARROW1", "an Arrow (Feather) file", "write it as Parquet, with pandas: read_feather(FILE).to_parquet(NAME)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and give the file in it"),
    (b"Rar!", "a RAR archive", "unpack it and give the file in it"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it with unzstd and give the file in it"),
    (b"\x1f\x8b", "packed twice", "unpack it with gunzip and give the file in it"),
    (LFS_POINTER, "a pointer of Git LFS instead of the file itself", "fetch that with git lfs pull"),
    *((b"\x80" + bytes([one]), "a pickle of Python", PICKLED) for one in (2, 3, 4, 5)),
    (b"\x93NUMPY", "an array of NumPy", "write its rows as CSV, with pandas: DataFrame(rows).to_csv(NAME)"),
    (b"\x89HDF\r\n", "an HDF5 file", "write its table as CSV, with pandas: read_hdf(FILE).to_csv(NAME)"),
    (b"Obj\x01", "an Avro file", "write its rows as JSON Lines and give that"),
    *((start, "a dump of a database in SQL", EXPORTED) for start in SQL_DUMPS),
    (b"\x89PNG", "a picture", "give a file with titles and descriptions"),
    (b"\xff\xd8\xff", "a picture", "give a file with titles and descriptions"),
)
TAR, TAR_AT = b"ustar", 257  # where its mark stands
NOTEBOOK = re.compile(rb'\{\s*"(?:cells|nbformat|metadata)"')
WORD_TEXT = "word/document.xml"
OPEN_TEXT = b"application/vnd.oasis.opendocument.text"
WEB_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|table)[\s>]", re.IGNORECASE)
XML_WORKBOOK = b"urn:schemas-microsoft-com:office:spreadsheet"  # of Excel 2003
XML = re.compile(rb"<(?:\?xml|rss|feed|rdf:RDF|yml_catalog|SHOP|shop|store|catalog(?:ue)?|products|offers|items)[\s>]")
# An element that begins a file; warnings in HTML begin with others.
ELEMENT = re.compile(rb"\s*<(?!(?:br|b|p|div|font|table|strong)\b)[A-Za-z]")
BEFORE_XML = 4096  # bytes, which programs fill with blank lines and warnings
MOST_LINES = 200  # at which a text's delimiter is looked for
FEWEST_LINES = 3
MOST_AGREE = 0.8
CONTROLS = bytes(byte for byte in range(32) if byte not in b"\x01\t\n\v\f\r\x1b")

HEAD_BYTES = 1 << 16
BUFFER_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20  # of lines that are yielded together
LINES_BYTES = 1 << 16  # of lines that are read together and yielded one by one


@dataclass(frozen=True)
class Opened:
    """An open catalogue file: `stream` yields its decompressed bytes; those of a text as UTF-8 without a mark.

    `encoding` is that of the text in the file, '' for a file that is no text. A spreadsheet's `sheet` is read as CSV.
    """

    path: Path
    name: str  # as in rejects: for a zip, with the member's path
    kind: Kind
    encoding: str
    stream: io.BufferedReader[Any]
    file: IO[bytes]
    size: int
    sheet: Sheet | None = None
    part: str = ""  # stands in ids that are made up for its rows, where there are several files

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return min(self.file.tell(), self.size)


@contextmanager
def opened(source: Path, settings: FileSettings = FOUND) -> Iterator[Opened]:
    """Open a catalogue file for reading from its beginning; the encoding of a text is found unless it is given.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: it is a folder, empty, binary, of an unknown kind, or a zip without one file of products, or
            there is no such encoding or sheet; or, while the stream is read, it turns out to be truncated or corrupt.
    """
    if what := _other_zip(source):
        raise UnreadableInput(f"{source} is {what}.")
    with unpacked(source, settings) as content:
        name, stream, file, sheet = content
        size = source.stat().st_size
        if sheet:
            yield Opened(source, name, "sheet", "", stream, file, size, sheet)
            return
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
        if head.startswith(PARQUET):
            yield Opened(source, name, "parquet", "", stream, file, size)
            return
        if not head:
            raise UnreadableInput(f"{source} unpacks to nothing; give a file that holds products.")
        if other := next((one for one in OTHER_KINDS if head.startswith(one[0])), None):
            _, what, cure = other
            raise UnreadableInput(f"{source} is {what}; {cure}.")
        if head.startswith(TAR, TAR_AT):
            raise UnreadableInput(f"{source} is a tar archive; unpack it and give the file in it.")
        found, mark = _encoding(source, head, settings)
        stream.read(mark)
        if found != UTF_8:
            stream = io.BufferedReader(AsUtf8(stream, found), BUFFER_BYTES)
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
        kind = _kind(source, name, head)
        if (b"\r" in head and b"\n" not in head) or (kind in ("csv", "tsv") and returns_end_lines(head)):
            stream = io.BufferedReader(
                WithLineFeeds(stream, kind in ("csv", "tsv") and feeds_are_text(head)), BUFFER_BYTES
            )
        yield Opened(source, name, kind, found, stream, file, size)


def _encoding(source: Path, head: bytes, settings: FileSettings) -> tuple[str, int]:
    """Return the encoding of a text, and the length of its byte order mark.

    Raises:
        UnreadableInput: there is no such encoding as the given one.
    """
    marked, length = encoding_of_mark(head)
    if (given := settings.encoding) is not None:
        if not (known := known_encoding(given)):
            raise UnreadableInput(f"There is no encoding {given!r}; give one such as utf-8, windows-1252 or utf-16-le.")
        return known, length if marked == known else 0
    if marked or (marked := wide_encoding(head)):
        return marked, length
    with unpacked(source, settings) as again:
        return find_encoding(unusual_lines(_blocks(again.stream)), head), 0


def _blocks(stream: io.BufferedReader[Any]) -> Iterator[bytes]:
    """Yield the blocks of a stream up to its end, or to the place where it cannot be read, which the reader reports."""
    with suppress(UnreadableInput):
        while block := stream.read(LINES_BYTES):
            yield block


def line_blocks(stream: IO[bytes], size: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, from 1; complete lines) of a stream in blocks of `size` bytes, or about 4 MiB.

    A line over `MOST_BYTES` is truncated, but stays recognisable as too long.
    """
    number = 1
    while block := stream.read(size or BLOCK_BYTES):
        if not block.endswith(b"\n"):
            rest = stream.readline(MOST_BYTES + 1)
            end = rest[-1:]
            while end not in (b"", b"\n"):
                end = stream.readline(1 << 20)[-1:]
            block = b"".join((block, rest) if rest.endswith(end) else (block, rest, end))
            del rest  # it may be as large as the block
        yield number, block
        number += block.count(b"\n")


def lines_of(first: int, block: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number, line with its newline) of a block whose first line has the number `first`.

    A line over `MOST_BYTES` is None.
    """
    for number, line in enumerate(io.BytesIO(block), first):
        yield number, line if len(line) <= MOST_BYTES + line.endswith(b"\n") else None


def physical_lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield all lines of a stream as `lines_of` does, numbered from 1."""
    for first, block in line_blocks(stream, LINES_BYTES):
        yield from lines_of(first, block)


def _kind(path: Path, name: str, head: bytes) -> Kind:
    """Return the kind of a text from its beginning in UTF-8."""
    text = head.lstrip()
    if text and not _is_text(text):
        raise UnreadableInput(f"{path} is binary; give {READABLE}.")
    if WEB_PAGE.match(text) or (text.startswith(b"<") and XML_WORKBOOK in text[:BEFORE_XML]):
        what = "a web page (HTML)" if WEB_PAGE.match(text) else "a workbook of Excel 2003 in XML"
        raise UnreadableInput(
            f"{path} is {what}; a table in it can be opened in a spreadsheet program and saved as .xlsx."
        )
    if XML.match(text) or (text.startswith(b"<") and xml_begins(head)):
        return "xml"
    suffix = suffix_of(name)
    if suffix == ".ipynb" and NOTEBOOK.match(text):
        raise UnreadableInput(f"{path} is a notebook of Jupyter; write its table as CSV in it and give that.")
    if text.startswith(b"{") or re.match(rb"\[\s*\{", text):
        return "json"
    if suffix in (".txt", ".xls"):  # as Google Merchant Center and others name their tables
        return "tsv" if b"\t" in text.partition(b"\n")[0] else "csv"
    if KINDS.get(suffix, "json") == "json" and not text.startswith(b"[") and _agrees_on_delimiter(text):
        return "csv"
    if suffix in KINDS:
        return KINDS[suffix]
    if suffix == ".parquet":
        raise UnreadableInput(f"{path} is not a Parquet file, whatever its name says; export it again.")
    raise UnreadableInput(f"{path} is of a kind that shelftalk does not know; give {READABLE}.")


def _agrees_on_delimiter(text: bytes) -> bool:
    """Return whether most lines of a text hold a delimiter as often as its first; what is quoted does not count."""
    lines = [line for line in QUOTED_FIELD.sub(b"", text).splitlines()[:MOST_LINES] if line.strip()]
    for delimiter in DELIMITERS:
        often = lines[0].count(delimiter) if lines else 0
        agreeing = sum(line.count(delimiter) == often for line in lines[1:])
        if often and len(lines) > FEWEST_LINES and agreeing >= MOST_AGREE * (len(lines) - 1):
            return True
    return False


def _other_zip(path: Path) -> str:
    """Return what a zip is that holds no file of products, with the cure; '' for others and where it is damaged."""
    document = "a text document; copy its table into a spreadsheet, save it as .xlsx and give that"
    with suppress(*DAMAGED_ZIP):
        if not path.is_file():  # a pipe can be read once only
            return ""
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return ""
            archive = zipfile.ZipFile(file)
            names = archive.namelist()
            kind = archive.open("mimetype").read(len(OPEN_TEXT)) if "mimetype" in names else b""
            if WORD_TEXT in names or kind == OPEN_TEXT:
                return document
            if names and all(name.endswith(".npy") for name in names):
                return "a file of arrays of NumPy; write their rows as CSV, with pandas: DataFrame(rows).to_csv(NAME)"
    return ""


def xml_begins(head: bytes) -> int:
    """Return how many bytes stand before the XML of a file that begins with `head`, at most `BEFORE_XML`.

    It is 0 where no XML begins there, or where the outermost element has an unusual name.
    """
    head = head[:BEFORE_XML]
    found = XML.search(head)
    if not found or (ELEMENT.match(head) and b"<?xml" not in head):
        return 0
    return found.start()


def _is_text(head: bytes) -> bool:
    """Return whether a tenth of the bytes are in lines of UTF-8 with little damage and no control characters."""
    lines = head.splitlines(keepends=True)
    clean = sum(len(line) for line in lines if line.translate(None, CONTROLS) == line and _decodes(line))
    return clean * 10 >= len(head)


def _decodes(line: bytes) -> bool:
    """Return whether at most a tenth of the characters are damaged."""
    text = line.decode(errors="replace")
    return text.count("\ufffd") * 10 <= len(text)
