"""Open a catalogue file as a stream of decompressed UTF-8: a text in any encoding, gzip, a zip, or a spreadsheet.

The kind of a file is detected from its first bytes, and from its name only where the bytes are ambiguous. Files that
are unreadable as a whole are reported here in one line; rows are not parsed here. Nothing is unpacked to disk.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, NamedTuple

from shelftalk.catalogue.encodings import (
    UTF_8,
    AsUtf8,
    encoding_of_mark,
    find_encoding,
    known_encoding,
    unusual_lines,
    wide_encoding,
)
from shelftalk.catalogue.rows import MOST_BYTES
from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.catalogue.spreadsheet import Sheet, is_spreadsheet, opened_sheet
from shelftalk.errors import NotFound, UnreadableInput

Kind = Literal["json", "csv", "tsv", "sheet", "parquet", "xml"]

KINDS: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
}
READABLE = (
    ".json, .jsonl, .csv, .tsv or .xml (each also with .gz), .xlsx, .xls, .ods, .parquet, or a .zip that holds trn.json"
)
ZIP_MEMBERS = ("trn.json", "trn.json.gz")

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PARQUET = b"PAR1"
WEB_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|table)[\s>]", re.IGNORECASE)
XML_WORKBOOK = b"urn:schemas-microsoft-com:office:spreadsheet"  # of Excel 2003
XML = re.compile(rb"<(?:\?xml|rss|feed|rdf:RDF)[\s>]")
BEFORE_XML = 4096  # bytes, which programs fill with blank lines and warnings
CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")

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

    @property
    def one_of_sheets(self) -> str:
        """The name of the sheet where the file has several, else ''."""
        return self.sheet.name if self.sheet and self.sheet.sheets > 1 else ""

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return min(self.file.tell(), self.size)


class _Content(NamedTuple):
    """The decompressed bytes of a file, and the file on the disk."""

    name: str
    stream: io.BufferedReader[Any]
    file: IO[bytes]
    sheet: Sheet | None = None


@contextmanager
def opened(source: Path, settings: FileSettings = FOUND) -> Iterator[Opened]:
    """Open a catalogue file for reading from its beginning; the encoding of a text is found unless it is given.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: it is a folder, empty, binary, of an unknown kind, or a zip without trn.json, or there is no
            such encoding or sheet; or, while the stream is read, it turns out to be truncated or corrupt.
    """
    with _content(source, settings) as content:
        name, stream, file, sheet = content
        size = source.stat().st_size
        if sheet:
            yield Opened(source, name, "sheet", "", stream, file, size, sheet)
            return
        head = _peek(stream)
        if head.startswith(PARQUET):
            yield Opened(source, name, "parquet", "", stream, file, size)
            return
        if not head:
            raise UnreadableInput(f"{source} unpacks to nothing; give a file that holds products.")
        found, mark = _encoding(source, head, settings)
        stream.read(mark)
        if found != UTF_8:
            stream = io.BufferedReader(AsUtf8(stream, found), BUFFER_BYTES)
        head = _peek(stream)
        kind = _kind(source, name, head)
        if b"\r" in head and b"\n" not in head:
            stream = io.BufferedReader(_WithLineFeeds(stream), BUFFER_BYTES)
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
    with _content(source, settings) as again:
        return find_encoding(unusual_lines(_blocks(again.stream)), head), 0


def _blocks(stream: io.BufferedReader[Any]) -> Iterator[bytes]:
    """Yield the blocks of a stream up to its end, or to the place where it cannot be read, which the reader reports."""
    with suppress(UnreadableInput):
        while block := stream.read(LINES_BYTES):
            yield block


@contextmanager
def _content(source: Path, settings: FileSettings) -> Iterator[_Content]:
    """Open a file, the file in a zip, or a sheet, and unpack what is gzipped.

    Raises:
        NotFound, UnreadableInput: see `opened`.
    """
    with _open(source) as file:
        magic = file.read(4)
        file.seek(0)
        if not magic:
            raise UnreadableInput(f"{source} is empty (0 bytes); give a file that holds products.")
        if is_spreadsheet(file):
            with opened_sheet(source, settings.sheet) as sheet:
                yield _Content(source.name, sheet.stream, file, sheet)
        elif magic.startswith(ZIP):
            with _unzipped(source, file) as (member, inner):
                yield _Content(f"{source.name}/{member}", _unwrapped(source, inner), file)
        else:
            yield _Content(source.name, _unwrapped(source, file), file)


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


def _open(source: Path) -> IO[bytes]:
    if source.is_dir():
        raise UnreadableInput(f"{source} is a folder; give one file: {READABLE}.")
    if source.exists() and not source.is_file():
        raise UnreadableInput(f"{source} is not a regular file; save its content to a file and give that.")
    try:
        return source.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {source}; check the path.") from None
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{source} cannot be opened: {_words(error)}.") from error


def _unwrapped(path: Path, inner: IO[bytes]) -> io.BufferedReader[Any]:
    stream: io.BufferedReader[Any] = io.BufferedReader(_Translated(inner, path), BUFFER_BYTES)
    if _peek(stream).startswith(GZIP):
        stream = io.BufferedReader(_Translated(gzip.GzipFile(fileobj=stream, mode="rb"), path), BUFFER_BYTES)
        if _peek(stream).startswith(PARQUET):
            raise UnreadableInput(
                f"{path} is a gzipped Parquet file; unpack it with gunzip and give the .parquet file."
            )
    return stream


def _peek(stream: io.BufferedReader[Any]) -> bytes:
    return stream.peek(HEAD_BYTES)[:HEAD_BYTES]


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
    suffix = PurePosixPath(name.lower().removesuffix(".gz")).suffix
    if text.startswith(b"{") or re.match(rb"\[\s*\{", text):
        return "json"
    if suffix in (".txt", ".xls"):  # as Google Merchant Center and others name their tables
        return "tsv" if b"\t" in text.partition(b"\n")[0] else "csv"
    if suffix in KINDS:
        return KINDS[suffix]
    if suffix == ".parquet":
        raise UnreadableInput(f"{path} is not a Parquet file, whatever its name says; export it again.")
    raise UnreadableInput(f"{path} is of a kind that shelftalk does not know; give {READABLE}.")


def xml_begins(head: bytes) -> int:
    """Return how many bytes stand before the XML of a file that begins with `head`, at most `BEFORE_XML`.

    It is 0 where no XML begins there.
    """
    found = XML.search(head[:BEFORE_XML])
    return found.start() if found else 0


def _is_text(head: bytes) -> bool:
    """Return whether at least a tenth of the bytes are in lines of UTF-8 without control characters."""
    lines = head.splitlines(keepends=True)
    clean = sum(len(line) for line in lines if line.translate(None, CONTROLS) == line and _decodes(line))
    return clean * 10 >= len(head)


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # the head may end inside a character
    return True


@contextmanager
def _unzipped(source: Path, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        archive = zipfile.ZipFile(file)
        member = _member(source, archive)
        stream = archive.open(member)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableInput(f"{source} is truncated or corrupt ({error}); download or copy it again.") from error
    with archive, stream:
        yield member.filename, stream


def _member(source: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    for wanted in ZIP_MEMBERS:
        for member in archive.infolist():
            if PurePosixPath(member.filename).name.lower() == wanted:
                if member.flag_bits & 1:
                    raise UnreadableInput(f"{source} is encrypted; unpack {member.filename} and give that file.")
                return member
    names = [name for name in archive.namelist() if not name.endswith("/")]
    holds = ", ".join(ascii(name)[1:-1] for name in names[:5]) or "nothing"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    raise UnreadableInput(f"{source} holds no trn.json or trn.json.gz but {holds}{more}; unpack it and give one file.")


class _WithLineFeeds(io.RawIOBase):
    """A raw stream that reads another one with a line feed for each carriage return, which alone ends its lines."""

    def __init__(self, inner: io.BufferedReader[Any]) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)


class _Translated(io.RawIOBase):
    """A raw stream that wraps another one and translates its exceptions into `UnreadableInput`."""

    def __init__(self, inner: IO[bytes] | gzip.GzipFile, path: Path) -> None:
        self._inner, self._path = inner, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except EOFError as error:
            raise UnreadableInput(
                f"{self._path} is truncated: it ends too early; download or copy it again."
            ) from error
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
            raise UnreadableInput(f"{self._path} is corrupt ({error}); download or copy it again.") from error
        except OSError as error:
            raise UnreadableInput(f"{self._path} cannot be read: {_words(error)}.") from error
        buffer[: len(data)] = data
        return len(data)


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
