"""Project time and disk of a whole run from the measurements of a rehearsal, by arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from shelftalk.settings import TrainingSettings
from shelftalk.training.checkpoints import KEEP
from shelftalk.training.validation import FEWEST, with_interval

LINE_BYTES = 140  # of an update in metrics.jsonl
HISTORY_BYTES = 180  # of an update in the log history of a checkpoint


@dataclass(frozen=True)
class Measured:
    """The measurements of a rehearsal: seconds before the first update, without encoding, and of encoding one product;
    each update's (tokens, seconds), of which the first `warming` include the warm-up; then seconds of one checkpoint,
    of one validation, of its warm-up, of one sample and of the adapter; and the bytes of a checkpoint, of its weights,
    and of the adapter.
    """

    start: float
    encoding: float
    updates: list[tuple[int, float]]
    warming: int
    checkpoint: float
    validation: float
    validation_warm_up: float
    sample: float
    adapter: float
    checkpoint_bytes: int
    weights_bytes: int
    adapter_bytes: int

    @property
    def tokens_per_second(self) -> float:
        """The median speed of the updates after the warm-up."""
        return median(tokens / seconds for tokens, seconds in self.updates[self.warming :])

    @property
    def warm_up(self) -> float:
        """The seconds of the warm-up: those of its updates beyond what their tokens take at the median speed."""
        rate, warming = self.tokens_per_second, self.updates[: self.warming]
        return max(0.0, sum(seconds - tokens / rate for tokens, seconds in warming))

    def with_bytes_times(self, factor: float) -> Measured:
        """Return the same for an adapter `factor` times as large."""
        sizes = ("checkpoint_bytes", "weights_bytes", "adapter_bytes")
        return replace(self, **{name: round(getattr(self, name) * factor) for name in sizes})


def count_updates(settings: TrainingSettings, examples: int) -> int:
    """Count the updates of a run with so many examples in an epoch, as `batches.Plan` makes them."""
    return -(-examples * settings.epochs // (settings.batch_size * settings.gradient_accumulation))


def count_validations(settings: TrainingSettings, updates: int) -> int:
    """Count the validations of a run on a catalogue with enough products for them, with that of the base model."""
    every = with_interval(settings, updates, FEWEST).validate_every
    return 1 + -(-updates // every) if every else 0


def project(measured: Measured, settings: TrainingSettings, examples: int, tokens: int) -> dict[str, Any]:
    """Return the projected time and disk of a run of `examples` in an epoch and `tokens` in all epochs together."""
    updates = count_updates(settings, examples)
    checkpoints = -(-updates // settings.checkpoint_every)  # the last update has one in any case
    validations = count_validations(settings, updates) if measured.validation else 0
    samples = 1 + -(-updates // settings.sample_every) if settings.sample_every else 0  # one before any update
    lines = updates // settings.log_every
    rate = measured.tokens_per_second
    seconds = {
        "start": measured.start + examples * measured.encoding,
        "warm_up": measured.warm_up + measured.validation_warm_up,
        "updates": tokens / rate,
        "validations": validations * measured.validation,
        "samples": samples * measured.sample,
        "checkpoints": checkpoints * measured.checkpoint + measured.adapter,
    }
    disk_bytes = {
        "checkpoints": min(KEEP, checkpoints) * (measured.checkpoint_bytes + lines * HISTORY_BYTES),
        "best": measured.weights_bytes if validations else 0,
        "adapter": measured.adapter_bytes,
        "metrics": lines * LINE_BYTES,
    }
    return {
        "updates": updates,
        "tokens": tokens,
        "tokens_per_second": round(rate, 1),
        "seconds": seconds,
        "disk_bytes": disk_bytes,
        "seconds_total": sum(seconds.values()),
        "disk_bytes_total": sum(disk_bytes.values()),
    }
