"""Count the rows of a file of titles before they are described, and say what is missing or cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from shelftalk.catalogue.known_attributes import KnownAttributes
from shelftalk.generation.titles import TitleRow

NAMES_SHOWN = 10  # of attributes
MOST_NAMES = 20_000
EXAMPLES = 3  # line numbers shown for each reason of a bad row


@dataclass
class Survey:
    """The numbers of rows and of rows to describe in a file of titles, and the count and first lines of each fault.

    `attributes` has the name of each attribute of any row by the same name in lower case, and `columns` those of the
    columns of any row; of each at most `MOST_NAMES`. `repeated` are the first ids that come again, with their lines.
    """

    rows: int = 0
    usable: int = 0
    faults: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    repeated: dict[str, list[int]] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict, repr=False)  # of each id's hash, the first

    def add(self, row: TitleRow) -> None:
        """Count one row."""
        self.rows += 1
        self.usable += not row.fault
        if row.carried and not row.carried.keys() <= self.columns.keys() and len(self.columns) < MOST_NAMES:
            self.columns |= dict.fromkeys(row.carried)
        if row.uid and not row.fault:
            first = self.lines.setdefault(hash(row.uid), row.line)
            if first != row.line and (row.uid in self.repeated or len(self.repeated) < NAMES_SHOWN):
                self.repeated.setdefault(row.uid, [first]).append(row.line)
        for name, _ in row.attributes:
            if len(self.attributes) < MOST_NAMES:  # a file may give each product names of its own
                self.attributes.setdefault(name.casefold(), name)
        if row.fault:
            count, lines = self.faults.get(row.fault, (0, []))
            self.faults[row.fault] = (count + 1, [*lines, row.line][:EXAMPLES])


def survey_titles(
    rows: Iterable[TitleRow], known: KnownAttributes, say: Callable[[str], None], names: Iterable[str] = ()
) -> Survey:
    """Count all rows of a file; `say` gets what they have of a run's attributes, and which cannot be described.

    `names` are those of the file's columns that are known already.
    """
    found = Survey(columns=dict.fromkeys(names))
    for row in rows:
        found.add(row)
    if known:
        say(_told_of_attributes(found, known))
    if found.repeated:
        listed = "; ".join(
            f"{uid} (lines {', '.join(map(str, found.repeated[uid][:EXAMPLES]))})" for uid in found.repeated
        )
        say(f"Several products have one id, so that an importer would join them: {listed}. Give each its own.")
    for reason, (count, lines) in found.faults.items():
        say(f"{unusable(reason, count, lines)}; the output has each in its place.")
    return found


def _told_of_attributes(survey: Survey, known: KnownAttributes) -> str:
    """Return a message on which of the attributes that the run knows the input has, and which others."""
    missing = [name for name in known.names if name.casefold() not in survey.attributes]
    found = len(known.names) - len(missing)
    rest = f"; not there: {_listed(missing)}" if missing else ""
    line = f"The input has {found} of the {len(known.names)} attributes that the run was trained on{rest}."
    if unknown := [name for name in survey.attributes.values() if name not in known]:
        line += f" Used all the same, though it was not trained on them: {_listed(unknown)}."
    if lacking := [name for name in known.usual if name.casefold() not in survey.attributes]:
        line += f" Nearly all products that it learned from have {_listed(lacking)}: without them it writes worse."
    return line


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")


def unusable(reason: str, count: int, lines: Sequence[int]) -> str:
    """Return a message on the rows that cannot be described for one reason."""
    named = ", ".join(map(str, lines)) + (", ..." if count > len(lines) else "")
    return f"{count:,} cannot be described, {reason.replace('_', ' ')} (line {named})"
