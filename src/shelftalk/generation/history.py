"""Answers that were asked for, kept with their run: history.jsonl in its folder, a line for each.

A line is what `ask --json` prints, and with it `settings`, how it was written, and `time`, when (ISO 8601, UTC).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shelftalk.generation.compare import Comparison
from shelftalk.generation.tables import defused
from shelftalk.lines import append_record, read_records
from shelftalk.settings import DecodingSettings

FILE = "history.jsonl"
KEYS = {"query", "base", "tuned", "references", "settings", "time"}
COLUMNS = ("time", "query", "before", "after", "references")


def remember(folder: Path, comparison: Comparison, settings: DecodingSettings) -> None:
    """Add an answer to those in a run's folder.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    append_record(folder / FILE, {**comparison.as_mapping(), "settings": settings.as_mapping(), "time": now})


def read_history(folder: Path, newest: int | None = None) -> list[dict[str, Any]]:
    """Return the `newest` answers in a run's folder, or all, newest first; lines that cannot be read are left out."""
    records = [record for record in read_records(folder / FILE) if record.keys() >= KEYS]
    return records[::-1][:newest]


def history_as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return answers as a CSV of time, query, before, after and the references' titles, for a spreadsheet.

    What a spreadsheet would run as a formula begins with an apostrophe; see `tables.defused`.
    """
    text = io.StringIO(newline="")
    cells = csv.writer(text)
    cells.writerow(COLUMNS)
    for row in rows:
        titles = " | ".join(one["title"] for one in row["references"])
        texts = (row["time"], row["query"], row["base"]["text"], row["tuned"]["text"], titles)
        cells.writerow(map(defused, texts))
    return text.getvalue().encode(errors="replace")


def history_as_json(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return answers as a JSON list, as they were kept."""
    return json.dumps(rows, ensure_ascii=False, indent=2).encode(errors="replace") + b"\n"
