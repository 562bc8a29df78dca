"""What the journal of `generate` keeps of a row, and the row of the output that becomes of it."""

from __future__ import annotations

from typing import Any

from shelftalk.generation.flags import WORD, flag
from shelftalk.generation.tables import NEAREST, DescribedRow, NamedReference
from shelftalk.generation.titles import TitleRow
from shelftalk.records import Description, Faults, Reference

Entry = dict[str, Any]  # a row's entry in the journal


def entry_of(description: Description, faults: Faults, references: list[Reference]) -> Entry:
    """Return the entry of a row: its text, what was found in it, and its references without their descriptions."""
    return {
        "text": description.text,
        "stopped": description.stopped,
        "tokens": description.tokens,
        "faults": faults._asdict(),
        "references": [[one.uid, one.title, one.similarity] for one in references],
        "near": references[0].near if references else None,
    }


def described_row(row: TitleRow, entry: Entry) -> DescribedRow:
    """Return a row with what its entry has; the entry of a row that cannot be described is not read."""
    if row.fault:
        return DescribedRow(row, flag=row.fault, detail=row.detail)
    text = entry["text"]
    sources = [NamedReference(*one) for one in entry["references"]], NEAREST[entry.get("near")]  # absent in 0.1
    found, detail = flag(Description(text, entry["stopped"], entry["tokens"]))
    if found == "empty":
        return DescribedRow(row, text, found, detail, references=sources[0], nearest=sources[1])
    faults, words = Faults(**entry["faults"]), len(WORD.findall(text))
    counts = words, faults.unsupported, faults.contradicted
    return DescribedRow(row, text, found, detail, *counts, faults.untold, faults.broken, *sources)
