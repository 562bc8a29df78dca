"""Open a file as a stream of its decompressed bytes: plain, gzip, bzip2, xz, a file in a zip, or a sheet as CSV.

Nothing is unpacked to disk. What unpacks to more than `RATIO` times its size, or `--max-expanded`, is refused where the
limit is reached: a few kilobytes can unpack to terabytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from shelftalk.catalogue.file_names import KINDS, SPREADSHEETS, is_no_data, suffix_of
from shelftalk.catalogue.settings import FileSettings
from shelftalk.catalogue.spreadsheet import DAMAGED_ZIP, Sheet, opened_sheet, unpacked_size
from shelftalk.errors import DamagedInput, NotFound, UnreadableInput

# How a packed stream begins, and what unpacks it.
UNPACK: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream, mode="rb")),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PARQUET = b"PAR1"
PUBLISHED = ("trn.json", "trn.json.gz")  # of AmazonTitles-1.3MM's several files
NAMES_SHOWN = 5
RATIO = 200  # of what is unpacked to what is packed; files of products have 3 to 20
MUCH_BYTES = 8 << 20  # which may be unpacked whatever the ratio
GIB = 1 << 30
BUFFER_BYTES = 1 << 20
PACKED_BYTES = 1 << 16
HEAD_BYTES = 8


class Content(NamedTuple):
    """The decompressed bytes of a file, and the file on the disk; `name` is as in rejects: of a zip with its member."""

    name: str
    stream: io.BufferedReader[Any]
    file: IO[bytes]
    sheet: Sheet | None = None


@contextmanager
def unpacked(source: Path, settings: FileSettings) -> Iterator[Content]:
    """Open a file, the file in a zip, or a sheet, and unpack what is packed.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: it is a folder, empty, or a zip without one file of products; or, while the stream is read, it
            turns out to be truncated or corrupt, or unpacks to too much.
    """
    with _open(source) as file:
        try:
            magic = file.read(4)
        except OSError as error:
            raise UnreadableInput(f"{source} cannot be read: {_words(error)}.") from error
        file.seek(0)
        if not magic:
            raise UnreadableInput(f"{source} is empty (0 bytes); give a file that holds products.")
        limit = _Limit(source, file, settings.max_expanded)
        if size := unpacked_size(file):
            limit.check(size, source.stat().st_size)
            with opened_sheet(source, size, settings.sheet) as sheet:
                yield Content(source.name, sheet.stream, file, sheet)
        elif magic.startswith(ZIP):
            with _unzipped(source, file) as (member, inner):
                yield Content(f"{source.name}/{member}", _decompressed(source, inner, limit, True), file)
        else:
            yield Content(source.name, _decompressed(source, file, limit, False), file)


class _Limit:
    """How many bytes an open file may unpack to."""

    def __init__(self, source: Path, file: IO[bytes], most_gib: int | None) -> None:
        self._source, self._file, self._most_gib = source, file, most_gib

    def check(self, size: int, packed: int | None = None) -> None:
        """Refuse a file of which `packed` bytes unpack to `size`; by default those that were read so far.

        So one whose first bytes unpack to too much is refused there.

        Raises:
            UnreadableInput: that is more than the limit.
        """
        packed = self._file.tell() if packed is None else packed
        most = max(RATIO * packed, MUCH_BYTES) if self._most_gib is None else self._most_gib * GIB
        if size > most:
            much = f"{packed:,} bytes that unpack to more than {RATIO} times their size, as no file of products does"
            why = f"unpacks to more than {self._most_gib} GiB" if self._most_gib else f"has {much}"
            raise UnreadableInput(f"{self._source} {why}; if it is right, give --max-expanded, in GiB.")


def _open(source: Path) -> IO[bytes]:
    try:
        if source.is_dir():
            raise UnreadableInput(f"{source} is a folder; give one file in it.")
        if source.exists() and not source.is_file():
            raise UnreadableInput(f"{source} is not a regular file; save its content to a file and give that.")
        return source.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {source}; check the path.") from None
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{source} cannot be opened: {_words(error)}.") from error


def _decompressed(path: Path, inner: IO[bytes], limit: _Limit, zipped: bool) -> io.BufferedReader[Any]:
    """Return the decompressed bytes of an open file, or of a file in a zip."""
    # Little is read ahead of what is unpacked, so that the limit knows how much was packed.
    stream = io.BufferedReader(_Translated(inner, path, limit if zipped else None), PACKED_BYTES)
    head = _head(stream)
    unpack = next((unpack for magic, unpack in UNPACK if head.startswith(magic)), None)
    if unpack:
        stream = io.BufferedReader(_Translated(unpack(stream), path, limit), BUFFER_BYTES)
        if _head(stream).startswith(PARQUET):
            raise UnreadableInput(f"{path} is a packed Parquet file; unpack it and give the .parquet file.")
    elif zipped and head.startswith(PARQUET):
        raise UnreadableInput(f"{path} holds a Parquet file; unpack it and give the .parquet file.")
    return stream if unpack else io.BufferedReader(stream, BUFFER_BYTES)


def _head(stream: io.BufferedReader[Any]) -> bytes:
    return stream.peek(HEAD_BYTES)[:HEAD_BYTES]


@contextmanager
def _unzipped(source: Path, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        archive = zipfile.ZipFile(file)
        member = _member(source, archive)
        if member.flag_bits & 1:
            raise UnreadableInput(f"{source} is encrypted; unpack {member.filename} and give that file.")
        stream = archive.open(member)
    except DAMAGED_ZIP as error:
        raise DamagedInput(f"{source} is truncated or corrupt ({error}); download or copy it again.") from error
    with archive, stream:
        yield member.filename, stream


def _member(source: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return AmazonTitles' training products, or the only file of a zip that holds products by its name."""
    named = [one for one in archive.infolist() if one.filename and not one.is_dir()]
    members = [one for one in named if not is_no_data(PurePosixPath(one.filename))]
    for wanted in PUBLISHED:
        for member in members:
            if PurePosixPath(member.filename).name.lower() == wanted:
                return member
    for suffixes in (KINDS, (".txt",), (*SPREADSHEETS, ".parquet")):
        found = [one for one in members if suffix_of(one.filename) in suffixes]
        if len(found) > 1:
            listed = f"{len(found)} files of products: {_listed(found)}"
            raise UnreadableInput(f"{source} holds {listed}; unpack it and give one of them, or the folder.")
        if found and ".parquet" in suffixes:
            raise UnreadableInput(f"{source} holds {_listed(found)}; unpack it and give that file.")
        if found:
            return found[0]
    raise UnreadableInput(f"{source} holds no file of products but {_listed(members or named)}; give one.")


def _listed(members: list[zipfile.ZipInfo]) -> str:
    names = ", ".join(ascii(one.filename)[1:-1] for one in members[:NAMES_SHOWN]) or "nothing"
    return f"{names} and {len(members) - NAMES_SHOWN} more" if len(members) > NAMES_SHOWN else names


class _Translated(io.RawIOBase):
    """A raw stream that wraps another one, translates its exceptions into `UnreadableInput`, and keeps to a limit."""

    def __init__(self, inner: IO[bytes], path: Path, limit: _Limit | None) -> None:
        self._inner, self._path, self._limit = inner, path, limit
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except EOFError as error:
            raise DamagedInput(f"{self._path} is truncated: it ends too early; download or copy it again.") from error
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
            raise DamagedInput(f"{self._path} is corrupt ({error}); download or copy it again.") from error
        except OSError as error:
            raise UnreadableInput(f"{self._path} cannot be read: {_words(error)}.") from error
        self._read += len(data)
        if self._limit:
            self._limit.check(self._read)
        buffer[: len(data)] = data
        return len(data)


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
