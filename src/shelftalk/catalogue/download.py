"""Download a published data set to a file, complete and verified, or not at all; an interrupted download resumes.

gdown downloads, since Google Drive serves a large file only after a confirmation page; it handles plain URLs too. The
partial file is NAME.download, eight letters and .part, in the same folder, and the next call resumes from it;
NAME.download is a complete file that has not been verified yet.
"""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from shelftalk.catalogue.files import opened
from shelftalk.catalogue.packed import PUBLISHED
from shelftalk.errors import Damaged, NotFound, NotWritable, Unreachable, UnreadableInput
from shelftalk.extras import require_extra
from shelftalk.locks import lock_file
from shelftalk.records import Progress, no_progress
from shelftalk.workspace import fsync_folder, lock, sha256

RETRIES = 4  # after each interruption, within one call; the pauses between them add up to 15 seconds at most
SECONDS_OF_SILENCE = 60


class Archive(NamedTuple):
    """A published zip: its file name, its URL, and its minimum and maximum size in bytes, where known."""

    file: str
    url: str
    sizes: tuple[int, int] | None


ARCHIVES = {
    # The Extreme Classification Repository's raw text. Its size is published as "849 MB" (of 10^6 or of 2^20 bytes), a
    # hash is not published.
    "amazontitles": Archive(
        "LF-Amazon-1.3M.raw.zip",
        "https://drive.google.com/uc?id=12zH4mL2RX8iSvH0VCNnd3QxO4DzuHWnK",
        (848_500_000, 890_800_000),
    )
}


def published(name: str, url: str | None = None) -> Archive:
    """Return a published archive by its name; at another `url` it may have any size.

    Raises:
        NotFound: no archive has that name.
    """
    if name not in ARCHIVES:
        raise NotFound(f"There is no data set {name!r} to download; there is: {', '.join(ARCHIVES)}.")
    return ARCHIVES[name] if url is None else ARCHIVES[name]._replace(url=url, sizes=None)


def download(archive: Archive, target: Path, digest: str | None = None, progress: Progress = no_progress) -> str:
    """Download an archive to `target` and return its SHA-256; an existing file is only verified.

    Before the file is renamed to `target`, these are verified: its size, the CRC-32 of each file in the zip, that
    `prepare` can read it, and, if given, its SHA-256 `digest`. `progress` gets the bytes received and the total.

    Raises:
        MissingPackage: gdown is not installed.
        Unreachable: the server does not answer, refuses the file, or the connection was lost.
        Damaged: it is not the published file; a new download is removed then, except a valid archive with another
            SHA-256.
        NotWritable: the file cannot be written, or the disk is too small for it.
        Busy: another process downloads this file.
    """
    staged = target.with_name(f"{target.name}.download")
    with lock(target, "download"):
        file = target if target.exists() else staged
        if not file.exists():
            _fetch(archive, staged, progress)
        if fault := _fault(archive, file):
            if file == staged:  # or the next call would verify it again
                staged.unlink()
            advice = "it has been removed" if file == staged else "remove it"
            raise Damaged(f"{file} is not what was published: {fault}; {advice}, run the same command again.")
        found = sha256(file)
        if digest and found != digest.lower():
            advice = f"give the right --sha256, or remove {file} to fetch it again"
            raise Damaged(f"{archive.file} has the SHA-256 {found}, not {digest}; {advice}.")
        file.replace(target)
        fsync_folder(target.parent)
        lock_file(target).unlink(missing_ok=True)  # a waiting process will find the file
    return found


def _fetch(archive: Archive, staged: Path, progress: Progress) -> None:
    require_extra("download", "Downloading", "gdown", "requests")
    import gdown

    def show(done: int, total: int | None) -> None:
        if total and (free := shutil.disk_usage(staged.parent).free) < total - done:
            left = f"{free:,} bytes are free there and {total - done:,} are to come"
            raise NotWritable(f"Cannot write {staged}: {left}; free some space, or choose another --output.")
        progress(done, total or done)

    with _translated(archive, staged):
        gdown.download(
            url=archive.url,
            output=str(staged),
            quiet=True,
            resume=True,
            retries=RETRIES,
            timeout=SECONDS_OF_SILENCE,
            use_cookies=False,  # neither send the user's cookies to Google nor store Google's here
            progress=show,
        )


@contextmanager
def _translated(archive: Archive, staged: Path) -> Iterator[None]:
    """Translate the exceptions of gdown and requests into ours, with messages of one line."""
    import gdown
    import requests

    host = urlsplit(archive.url).hostname or archive.url
    try:
        yield
    except gdown.FileURLRetrievalError as error:
        raise Unreachable(
            f"{host} refuses to serve {archive.file}: {_reason(error)}. Try again in some hours, or open "
            f"{archive.url} in a browser and give shelftalk prepare the file."
        ) from error
    except requests.HTTPError as error:
        answer = "" if error.response is None else f" {error.response.status_code} {error.response.reason}"
        raise Unreachable(f"{host} answers{answer}; check the address (--url), or try again later.") from error
    except (gdown.DownloadError, requests.RequestException) as error:
        advice = "check the network, and run the same command again"
        for part in staged.parent.glob(f"{staged.name}????????.part"):
            advice = f"run the same command again to resume the download, or remove {part} to start again"
        raise Unreachable(f"The download from {host} failed: {_reason(error)}; {advice}.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotWritable(f"Cannot write {staged}: {reason}; free some space, or choose another --output.") from error


def _reason(error: Exception) -> str:
    """Return the reason in a library's error message: gdown's second paragraph, or the cause of a connection error."""
    cause = error.__cause__ or error
    text = str(getattr(cause.args[0], "reason", cause) if cause.args else cause)
    paragraphs = text.split("\n\n")
    words = " ".join((paragraphs[1] if len(paragraphs) > 2 else text.splitlines()[0]).split())
    return re.sub(r"^HTTPS?Connection(Pool)?\(.*?\): ", "", words).removesuffix(".")[:300]


def _fault(archive: Archive, file: Path) -> str:
    """Return what is wrong with a downloaded zip; '' where nothing is."""
    size = file.stat().st_size
    if archive.sizes and not archive.sizes[0] <= size <= archive.sizes[1]:
        return f"it has {size:,} bytes, and {archive.sizes[0]:,} to {archive.sizes[1]:,} were expected"
    if not zipfile.is_zipfile(file):
        with file.open("rb") as begin:
            return f"it is no zip and begins with {ascii(begin.read(40))[2:-1]}"
    try:
        with zipfile.ZipFile(file) as content:
            if damaged := content.testzip():
                return f"the CRC-32 of {damaged} in it is wrong"
        with opened(file) as held:  # as in prepare
            found = Path(held.name).name
            return "" if found in PUBLISHED else f"it holds no {' or '.join(PUBLISHED)} but {ascii(found)[1:-1]}"
    except UnreadableInput as error:
        return str(error).removeprefix(f"{file} ").partition(";")[0]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        return f"it is damaged ({error})"
