"""Open a catalogue file as a stream of decompressed bytes: plain, gzip, or a zip with trn.json.

The kind of a file is detected from its first bytes, and from its name only where the bytes are ambiguous. Files that
are unreadable as a whole are reported here in one line; rows are not parsed here. Nothing is unpacked to disk.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from shelftalk.catalogue.rows import MOST_BYTES
from shelftalk.errors import NotFound, UnreadableInput

Kind = Literal["json", "csv", "tsv", "parquet", "xml"]

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
READABLE = ".json, .jsonl, .csv, .tsv or .xml (each also with .gz), .parquet, or a .zip that holds trn.json"
ZIP_MEMBERS = ("trn.json", "trn.json.gz")

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PARQUET = b"PAR1"
XML = (b"<?xml", b"<rss", b"<feed", b"<rdf:RDF")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")

HEAD_BYTES = 1 << 16
BUFFER_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20  # of lines that are yielded together
LINES_BYTES = 1 << 16  # of lines that are read together and yielded one by one


@dataclass(frozen=True)
class Opened:
    """An open catalogue file: `stream` yields its decompressed bytes, without a byte order mark."""

    path: Path
    name: str  # as in rejects: for a zip, with the member's path
    kind: Kind
    stream: io.BufferedReader[Any]
    file: IO[bytes]
    size: int

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return min(self.file.tell(), self.size)


@contextmanager
def opened(source: Path) -> Iterator[Opened]:
    """Open a catalogue file for reading from its beginning.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: it is a folder, empty, binary, of an unknown kind, or a zip without trn.json; or, while the
            stream is read, it turns out to be truncated or corrupt.
    """
    with _open(source) as file:
        size = source.stat().st_size
        magic = file.read(4)
        file.seek(0)
        if not magic:
            raise UnreadableInput(f"{source} is empty (0 bytes); give a file that holds products.")
        if magic.startswith(ZIP):
            with _unzipped(source, file) as (member, inner):
                yield _unwrapped(source, f"{source.name}/{member}", inner, file, size)
        else:
            yield _unwrapped(source, source.name, file, file, size)


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


def _unwrapped(path: Path, name: str, inner: IO[bytes], file: IO[bytes], size: int) -> Opened:
    stream: io.BufferedReader[Any] = io.BufferedReader(_Translated(inner, path), BUFFER_BYTES)
    if _peek(stream).startswith(GZIP):
        stream = io.BufferedReader(_Translated(gzip.GzipFile(fileobj=stream, mode="rb"), path), BUFFER_BYTES)
        if _peek(stream).startswith(PARQUET):
            raise UnreadableInput(
                f"{path} is a gzipped Parquet file; unpack it with gunzip and give the .parquet file."
            )
    kind = _kind(path, name, _peek(stream))
    if _peek(stream).startswith(BYTE_ORDER_MARK):
        stream.read(len(BYTE_ORDER_MARK))
    return Opened(path, name, kind, stream, file, size)


def _peek(stream: io.BufferedReader[Any]) -> bytes:
    return stream.peek(HEAD_BYTES)[:HEAD_BYTES]


def _kind(path: Path, name: str, head: bytes) -> Kind:
    if head.startswith(PARQUET):
        return "parquet"
    if head.startswith(UTF_16):
        raise UnreadableInput(f"{path} is in UTF-16; save it as UTF-8 and give that file.")
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not head:
        raise UnreadableInput(f"{path} unpacks to nothing; give a file that holds products.")
    if text.startswith(XML):
        return "xml"  # may declare another encoding
    if text and not _is_text(text):
        raise UnreadableInput(f"{path} is binary, or text in another encoding than UTF-8; give UTF-8 text: {READABLE}.")
    suffix = PurePosixPath(name.lower().removesuffix(".gz")).suffix
    if text.startswith(b"{"):
        return "json"
    if suffix == ".txt" and b"\t" in text.partition(b"\n")[0]:
        return "tsv"  # as Google Merchant Center names its tables
    if suffix in KINDS:
        return KINDS[suffix]
    if suffix == ".parquet":
        raise UnreadableInput(f"{path} is not a Parquet file, whatever its name says; export it again.")
    raise UnreadableInput(f"{path} is of a kind that shelftalk does not know; give {READABLE}.")


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
    if "xl/workbook.xml" in names:
        raise UnreadableInput(f"{source} is an Excel workbook; save its sheet as CSV UTF-8 and give that file.")
    holds = ", ".join(ascii(name)[1:-1] for name in names[:5]) or "nothing"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    raise UnreadableInput(f"{source} holds no trn.json or trn.json.gz but {holds}{more}; unpack it and give one file.")


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
