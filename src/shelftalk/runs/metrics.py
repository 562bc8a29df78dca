"""Read a run's metrics.jsonl and samples.jsonl, during or after training.

    metrics.jsonl    one line every `log_every` updates: step, epoch, loss, gradient_norm, learning_rate;
                     one line per validation: step, validation_loss; step 0 is before training
    samples.jsonl    one line per sample: step, title, text, true (the catalogue's own description), and stopped
                     (whether the model produced the end token)

Both are identical byte for byte after any number of interruptions. The last line may be incomplete while they are read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
VALIDATION = b'"validation_loss"'


def read_newest_metrics(folder: Path) -> dict[str, Any]:
    """Return the last complete line of a run's metrics.jsonl; an empty mapping where there is none."""
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().splitlines(keepends=True)
        complete = [line for line in lines if line.endswith(b"\n")]
        return dict(json.loads(complete[-1])) if complete else {}
    except (OSError, ValueError):
        return {}


def read_metrics(folder: Path, points: int | None = None) -> list[dict[str, Any]]:
    """Return the complete lines of a run's metrics.jsonl, in order; an empty list where there is no such file.

    With `points`, that many evenly spaced updates are returned (at least two, the first and the last), and all
    validations.
    """
    lines = _complete_lines(folder / METRICS)
    return _records(lines if points is None else _thinned(lines, max(2, points)))


@dataclass(frozen=True, slots=True)
class Validation:
    """The validation loss of a run: before training, and the lowest one, measured after update `step`."""

    before: float
    best: float
    step: int

    @property
    def better(self) -> bool:
        """Whether any weights were better than those that the training began with."""
        return self.best < self.before

    def never_better(self, origin: str) -> str:
        """Return a sentence for a run that never got better than `origin`, with what to try."""
        return (
            f"This run never got better than {origin} on the validation products: their loss was {self.before:.3f} "
            f"before training, and {self.best:.3f} at best. Its texts probably tell what no title or attribute holds. "
            "Try a tenth of the learning rate, more products, or columns of attributes."
        )


def read_validation(folder: Path) -> Validation | None:
    """Return the validation losses of a run's metrics.jsonl; None before the first update that was measured."""
    losses = {
        one["step"]: one["validation_loss"]
        for one in _records(line for line in _complete_lines(folder / METRICS) if VALIDATION in line)
    }
    before = losses.pop(0, None)
    if before is None or not losses:
        return None
    step = min(losses, key=losses.__getitem__)
    return Validation(before, losses[step], step)


def read_samples(folder: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a run's samples.jsonl, in order; an empty list where there is no such file."""
    return _records(_complete_lines(folder / SAMPLES))


def _complete_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that end in a newline: the last one may be incomplete."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []


def _thinned(lines: list[bytes], points: int) -> list[bytes]:
    """Drop updates before parsing, so that of a million only the requested few are parsed."""
    updates = [number for number, line in enumerate(lines) if VALIDATION not in line]
    if len(updates) <= points:
        return lines
    kept = {updates[point * (len(updates) - 1) // (points - 1)] for point in range(points)}
    dropped = set(updates) - kept
    return [line for number, line in enumerate(lines) if number not in dropped]


def _records(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    records = []
    for line in lines:
        with suppress(ValueError, TypeError):  # a corrupt line
            records.append(dict(json.loads(line)))
    return records
