"""Find the files of which a catalogue is made: one, several, or all files of products in a folder, and their columns.

In a folder the files that could hold products are taken, in the order of their names, those in its folders too. One
that cannot be read, or has no columns of a title and a description, is left out, with the reason; a damaged one is
refused, for a damage behind its beginning would be found too late to leave it out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from shelftalk.catalogue.columns import Columns, choose_columns, untaken_attributes
from shelftalk.catalogue.file_names import KINDS, SPREADSHEETS, is_no_data, suffix_of
from shelftalk.catalogue.preview import Preview, preview
from shelftalk.catalogue.settings import FileSettings, PrepareSettings
from shelftalk.errors import DamagedInput, UnreadableInput, UserError

RAW_RECORDS = 2
MOST_FILES = 10_000  # of a folder
MOST_NAMES = 100_000  # of files in a folder, of any kind
MOST_TRIED = 20  # files of a folder, for a preview
SUFFIXES = frozenset((*KINDS, *SPREADSHEETS, ".txt", ".parquet", ".zip", ""))  # some write shards without any


@dataclass(frozen=True)
class Source:
    """One file of a catalogue, its beginning and its columns.

    `name` is the file's name, within the folder that was given. `part` stands in the ids that are made up for its rows,
    '' where the file is the only one. `possible` are columns of attributes that the automatic choice did not take.
    """

    path: Path
    name: str
    part: str
    beginning: Preview
    columns: Columns
    possible: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return its name, size in bytes, and how it is read."""
        return {"name": self.name, "bytes": self.path.stat().st_size, **self.beginning.form.describe()}


class Sources(NamedTuple):
    """The files of a catalogue, and (name, why) of each file in a folder that is left out."""

    files: list[Source]
    left_out: list[tuple[str, str]]

    def columns(self) -> dict[str, Any]:
        """Return the names of the columns of the first file, with the columns of attributes of all.

        Where they were chosen automatically, `possible` has the columns that could hold attributes too, if there are.
        """
        chosen = [one.columns for one in self.files]
        description = chosen[0].description
        possible = list(dict.fromkeys(name for one in self.files for name in one.possible))
        return {
            "title": chosen[0].title,
            "description": description[0] if len(description) == 1 else list(description),
            "id": chosen[0].uid,
            "attributes": list(dict.fromkeys(one.column for columns in chosen for one in columns.attributes)),
            **({"possible": possible} if possible else {}),
            **({"language": language} if (language := chosen[0].language) else {}),
        }

    def without_ids(self) -> Sources:
        """Return these files with their rows numbered."""
        return self._replace(files=[replace(one, columns=one.columns._replace(uid=None)) for one in self.files])

    @property
    def title(self) -> str:
        """The file's name, or how many files there are."""
        return self.files[0].name if len(self.files) == 1 else f"{len(self.files)} files"


def find_sources(given: Sequence[Path], settings: PrepareSettings) -> Sources:
    """Return the files of a catalogue, each with its columns.

    Raises:
        NotFound: see `files.opened`.
        DamagedInput: a file is damaged, also one in a folder.
        UnreadableInput: a given file cannot be read or lacks the columns, or a folder has no file that is read.
    """
    files: list[Source] = []
    left_out: list[tuple[str, str]] = []
    candidates, others = _candidates(given)
    automatic = settings.attributes == "automatic"
    for path, name, is_given in candidates:
        try:
            beginning = preview(path, RAW_RECORDS, settings)
            columns = Columns("title", ("description",))
            if beginning.columns:  # without any there is no readable row, and the first pass will report why
                columns = choose_columns(path, beginning.columns, settings, beginning.sample)
        except UserError as error:
            if is_given or isinstance(error, DamagedInput):
                raise
            left_out.append((name, _printable(str(error))))
        else:
            possible = untaken_attributes(beginning.columns, columns, beginning.sample) if automatic else ()
            files.append(Source(path, name, "", beginning, columns, possible))
    left_out += others
    if not files:
        _, why = left_out[0]
        raise UnreadableInput(f"{given[0]} holds no file that can be read; the first of {len(left_out)}: {why}")
    if len(files) > 1:
        files = [replace(one, part=f"{number}-") for number, one in enumerate(files, 1)]
    return Sources(files, left_out)


def paths_of(given: Sequence[Path]) -> list[Path]:
    """Return the given files, and those in given folders that could hold products.

    Raises:
        UnreadableInput: a folder with none of them, or with more than 10,000.
    """
    return [path for path, _, _ in _candidates(given)[0]]


def preview_first(given: Path, settings: FileSettings) -> Preview:
    """Return the beginning of a file; of a folder that of its first file with columns of a title and a description.

    Raises:
        NotFound, UnreadableInput: the file, or the first one where none has them, cannot be read; see `preview`.
    """
    paths = paths_of([given])
    for path in paths[:MOST_TRIED] if len(paths) > 1 else ():
        with suppress(UserError):
            beginning = preview(path, settings=settings)
            if beginning.title and beginning.description:
                return beginning
    return preview(paths[0], settings=settings)


def _candidates(given: Sequence[Path]) -> tuple[list[tuple[Path, str, bool]], list[tuple[str, str]]]:
    """Return (path, name, whether it was given itself) of each file, and (name, why) of what is left out of folders."""
    last = [path.name for path in given]
    names = [path.name if last.count(path.name) == 1 and path.name else str(path) for path in given]
    found: list[tuple[Path, str, bool]] = []
    left_out: list[tuple[str, str]] = []
    for path, name in zip(given, names, strict=True):
        if _is_folder(path):
            before = f"{name}/" if len(given) > 1 else ""
            files, others = _files_in(path)
            found += [(one, _printable(f"{before}{one.relative_to(path).as_posix()}"), False) for one in files]
            left_out += [(_printable(f"{before}{one}"), _printable(why)) for one, why in others]
        else:
            found.append((path, _printable(name), True))
    return found, left_out


def _printable(name: str) -> str:
    """Return a text with a name of a file that is not UTF-8, as Unicode."""
    return os.fsencode(name).decode(errors="replace")


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder; false where that cannot be known, which opening it reports."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _files_in(folder: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the files that could hold products, and (name, why) of folders and kinds of files that are left out.

    Links are followed; a folder that is there twice is read once. Files about others and hidden ones are left out.

    Raises:
        UnreadableInput: there are none that could hold products, or too many.
    """
    found: list[Path] = []
    left_out: list[tuple[str, str]] = []
    others: dict[str, tuple[str, int]] = {}  # by their suffix: the first, and how many there are
    seen: set[tuple[int, int]] = set()
    names_seen = 0

    def report(error: OSError) -> None:
        name = PurePath(error.filename).relative_to(folder).as_posix()
        left_out.append((name, f"{error.filename} cannot be opened: {str(error.strerror).lower()}"))

    for parent, folders, names in os.walk(folder, onerror=report, followlinks=True):
        state = Path(parent).stat()
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not is_no_data(PurePath(name)))
        names_seen += len(names)
        for name in sorted(one for one in names if not is_no_data(PurePath(one))):
            path, suffix = Path(parent) / name, suffix_of(name)
            if suffix in SUFFIXES:
                found.append(path)
            else:
                first, count = others.get(suffix, (path.relative_to(folder).as_posix(), 0))
                others[suffix] = (first, count + 1)
        if len(found) > MOST_FILES or names_seen > MOST_NAMES:
            most = MOST_FILES if len(found) > MOST_FILES else MOST_NAMES
            raise UnreadableInput(f"{folder} holds more than {most:,} files; give the folder of the products.")
    if not found:
        suffixes = ", ".join(filter(None, sorted(SUFFIXES)))
        why = f"; {left_out[0][1]}" if left_out else ""
        raise UnreadableInput(f"{folder} holds no file of products; their names end in {suffixes}{why}.")
    for suffix, (first, count) in sorted(others.items()):
        which = f"the first of {count} files" if count > 1 else "files"
        left_out.append((first, f"{which} with {suffix}, which are not read"))
    return found, left_out
