"""Read what was written down of a run's learning, while it trains or afterwards: metrics.jsonl and samples.jsonl.

    metrics.jsonl    a line each `log_every` updates: step, epoch, loss, gradient_norm, learning_rate;
                     a line each validation: step, validation_loss
    samples.jsonl    a line each sample: step, title, text, true (the catalogue's own description), and stopped (the
                     model ended its text by itself)

Both are the same to the byte however often a run was cut off. A last line may be half written while they are read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"


def read_newest_metrics(folder: Path) -> dict[str, Any]:
    """Return the last whole line of a run's metrics.jsonl; an empty mapping where there is none."""
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        return dict(json.loads(whole[-1])) if whole else {}
    except (OSError, ValueError):
        return {}


def read_metrics(folder: Path, points: int | None = None) -> list[dict[str, Any]]:
    """Return the whole lines of a run's metrics.jsonl, in order; none where there is no such file.

    With `points`, updates are thinned evenly to that many (two at least, the first and the last); validations stay.
    """
    lines = _whole_lines(folder / METRICS)
    return _records(lines if points is None else _thinned(lines, max(2, points)))


def read_samples(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a run's samples.jsonl, in order; none where there is no such file."""
    return _records(_whole_lines(folder / SAMPLES))


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that have their newline: the last one may be half written."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []


def _thinned(lines: list[bytes], points: int) -> list[bytes]:
    """Drop updates, unparsed, so that of a million only the few that are wanted cost anything."""
    updates = [number for number, line in enumerate(lines) if b'"validation_loss"' not in line]
    if len(updates) <= points:
        return lines
    kept = {updates[point * (len(updates) - 1) // (points - 1)] for point in range(points)}
    dropped = set(updates) - kept
    return [line for number, line in enumerate(lines) if number not in dropped]


def _records(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    records = []
    for line in lines:
        with suppress(ValueError, TypeError):  # a line that a disk has spoilt
            records.append(dict(json.loads(line)))
    return records
