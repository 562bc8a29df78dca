"""Store the answers of a run in history.jsonl in its folder, one line for each.

A line has the keys of `ask --json`, the decoding `settings`, and the `time` (ISO 8601, UTC). Lines of earlier versions
have no `attributes`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shelftalk.generation.tables import NEAREST, escape_formula
from shelftalk.lines import append_record, read_records
from shelftalk.records import Comparison
from shelftalk.settings import DecodingSettings

FILE = "history.jsonl"
KEYS = {"query", "base", "tuned", "references", "settings", "time"}
COLUMNS = ("time", "query", "attributes", "before", "after", "nearest", "references")


def remember(folder: Path, comparison: Comparison, settings: DecodingSettings) -> None:
    """Append an answer to the history in a run's folder.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    append_record(folder / FILE, {**comparison.as_mapping(), "settings": settings.as_mapping(), "time": now})


def read_history(folder: Path, newest: int | None = None) -> list[dict[str, Any]]:
    """Return the `newest` answers in a run's folder, or all, newest first; unreadable lines are skipped."""
    records = [record for record in read_records(folder / FILE) if record.keys() >= KEYS]
    return records[::-1][:newest]


def history_as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return answers as a CSV of `COLUMNS`, for a spreadsheet.

    `nearest` says whether the first reference is near, see `tables.NEAREST`; of the references the titles are written,
    and how many products each stands for. Attributes are written as "name: value; name: value". A cell that a
    spreadsheet would run as a formula gets an apostrophe before it; see `tables.escape_formula`.
    """
    text = io.StringIO(newline="")
    cells = csv.writer(text)
    cells.writerow(COLUMNS)
    for row in rows:
        titles = " | ".join(map(_title_of, row["references"]))
        nearest = NEAREST[row["references"][0].get("near")] if row["references"] else ""
        texts = (row["time"], row["query"], attributes_in_line(row), row["base"]["text"], row["tuned"]["text"])
        cells.writerow(map(escape_formula, (*texts, nearest, titles)))
    return text.getvalue().encode(errors="replace")


def _title_of(reference: Mapping[str, Any]) -> str:
    alike = reference.get("alike")  # neither this nor `near` is in lines of earlier versions
    return f"{reference['title']} (and {alike} like it)" if alike else str(reference["title"])


def attributes_in_line(row: Mapping[str, Any]) -> str:
    """Return an answer's attributes as "name: value; name: value"; '' where it has none."""
    return "; ".join(f"{name}: {value}" for name, value in (row.get("attributes") or {}).items())


def history_as_json(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return answers as a JSON list, as they were stored."""
    return json.dumps(rows, ensure_ascii=False, indent=2).encode(errors="replace") + b"\n"
