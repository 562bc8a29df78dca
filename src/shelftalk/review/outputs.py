"""Find the outputs of `generate` that a run has written, by the records in its folder generated/."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, NotFound, UserError
from shelftalk.format_numbers import require_known
from shelftalk.generation.earlier import NO_TEXTS
from shelftalk.generation.texts import FORMAT, record_number
from shelftalk.moved import is_file, places
from shelftalk.runs.run import Run
from shelftalk.workspace import read_json, sha256


@dataclass(frozen=True)
class Output:
    """A finished output of a run: where it is, its input was, the file with its texts (`generation.texts`), its job.

    `notices` are what was said of the input when they were written.
    """

    path: Path
    source: Path
    texts: Path
    job: dict[str, Any]
    sha256: str
    notices: tuple[str, ...] = ()

    @property
    def input_sha256(self) -> str:
        """The hash of the file that the texts were written for."""
        return str(self.job["input_sha256"])


def list_outputs(run: Run) -> list[Output]:
    """Return the outputs of a run that still exist, the newest first; unreadable records are left out.

    Those that were moved or copied with the workspace are found; see `_find_now`.

    Raises:
        NewerFormat: a newer version of shelftalk recorded one.
    """
    return [one for one in _outputs(run) if is_file(one.path)]


def find_output(run: Run, path: Path) -> Output:
    """Return the output at `path`, also if it was moved there.

    Raises:
        NotFound: there is no file.
        UserError: this run did not write it, or it was changed since, or version 0.1 wrote it.
        NewerFormat: see `list_outputs`.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}; give an output of: shelftalk generate {run.name}")
    content = sha256(path)
    known = _outputs(run)
    same = [one for one in known if one.sha256 == content]
    if same:  # two inputs may have given the same output: the record of this path is taken before another
        return replace(next((one for one in same if one.path == path.absolute()), same[0]), path=path)
    if any(one.path == path.absolute() for one in known):
        raise UserError(
            f"{path} was changed since run {run.name!r} wrote it, so its rows may not be those that were checked; "
            "remove it, write it again with the same generate command, and edit texts in the review instead."
        )
    if any(_recorded(record).get("output_sha256") == content for record in _records(run)):
        raise UserError(f"{path} {NO_TEXTS}")
    raise UserError(f"{path} is no output of run {run.name!r}; give the run that wrote it, and the file it wrote.")


def find_record(run: Run, output: Path) -> Path:
    """Return the file that records the job of the output at that path; it may not exist yet.

    An output that was moved, alone or with the workspace, or copied with it, has the record of its earlier path.
    """
    own = run.folder / "generated" / f"{hashlib.sha256(os.fsencode(output.absolute())).hexdigest()[:16]}.json"
    if own.is_file() or not is_file(output):
        return own
    content = sha256(output)
    for record in _records(run):
        held = _recorded(record)
        if held.get("output_sha256") == content:
            known = isinstance(held.get("output"), str)  # version 0.1 recorded no path
            found = _find_now(record, held, "output", content, run.workspace.root) if known else None
            if not found or not is_file(found) or found.samefile(output):
                return record
    return own


def _records(run: Run) -> list[Path]:
    """Return the files of all records, the newest first."""
    records = (run.folder / "generated").glob("*.json")
    return sorted(records, key=lambda path: (record_number(path), path.stat().st_mtime, path.name), reverse=True)


def _recorded(record: Path) -> dict[str, Any]:
    """Return the content of a record; an empty one where it cannot be read."""
    try:
        held: dict[str, Any] = read_json(record)
        require_known(held, FORMAT, record)
    except Damaged:
        return {}
    return held


def _outputs(run: Run) -> list[Output]:
    """Return all outputs that the run's records name, the newest record first."""
    return [one for record in _records(run) if (one := _output(record, run.workspace.root)) is not None]


def _output(record: Path, root: Path) -> Output | None:
    texts = record.with_suffix(".parquet")
    held = _recorded(record)
    try:
        notices = tuple(map(str, held["summary"].get("notices", ())))
        job, content = held["job"], str(held["output_sha256"])
        path = _find_now(record, held, "output", content, root)
        source = _find_now(record, held, "input", job["input_sha256"], root)
        return Output(path, source, texts, job, content, notices) if texts.is_file() else None
    except (LookupError, TypeError, AttributeError):
        return None


def _find_now(record: Path, held: Mapping[str, Any], name: str, content: str, root: Path) -> Path:
    """Return where the output or the input with that hash is now, which `held`, the record's content, names.

    Files of a copied workspace have their way from the record in common with the original's, which may still be at the
    recorded path: the own file comes first. See also `moved.places`.
    """
    recorded = own = Path(held[name])
    if isinstance(way := held.get(f"{name}_from_here"), str):
        own = Path(os.path.normpath(record.parent.absolute() / way))
        if own == recorded and is_file(own):
            return own  # also one that was changed since
    found = (one for one in (own, *places(recorded, root)) if _has(one, content))
    return next(found, own if is_file(recorded) else recorded)  # never a changed file of the original


def _has(path: Path, content: str) -> bool:
    """Return whether there is a file with that hash which this user may read."""
    try:
        return path.is_file() and _hash(path, path.stat().st_mtime_ns) == content
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=256)
def _hash(path: Path, changed: int) -> str:
    """Return the SHA-256 of a file that was last changed then: a page asks for it at every click."""
    return sha256(path)
