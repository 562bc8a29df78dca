"""The decisions on the texts of one output: an append-only file of JSON Lines beside it.

    {"product": "oak-board", "request": "5d41402abc4b2a76", "decision": "edited", "before": "A board.",
     "after": "An oak board.", "who": "Ana", "when": "2026-11-30T11:02:33+00:00", "claims": [], "faults": 0}

`product` is the id of the product, `request` identifies the title and attributes that the text was written for. The
text that stood there is `before`, the one that stands there since `after`; '' is the generated one. The last line on a
product counts; all earlier ones stay. Several processes may append at once: each writes whole lines. Where a person
vouches for a claim that nothing else supports, it is among the `claims`; `faults` counts what is still wrong with the
text: claims without support, rules that it breaks, a flag.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from shelftalk.errors import Damaged
from shelftalk.format_numbers import require_known
from shelftalk.lines import FORMAT, append_records

Kind = Literal["undecided", "accepted", "edited", "rejected"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the file; `when` is in UTC, to the second. `edited` counts as accepted."""

    product: str
    request: str
    decision: Kind
    before: str
    after: str
    who: str
    when: str
    claims: Sequence[str] = ()
    faults: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the text may be published."""
        return self.decision in ("accepted", "edited")


def this_user() -> str:
    """Return the name of the machine's user, who decides where no other name is given."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "unknown"


def now() -> str:
    """Return the current time as in a decision."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class DecisionLog:
    """The file at `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0  # bytes
        self._identity: tuple[int, int] | None = None  # of the file that was read

    def append(self, decisions: Sequence[Decision]) -> None:
        """Append decisions; they are on disk when this returns.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        append_records(self.path, [asdict(one) for one in decisions])

    def began_again(self) -> bool:
        """Return whether the file was removed or replaced since it was read; then it is read from its beginning."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            status = None
        identity = status and (status.st_dev, status.st_ino)
        again = self._read > 0 and (status is None or status.st_size < self._read or identity != self._identity)
        self._identity = identity
        if again:
            self._read = 0
        return again

    def read_new(self) -> list[Decision]:
        """Return the decisions of all processes since the last call, oldest first; damaged lines are left out.

        Raises:
            NewerFormat: a newer version of shelftalk wrote a line.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                content = file.read()
        except FileNotFoundError:
            return []
        end = content.rfind(b"\n") + 1  # another process may be writing the last line
        self._read += end
        found = [_parsed(line, self.path) for line in content[:end].split(b"\n")]
        return [one for one in found if one is not None]


def log_beside(output: Path) -> DecisionLog:
    """Return the log of an output of `generate`."""
    return DecisionLog(output.resolve().with_name(f"{output.name}.decisions.jsonl"))


def _parsed(line: bytes, path: Path) -> Decision | None:
    try:
        values: dict[str, Any] = orjson.loads(line)
        require_known(values, FORMAT, path)
        decision = Decision(**values)
    except (orjson.JSONDecodeError, Damaged, TypeError):
        return None
    if not isinstance(decision.claims, list) or not isinstance(decision.faults, int):
        return None
    texts = (decision.product, decision.request, decision.before, decision.after, decision.who, decision.when)
    valid = decision.decision in KINDS and all(isinstance(one, str) for one in (*texts, *decision.claims))
    return decision if valid else None
