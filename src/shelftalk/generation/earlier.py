"""Go on with what version 0.1 left: journals and records of jobs that say less, and rows that were not checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shelftalk.catalogue.settings import FOUND
from shelftalk.generation.faults import check_text
from shelftalk.generation.journal import Journal
from shelftalk.generation.tables import OWN
from shelftalk.generation.titles import TitleRow
from shelftalk.records import Reference
from shelftalk.rules.house_rules import HouseRules

# What version 0.1 did not write of a job, with what it did.
UNSAID: dict[str, Any] = {
    **{name: value for name, value in FOUND.as_mapping().items() if name not in ("title_field", "id_field")},
    "with_references": False,
    "rules": "",
    "attributes": [],
    "attribute_names": [],
    "attribute_order": [],
    "output_columns": list(OWN),
    "digits": "any",
}
NO_TEXTS = (
    "was written by version 0.1, without the texts that review and publish need; to have them, write it again with "
    "--replace, or as another --output."
)


def complete_job(job: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a job as this version writes it, where version 0.1 wrote it; others are unchanged."""
    return job if UNSAID.keys() & job.keys() else {**UNSAID, **job}


def check_rows(
    journal: Journal,
    windows: Iterable[list[TitleRow]],
    nearest: Callable[[list[TitleRow]], dict[int, list[Reference]]],
    rules: HouseRules,
    language: str,
) -> None:
    """Check the texts of a journal that were not checked when they were written, and append what was found."""
    for rows in windows:
        if unchecked := [row for row in rows if row.number in journal and "faults" not in journal[row.number]]:
            references = nearest(rows)
            for row in unchecked:
                entry = journal[row.number]
                found = references.get(row.number, [])
                faults = check_text(entry["text"], row.request, found, rules, language=language)
                journal.append(row.number, {**entry, "faults": faults._asdict()})
