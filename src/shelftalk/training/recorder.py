"""Record a training: metrics.jsonl, the run's state, progress, and stopping on request.

metrics.jsonl holds losses, see `runs.metrics`; times and speeds go to state.json only.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import accumulate
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from shelftalk.lines import append_line
from shelftalk.records import Progress
from shelftalk.runs.metrics import METRICS
from shelftalk.settings import TrainingSettings
from shelftalk.training.processes import any_process, is_first_process
from shelftalk.training.state import RunState, stop_signals
from shelftalk.workspace import write_bytes

WINDOW = 50  # updates over which speed is averaged: few enough to react to changes, many enough to be stable


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Writes metrics.jsonl, updates the state, reports progress, and on request ends the training after an update.

    `examples` is the number of examples of all epochs, `tokens_by_step` has the input tokens of each update of the run,
    and `first_step` is the number of updates that earlier calls made.
    """

    def __init__(
        self,
        folder: Path,
        settings: TrainingSettings,
        examples: int,
        tokens_by_step: Sequence[int],
        first_step: int,
        state: RunState,
        progress: Progress,
    ) -> None:
        self.metrics, self.settings, self.examples = folder / METRICS, settings, examples
        self.tokens_until = list(accumulate(tokens_by_step, initial=0))
        self.state, self.progress = state, progress
        self.ends: deque[tuple[int, float]] = deque(maxlen=WINDOW + 1)  # of the last updates: step and time
        if is_first_process():
            keep_lines_until(self.metrics, first_step)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.state.become("running", step=state.global_step, steps=state.max_steps)
        self.progress(state.global_step, state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append((state.global_step, time.monotonic()))
        self.state.update(step=state.global_step, **self.speed())
        self.progress(state.global_step, state.max_steps)
        if any_process(self.state.stop_asked):
            self.state.stop_asked = True
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if not is_first_process():
            return
        if "eval_loss" in logs:
            self._append({"step": state.global_step, "validation_loss": logs["eval_loss"]})
        if "loss" not in logs:
            return
        seen = state.global_step * self.settings.batch_size * self.settings.gradient_accumulation
        line = {
            "step": state.global_step,
            "epoch": round(min(seen, self.examples) * self.settings.epochs / self.examples, 4),
            "loss": logs["loss"],
            "gradient_norm": logs["grad_norm"],
            "learning_rate": logs["learning_rate"],
        }
        self._append(line)

    def _append(self, line: dict[str, float]) -> None:
        append_line(self.metrics, json.dumps(line, allow_nan=False))

    def speed(self) -> dict[str, float]:
        """Return the state's speeds, or {} before the second update: the first one includes the warm-up."""
        if len(self.ends) < 2:
            return {}
        (first, start), (last, end) = self.ends[0], self.ends[-1]
        tokens_per_second = (self.tokens_until[last] - self.tokens_until[first]) / (end - start)
        return {
            "tokens_per_second": round(tokens_per_second, 1),
            "seconds_per_step": round((end - start) / (last - first), 3),
            "seconds_left": round((self.tokens_until[-1] - self.tokens_until[last]) / tokens_per_second, 1),
        }


def graceful_stop(state: RunState) -> AbstractContextManager[None]:
    """Turn the first Ctrl-C or SIGTERM into a stop after the current update; the second one interrupts immediately."""

    def request() -> None:
        if state.stop_asked:
            raise KeyboardInterrupt
        state.stop_asked = True

    return stop_signals(request)


def keep_lines_until(path: Path, step: int) -> None:
    """Remove the lines after update `step`, whose updates will be repeated, from a file of JSON lines.

    A line with NaN, as earlier versions wrote it, is no JSON and is removed, too.
    """
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            known = line.endswith("\n") and json.loads(line, parse_constant=_refuse)["step"] <= step
        except (ValueError, LookupError, TypeError, RecursionError):  # incomplete, left by a killed process
            known = False
        if known:
            kept.append(line)
    write_bytes(path, "".join(kept).encode())


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
