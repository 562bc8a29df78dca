"""Find the outputs of `generate` that a run has written, by the records in its folder generated/."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, NotFound, UserError
from shelftalk.generation.texts import record_number
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
    """Return the outputs of a run that still exist, the newest first; unreadable records are left out."""
    return [one for one in _outputs(run) if one.path.is_file()]


def find_output(run: Run, path: Path) -> Output:
    """Return the output at `path`, also if it was moved there.

    Raises:
        NotFound: there is no file.
        UserError: this run did not write it, or it was changed since.
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
    raise UserError(f"{path} is no output of run {run.name!r}; give the run that wrote it, and the file it wrote.")


def _outputs(run: Run) -> list[Output]:
    """Return all outputs that the run's records name, the newest record first."""
    records = (run.folder / "generated").glob("*.json")
    newest = sorted(records, key=lambda path: (record_number(path), path.stat().st_mtime, path.name), reverse=True)
    return [one for record in newest if (one := _output(record)) is not None]


def _output(record: Path) -> Output | None:
    texts = record.with_suffix(".parquet")
    try:
        held = read_json(record)
        notices = tuple(map(str, held["summary"].get("notices", ())))
        output = Output(Path(held["output"]), Path(held["input"]), texts, held["job"], held["output_sha256"], notices)
        is_whole = isinstance(output.job, dict) and "input_sha256" in output.job and texts.is_file()
        return output if is_whole else None
    except (Damaged, LookupError, TypeError, AttributeError):
        return None
