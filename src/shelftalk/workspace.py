"""Folders, names, atomic writes, manifests and locks: where things lie and how they are written.

    workspace/
      models/NAME/        a base model, converted once
      catalogues/NAME/    products.parquet, rejects.jsonl, catalogue.json
      runs/NAME/          run.json, metrics.jsonl, checkpoints/, adapter/, index/, report/

A file is written beside its place, fsynced and renamed. A folder that means "done" is filled beside its place, gets a
manifest of SHA-256s as its last file, and is renamed. It knows nothing of what the files mean.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shelftalk.errors import Busy, Damaged, InvalidName, NotFound, NotWritable

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MANIFEST = "manifest.json"


def check_name(name: str, kind: str) -> str:
    """Return `name` if it may name a folder of the workspace.

    Raises:
        InvalidName: the name is not 1 to 64 of a-z, 0-9, dot, underscore, hyphen, beginning with a letter or digit.
    """
    if not NAME.fullmatch(name):
        raise InvalidName(
            f"{kind} name {name!r} is not allowed: use 1 to 64 of a-z, 0-9, '.', '_', '-', "
            "beginning with a letter or digit."
        )
    return name


class Workspace:
    """The folder that holds everything shelftalk makes. Constructing one touches no disk."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def model(self, name: str) -> Path:
        """Return the folder of a converted base model, which need not exist."""
        return self.root / "models" / check_name(name, "model")

    def catalogue(self, name: str) -> Path:
        """Return the folder of a catalogue, which need not exist."""
        return self.root / "catalogues" / check_name(name, "catalogue")

    def run(self, name: str) -> Path:
        """Return the folder of a run, which need not exist."""
        return self.root / "runs" / check_name(name, "run")

    def catalogues(self) -> list[str]:
        """Name the finished catalogues, sorted."""
        return _folders_with(self.root / "catalogues", "catalogue.json")

    def runs(self) -> list[str]:
        """Name the runs, finished or not, sorted."""
        return _folders_with(self.root / "runs", "run.json")

    def existing_catalogue(self, name: str) -> Path:
        """Return the folder of a finished catalogue.

        Raises:
            NotFound: there is none of that name; the message says which there are.
        """
        folder = self.catalogue(name)
        recover_folder(folder)
        if not (folder / "catalogue.json").is_file():
            raise NotFound(_no_such("catalogue", name, self.catalogues(), "shelftalk prepare FILE --name " + name))
        return folder

    def existing_run(self, name: str) -> Path:
        """Return the folder of a run, finished or not.

        Raises:
            NotFound: there is none of that name; the message says which there are.
        """
        folder = self.run(name)
        if not (folder / "run.json").is_file():
            raise NotFound(_no_such("run", name, self.runs(), "shelftalk train CATALOGUE --run " + name))
        return folder

    def make(self) -> None:
        """Create the root folder and try to write to it.

        Raises:
            NotWritable: the folder cannot be made or written to.
        """
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the operating system's refusals to write at `path` into `NotWritable`.

    Raises:
        NotWritable: permission, a read-only file system, a full disk, or a file where a folder should be.
    """
    try:
        yield
    except OSError as error:
        reasons = {
            errno.EACCES: "permission denied; choose another --workspace",
            errno.EPERM: "permission denied; choose another --workspace",
            errno.EROFS: "the file system is read-only; choose another --workspace",
            errno.ENOTDIR: "a file stands where a folder should be; choose another --workspace",
            errno.EEXIST: "a file stands where a folder should be; choose another --workspace",
            errno.ENOSPC: "the disk is full; free some space and run the same command again",
            errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
        }
        if error.errno not in reasons:
            raise
        raise NotWritable(f"Cannot write {error.filename or path}: {reasons[error.errno]}.") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: beside its place, fsynced, then renamed.

    Raises:
        NotWritable: see `writing`.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        fsync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write indented UTF-8 JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file that shelftalk wrote.

    Raises:
        Damaged: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be read ({error}); make it again with the command that wrote it.") from error


@contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its place, with a manifest, when the block ends without exception.

    A folder already at `path` is replaced; `recover_folder` puts it back where a kill fell between its removal and the
    new one's arrival. What else a killed writer left is removed. The caller holds the lock: two writers of one folder
    are not kept apart here.

    Raises:
        NotWritable: see `writing`.
    """
    staging = path.with_name(f".{path.name}.staging")
    outgoing = _outgoing(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(path)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            write_manifest(staging)
            shutil.rmtree(outgoing, ignore_errors=True)
            if path.exists():
                path.rename(outgoing)
            staging.rename(path)
            fsync_folder(path.parent)
            shutil.rmtree(outgoing, ignore_errors=True)
        finally:
            recover_folder(path)
            shutil.rmtree(staging, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Put back the folder that a killed writer had moved aside and not yet replaced, if there is one."""
    if not path.exists() and _outgoing(path).exists():
        _outgoing(path).rename(path)


def write_manifest(folder: Path) -> None:
    """Fsync every file under `folder` and write `manifest.json` with the SHA-256 and size of each, as its last file."""
    files = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            files[file.relative_to(folder).as_posix()] = {"sha256": sha256(file), "bytes": file.stat().st_size}
    write_json(folder / MANIFEST, {"files": files})


def faults(folder: Path, hashes: bool = True) -> list[str]:
    """List what is wrong with a folder against its manifest; an empty list means every file is as it was written.

    With `hashes` off only presence and size are checked, which costs no reading.
    """
    try:
        files = read_json(folder / MANIFEST)["files"]
    except (Damaged, KeyError, TypeError):
        return [f"{MANIFEST} is missing or unreadable"]
    found = []
    for name, entry in files.items():
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is missing")
        elif file.stat().st_size != entry["bytes"]:
            found.append(f"{name} has {file.stat().st_size} bytes instead of {entry['bytes']}")
        elif hashes and sha256(file) != entry["sha256"]:
            found.append(f"{name} has another SHA-256")
    return found


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, reading it in blocks."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fsync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lock(folder: Path, purpose: str) -> Iterator[None]:
    """Hold `folder`'s lock for the length of the block.

    The lock is the operating system's (flock) on a file beside the folder: it ends with the process that holds it,
    however that process ends.

    Raises:
        Busy: another process holds it; the message says which process and what for.
        NotWritable: see `writing`.
    """
    from filelock import FileLock, Timeout  # 30 ms that `--help` need not pay

    path = folder.with_name(f".{folder.name}.lock")
    holder = folder.with_name(f".{folder.name}.holder")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file_lock = FileLock(path)
        try:
            file_lock.acquire(timeout=1)  # a moment's patience for one who only looks
        except Timeout:
            who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
            raise Busy(f"{folder.name} is in use by {who}; wait until it has finished, or stop it.") from None
    try:
        write_bytes(holder, f"process {os.getpid()} ({purpose})".encode())
        yield
        holder.unlink(missing_ok=True)
    finally:
        file_lock.release()


def is_locked(folder: Path) -> bool:
    """Say whether a process holds `folder`'s lock; nothing is written."""
    path = folder.with_name(f".{folder.name}.lock")
    if not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _outgoing(path: Path) -> Path:
    return path.with_name(f".{path.name}.outgoing")


def _folders_with(parent: Path, file: str) -> list[str]:
    if not parent.is_dir():
        return []
    return sorted(entry.name for entry in parent.iterdir() if NAME.fullmatch(entry.name) and (entry / file).is_file())


def _no_such(kind: str, name: str, existing: list[str], cure: str) -> str:
    have = f"there are: {', '.join(existing)}" if existing else "there is none yet"
    return f"There is no {kind} {name!r}; {have}. Make it with: {cure}"
