"""Read a run's metrics.jsonl and samples.jsonl, during or after training.

    metrics.jsonl    one line every `log_every` updates: step, epoch, loss, gradient_norm, learning_rate;
                     one line per validation: step, validation_loss; step 0 is before training.
                     A training ends before it would write NaN; of lines that an earlier version wrote, figures that are
                     not finite are dropped when they are read
    samples.jsonl    one line per sample: step, title, text, true (the catalogue's own description), and stopped
                     (whether the model produced the end token)

Both are identical byte for byte after any number of interruptions. The last line may be incomplete while they are read.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
VALIDATION = b'"validation_loss"'
LOSS = b'"loss"'
NOT_FINITE = (b"NaN", b"Infinity")  # as Python writes them into JSON
SHARE = 10  # the first and the last tenth of a run's updates are compared
RISE = 1.05  # times the first loss: below, products that are harder by chance may be the reason
FEWEST = 3  # lines at each end, so that one update of hard products decides nothing in a short run


def read_newest_metrics(folder: Path) -> dict[str, Any]:
    """Return the last complete line of a run's metrics.jsonl; an empty mapping where there is none."""
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return {}
    newest = _records(line for line in lines if line.endswith(b"\n"))
    return newest[-1] if newest else {}


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
        if "validation_loss" in one
    }
    before = losses.pop(0, None)
    if before is None or not losses:
        return None
    step = min(losses, key=losses.__getitem__)
    return Validation(before, losses[step], step)


@dataclass(frozen=True, slots=True)
class TrainingLoss:
    """The mean training loss over the first and over the last updates of a run; infinite where one was not finite."""

    first: float
    last: float

    @property
    def fell(self) -> bool:
        """Whether the last updates have a lower loss than the first ones."""
        return self.last < self.first

    @property
    def rose(self) -> bool:
        """Whether the last updates have a clearly higher loss, more than differences between products make it."""
        return not self.last <= RISE * self.first

    def did_not_fall(self, origin: str) -> str:
        """Return a sentence for a run whose loss did not fall, which began from `origin`, with what to try."""
        last = f"{self.last:.3f}" if math.isfinite(self.last) else "not a finite number"
        first = f"{self.first:.3f}" if math.isfinite(self.first) else "not a finite number"
        cure = "a lower learning_rate" if self.rose else "another learning_rate, or for longer"
        return (
            f"The training loss of this run did not fall: it was {first} over its first updates, and {last} over its "
            f"last. Its texts may be no better than those of {origin}. Train another run with {cure}."
        )


def read_training_loss(folder: Path) -> TrainingLoss | None:
    """Return the mean loss of the first and of the last tenth of the lines with a loss in a run's metrics.jsonl.

    They are at least `FEWEST` lines each, and at most half of them; None where there are fewer than two. A loss that is
    not finite, which only an earlier version wrote, makes the last one infinite wherever it stands.
    """
    lines = [line for line in _complete_lines(folder / METRICS) if LOSS in line]
    count = min(len(lines) // 2, max(FEWEST, len(lines) // SHARE))
    if not count:
        return None
    spoilt = [line for line in lines if any(word in line for word in NOT_FINITE)]
    last = math.inf if any("loss" not in one for one in _records(spoilt)) else _mean_loss(lines[-count:])
    return TrainingLoss(_mean_loss(lines[:count]), last)


def read_loss_not_fallen(folder: Path) -> TrainingLoss | None:
    """Return a run's training loss if it did not fall, unless validation got better: held-out products decide then."""
    loss, validation = read_training_loss(folder), read_validation(folder)
    return None if loss is None or loss.fell or (validation and validation.better) else loss


def _mean_loss(lines: Iterable[bytes]) -> float:
    losses = [one["loss"] for one in _records(lines) if "loss" in one]
    return sum(losses) / len(losses) if losses else math.inf


def read_warnings(folder: Path, origin: str) -> list[str]:
    """Return a sentence for each sign that a run, which began from `origin`, learned nothing; none without such a sign.

    These are a training loss that did not fall, and a validation loss that was never lower than before training.
    """
    loss, validation = read_loss_not_fallen(folder), read_validation(folder)
    warnings = [loss.did_not_fall(origin)] if loss else []
    return [*warnings, validation.never_better(origin)] if validation and not validation.better else warnings


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
        with suppress(ValueError, TypeError, RecursionError):  # a corrupt line
            records.append({key: value for key, value in dict(json.loads(line)).items() if _is_sound(value)})
    return records


def _is_sound(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
