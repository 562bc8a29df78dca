"""The workspace's folders and names, atomic writes, manifests and locks.

    workspace/
      models/NAME/        a base model, converted once
      catalogues/NAME/    products.parquet, rejects.jsonl, catalogue.json; beside it NAME.rules.toml
      runs/NAME/          run.json, metrics.jsonl, samples.jsonl, checkpoints/, adapter/, index/, report/

A file is written under a temporary name, fsynced and renamed. A folder that means "done" is filled under a temporary
name, gets a manifest of SHA-256s as its last file, and is renamed. This module does not know what the files mean.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shelftalk import disk_errors, lfs, locks, mounts
from shelftalk.errors import Busy, Damaged, InvalidName, NotFound, NotWritable

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MANIFEST = "manifest.json"


def check_name(name: str, kind: str) -> str:
    """Return `name` if it is valid as the name of a folder in the workspace.

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
    """The folder of everything that shelftalk writes. The constructor does not access the disk."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def model(self, name: str) -> Path:
        """Return the folder of a converted base model; it may not exist."""
        return self.root / "models" / check_name(name, "model")

    def catalogue(self, name: str) -> Path:
        """Return the folder of a catalogue; it may not exist."""
        return self.root / "catalogues" / check_name(name, "catalogue")

    def rules(self, name: str) -> Path:
        """Return the file of a catalogue's house rules; it may not exist. Preparing the catalogue again keeps it."""
        return self.root / "catalogues" / f"{check_name(name, 'catalogue')}.rules.toml"

    def run(self, name: str) -> Path:
        """Return the folder of a run; it may not exist."""
        return self.root / "runs" / check_name(name, "run")

    def catalogues(self) -> list[str]:
        """Return the names of the finished catalogues, sorted."""
        return _folders_with(self.root / "catalogues", "catalogue.json")

    def runs(self) -> list[str]:
        """Return the names of the runs, finished or not, sorted."""
        return _folders_with(self.root / "runs", "run.json")

    def existing_catalogue(self, name: str) -> Path:
        """Return the folder of a finished catalogue.

        Raises:
            NotFound: there is none of that name; the message lists the existing names.
        """
        folder = self.catalogue(name)
        if not _has(folder, "catalogue.json"):
            raise NotFound(_not_found("catalogue", name, self.catalogues(), "shelftalk prepare FILE --name " + name))
        return folder

    def existing_run(self, name: str) -> Path:
        """Return the folder of a run, finished or not.

        Raises:
            NotFound: there is none of that name; the message lists the existing names.
        """
        folder = self.run(name)
        if not (folder / "run.json").is_file():
            raise NotFound(_not_found("run", name, self.runs(), "shelftalk train CATALOGUE --run " + name))
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
def writing(path: Path, size: int | None = None) -> Iterator[None]:
    """Translate the operating system's errors on writing `size` bytes at `path` into `NotWritable`.

    Raises:
        NotWritable: permission, a read-only file system, a full disk, a file where a folder should be, a mount point
            where a file or folder should be replaced, or a folder that a container's image holds.
    """
    try:
        yield
    except Exception as error:
        if reason := disk_errors.reason(error, path, size):
            raise NotWritable(f"Cannot write {reason}.") from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: under a temporary name, fsynced, then renamed.

    Raises:
        NotWritable: see `writing`.
    """
    with staged_file(path, len(data)) as temporary:
        temporary.write_bytes(data)


@contextmanager
def staged_file(path: Path, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary path to write; the file replaces `path` atomically when the block ends without exception.

    A link at `path` is replaced; what it leads to stays as it is.

    Raises:
        NotWritable: see `writing`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path, size):
        _make_folder(path.parent)
        _remove_unfinished(path)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Create `folder` and its parents so that they survive a power failure."""
    if not folder.is_dir() and folder != folder.parent:
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        fsync_folder(folder.parent)


def _remove_unfinished(path: Path) -> None:
    """Remove the temporary files of killed writers of `path`; a running process may still be writing its own."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = temporary.name.split(".")[-2]
        if process.isdigit() and not locks.is_running(int(process)):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write indented UTF-8 JSON atomically."""
    write_bytes(path, _json_bytes(value))


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def read_json(path: Path) -> Any:
    """Read a JSON file that shelftalk wrote.

    Raises:
        Damaged: the file is missing, is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} cannot be read ({error}); make it again with the command that wrote it.") from error


@contextmanager
def staged_folder(path: Path, size: int | None = None, excluded: Collection[str] = ()) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `path`, with a manifest, when the block ends without exception.

    `size` is the number of bytes that the block writes, if known, for the message about a full disk. `excluded` files
    are not in the manifest: they may change. A folder already at `path` is replaced; after a kill between its removal
    and the rename of the new one, `recover_folder` restores it. Other files of killed writers are removed. The caller
    must hold the lock: two writers of one folder are not kept apart here. A mount point cannot be replaced: the files
    are moved into an empty one, the manifest last. A link at `path` is replaced; what it leads to stays as it is.

    Raises:
        NotWritable: see `writing`; whether the folder can be replaced is known before the block begins.
    """
    mounted, outgoing = mounts.is_mount(path), _hidden(path, "outgoing")
    staging = path / mounts.STAGING if mounted else _hidden(path, "staging")
    with writing(path, size):
        _make_folder(path.parent)
        for folder in (path, staging, outgoing):
            mounts.refuse_mounts_inside(folder)
        recover_folder(path)
        mounts.remove(staging)
        mounts.require_replaceable(path, staging)
        if (path / MANIFEST).is_file():  # then what was there before it is not needed any more
            mounts.remove(outgoing)
        staging.mkdir()
        try:
            yield staging
            write_manifest(staging, excluded)
            if mounted:
                staging.rename(path / mounts.WHOLE)  # from where recover_folder moves the files up
            else:
                if not mounts.is_free(path):
                    mounts.remove(outgoing)
                    path.rename(outgoing)
                staging.rename(path)
            fsync_folder(staging.parent)
            if not mounted:
                mounts.remove(outgoing)
        finally:
            recover_folder(path)
            mounts.remove(staging)


def recover_folder(path: Path) -> None:
    """Finish what a killed writer had begun: restore the old folder, or fill the mounted one.

    The caller must hold the lock: a living writer leaves the same between its two renames.
    """
    if _is_moved_aside(path):
        with suppress(FileNotFoundError):
            path.rmdir()  # an empty folder that somebody made meanwhile
        _hidden(path, "outgoing").rename(path)
    if (path / mounts.WHOLE).is_dir():
        mounts.move_up(path, last=MANIFEST)
        fsync_folder(path)


def _is_moved_aside(path: Path) -> bool:
    return os.path.lexists(_hidden(path, "outgoing")) and mounts.is_free(path)


def _has(folder: Path, file: str) -> bool:
    """Return whether a reader, who does not hold the lock, finds `file` in `folder`.

    What a killed writer left is recovered first; a living one is waited for, up to a second.
    """
    deadline = time.monotonic() + 1
    while not (found := (folder / file).is_file()) or (folder / mounts.WHOLE).is_dir():
        unfinished = _is_moved_aside(folder) or (folder / mounts.WHOLE).is_dir()
        if not unfinished or time.monotonic() > deadline:
            return (folder / file).is_file()
        try:
            with lock(folder, "restoring", timeout=0), writing(folder):
                recover_folder(folder)
        except (Busy, NotWritable):
            time.sleep(0.01)
    return found


def clear_leftovers(parent: Path) -> None:
    """Restore or remove the folders that killed writers left in `parent`; the caller must hold the lock."""
    for outgoing in parent.glob(".*.outgoing"):
        recover_folder(parent / outgoing.name[1:].removesuffix(".outgoing"))
        mounts.remove(outgoing)
    for staging in parent.glob(".*.staging"):
        mounts.remove(staging)


def write_manifest(folder: Path, excluded: Collection[str] = ()) -> None:
    """Fsync everything in `folder`, then write `manifest.json`: SHA-256 and size of each file not `excluded`."""
    files, readers = {}, folder.stat().st_mode & 0o444
    for entry in sorted(folder.rglob("*")):
        if entry.is_dir():
            fsync_folder(entry)
        else:
            entry.chmod(entry.stat().st_mode | readers)  # safetensors makes its files readable only by their owner
            with entry.open("rb") as handle:
                os.fsync(handle.fileno())
            files[entry.relative_to(folder).as_posix()] = {"sha256": sha256(entry), "bytes": entry.stat().st_size}
    listed = {name: one for name, one in files.items() if name not in excluded}
    with (folder / MANIFEST).open("wb") as file:
        file.write(_json_bytes({"files": listed}))
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(folder)


def faults(folder: Path, hashes: bool = True, required: Iterable[str] = ()) -> list[str]:
    """Verify a folder against its manifest and return the errors; an empty list means that every file is intact.

    Without `hashes` only presence and size are checked, and no file is read. A manifest is invalid if it does not
    list the `required` files, or lists a file outside the folder.
    """
    try:
        listed = read_json(folder / MANIFEST)["files"].items()
        files = {name: (entry["bytes"], entry["sha256"]) for name, entry in listed}
    except (Damaged, LookupError, TypeError, AttributeError):
        return [f"{MANIFEST} is missing or unreadable"]
    unlisted = [f"{name} is not in {MANIFEST}" for name in required if name not in files]
    found = [_fault(folder, name, size, digest if hashes else None) for name, (size, digest) in files.items()]
    return unlisted + [fault for fault in found if fault]


def _fault(folder: Path, name: str, size: int, digest: str | None) -> str | None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return f"{MANIFEST} lists {name!r}, which is outside the folder"
    file = folder / name
    try:
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != size:
            return f"{name} has {file.stat().st_size} bytes{lfs.hint(file)}, and {MANIFEST} says {size}"
        if digest is not None and sha256(file) != digest:
            return f"{name} has another SHA-256 than {MANIFEST} says"
    except OSError as error:
        return f"{name} cannot be read ({error.strerror})"
    return None


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; the file is read in blocks."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fsync_folder(folder: Path) -> None:
    """Fsync `folder`, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lock(folder: Path, purpose: str, descriptor: int | None = None, timeout: float = 1.0) -> Iterator[int]:
    """Hold `folder`'s lock during the block, and yield the descriptor of the lock's file.

    The lock is an flock on a file beside the folder: the operating system releases it when the process ends, also
    after a kill. The file names the holder, for people to read; this is valid only while the lock is held. `timeout`
    is the number of seconds to wait while another process holds it; the default outlasts a call of `is_locked`.

    A process that was started with the descriptor holds the lock too, from its start to its end: it passes that
    `descriptor`; see `locks.write_holder`.

    Raises:
        Busy: another process has held it for `timeout` seconds; the message names the process and its purpose.
        NotWritable: see `writing`.
    """
    path = locks.lock_file(folder)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o644) if descriptor is None else descriptor
    os.set_inheritable(held, False)  # an inherited one is, and must not pass to this process's children
    try:  # closing unlocks; an explicit unlock would also release it for a process that inherited the descriptor
        if not locks.acquire(held, timeout):
            who = path.read_text(encoding="utf-8") or "another process"
            raise Busy(f"{folder.name} is in use by {who}; wait until it has finished, or stop it.")
        with writing(path):
            locks.write_holder(held, os.getpid(), purpose)
        yield held
    finally:
        os.close(held)


def _hidden(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}.{suffix}")


def _folders_with(parent: Path, file: str) -> list[str]:
    names = {entry.name for entry in parent.iterdir()} if parent.is_dir() else set()
    names |= {outgoing.name[1:].removesuffix(".outgoing") for outgoing in parent.glob(".*.outgoing")}
    return sorted(name for name in names if NAME.fullmatch(name) and _has(parent / name, file))


def _not_found(kind: str, name: str, existing: list[str], cure: str) -> str:
    have = f"there are: {', '.join(existing)}" if existing else "there is none yet"
    return f"There is no {kind} {name!r}; {have}. Make it with: {cure}"
