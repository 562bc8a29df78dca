"""Write the file to publish and its restore file together: both appear complete, and neither replaces another file."""

from __future__ import annotations

import filecmp
import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from shelftalk.errors import NotFound, NotWritable, UserError
from shelftalk.mounts import refuse_mounted_file
from shelftalk.workspace import staged_file

PACKED = ".gz"
OTHER_PACKINGS = (".zip", ".bz2", ".xz", ".zst")


def restore_path(target: Path) -> Path:
    """Return the path of the restore file: products.restore.csv beside products.csv."""
    suffix = "".join(target.suffixes[-2:]) if target.suffix.lower() == PACKED else target.suffix
    return target.with_name(f"{target.name.removesuffix(suffix)}.restore{suffix}")


def suffix_of_target(target: Path) -> str:
    """Return the suffix of a file to write, in lower case, without that of its packing."""
    return Path(target.name.lower().removesuffix(PACKED)).suffix


def check_target(target: Path, source: Path, suffixes: tuple[str, ...], may_be_packed: bool, what: str) -> None:
    """Check the name and the folder of the file to write.

    Raises:
        UserError: its name does not end in one of the suffixes, it says a packing that is not written, or it is the
            input or a folder, or it or its restore file is a mount point.
        NotFound: its folder does not exist.
        NotWritable: its folder cannot be written to.
    """
    name = target.name.lower()
    if name.endswith(OTHER_PACKINGS) or (name.endswith(PACKED) and not may_be_packed):
        also = " or with .gz behind that" if may_be_packed else ", not packed"
        raise UserError(f"--to {target} cannot be written: give a name that ends in {_listed(suffixes)}{also}.")
    if suffix_of_target(target) not in suffixes:
        raise UserError(f"--to must end in {_listed(suffixes)} for {what}, got {target.name!r}.")
    if not target.parent.is_dir():
        raise NotFound(f"There is no folder {target.parent} for --to; make it with: mkdir -p {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise NotWritable(f"Cannot write into {target.parent}: permission denied; choose another --to.")
    if target.is_dir():
        raise UserError(f"--to {target} is a folder; give a file in it.")
    for path in (target, restore_path(target)):
        refuse_mounted_file(path, "--to")
        if path.exists() and source.exists() and path.samefile(source):
            raise UserError(f"--to {target} would replace the input {source}; choose another name.")


@contextmanager
def both_files(target: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Yield two open files, of the texts and of the old ones; they appear when the block ends without exception.

    The restore file appears first: a kill leaves none, it alone, or both. A file that is there already stays where it
    has the same bytes.

    Raises:
        UserError: another file is there.
        NotWritable: see `workspace.writing`.
    """
    with staged_file(target) as one, staged_file(restore_path(target)) as other:
        with ExitStack() as stack:
            yield stack.enter_context(_opened(one, target)), stack.enter_context(_opened(other, target))
        for path, written in ((target, one), (restore_path(target), other)):
            if path.exists() and not (path.is_file() and filecmp.cmp(path, written, shallow=False)):
                raise UserError(f"{path} exists and holds something else; remove it or choose another --to.")


@contextmanager
def _opened(path: Path, target: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if target.suffix.lower() != PACKED:
            yield file
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:  # the same bytes at each time
            yield packed  # type: ignore[misc]


def _listed(suffixes: tuple[str, ...]) -> str:
    return " or ".join(suffixes)
