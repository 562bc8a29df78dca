"""Train a run from its catalogue to its adapter, going on from the newest good checkpoint where there is one."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from shelftalk import __version__
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import load_model
from shelftalk.models.registry import BaseModel
from shelftalk.models.tokens import Example, encode_example
from shelftalk.prompts import training_request
from shelftalk.records import Product, Progress, no_progress
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import plan_batches
from shelftalk.training.checkpoints import newest_checkpoint
from shelftalk.training.run import Run
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.workspace import faults, staged_folder, write_bytes, write_json


def train(
    run: Run, base: BaseModel, progress: Progress = no_progress, say: Callable[[str], None] = lambda line: None
) -> None:
    """Train `run` to its end, or go on where an earlier call was cut off; a finished run is left as it is.

    Writes checkpoints/, metrics.jsonl (a line of step, epoch, loss, gradient norm and learning rate every log_every
    updates), state.json (status, step, speed) and at last adapter/ in plain PEFT layout. The adapter does not depend
    on how often the training was cut off. `progress` counts updates; `say` is told what was resumed or skipped. The
    caller holds the run's lock.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint of the last finished update has been written.
        Damaged: the catalogue changed since the run began, or the base model cannot be read.
    """
    if run.finished and not faults(run.adapter):
        return
    settings = run.settings
    model, tokenizer = load_model(base.folder, run.precision)
    model = add_adapter(model, settings)
    plan = plan_batches(encode_products(tokenizer, run.products(), settings), settings)
    checkpoint, skipped = newest_checkpoint(run.checkpoints, run.description["data_hash"])
    for line in skipped:
        say(line)
    first_step = int(checkpoint.name.removeprefix("step-")) if checkpoint else 0
    if checkpoint:
        say(f"Going on from update {first_step}.")
    _keep_metrics_until(run.folder / "metrics.jsonl", first_step)
    recorder = _Recorder(run.folder, settings, sum(len(batch) for batch in plan), first_step, progress)
    data_hash = run.description["data_hash"]
    trainer = AdapterTrainer(model, plan, settings, run.checkpoints, data_hash, [recorder])
    with _stopping_gently(recorder):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if recorder.stop_asked:
        recorder.write_state("stopped", trainer.state)
        raise KeyboardInterrupt
    save_adapter(trainer.model, run)
    recorder.write_state("finished", trainer.state)


def encode_products(tokenizer: Any, products: list[Product], settings: TrainingSettings) -> list[Example]:
    """Return the training example of each product, its request in the form that its uid chooses."""
    return [
        encode_example(tokenizer, training_request(one.uid, one.title), one.description, settings.max_tokens)
        for one in products
    ]


def save_adapter(model: Any, run: Run) -> None:
    """Write the run's adapter/ with its model card, whole or not at all."""
    model.peft_config["default"].base_model_name_or_path = run.description["base"]["name"]
    with staged_folder(run.adapter) as staging:
        model.save_pretrained(staging, save_embedding_layers=False)
        write_bytes(staging / "README.md", _model_card(run).encode())


class _Recorder(TrainerCallback):  # type: ignore[misc]
    """Writes metrics.jsonl and state.json, reports progress, and stops the training when asked to."""

    def __init__(
        self, folder: Path, settings: TrainingSettings, examples: int, first_step: int, progress: Progress
    ) -> None:
        self.folder, self.settings, self.examples = folder, settings, examples
        self.first_step, self.progress = first_step, progress
        self.stop_asked = False
        self.started = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.started = time.monotonic()
        self.write_state("running", state)
        self.progress(state.global_step, state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress(state.global_step, state.max_steps)
        if self.stop_asked:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
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
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.write_state("running", state)

    def write_state(self, status: str, state: Any) -> None:
        seconds = time.monotonic() - self.started
        done = state.global_step - self.first_step
        write_json(
            self.folder / "state.json",
            {
                "status": status,
                "step": state.global_step,
                "steps": state.max_steps,
                "seconds_per_step": round(seconds / done, 3) if done else None,
                "updated": round(time.time(), 1),
            },
        )


@contextmanager
def _stopping_gently(recorder: _Recorder) -> Iterator[None]:
    """Turn the first Ctrl-C or SIGTERM into a stop after the current update; the second one acts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: Any) -> None:
        recorder.stop_asked = True
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep_metrics_until(path: Path, step: int) -> None:
    """Drop the lines of updates that will be made again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            known = json.loads(line)["step"] <= step
        except (ValueError, KeyError):  # a line cut off by a kill
            known = False
        if known:
            kept.append(line)
    write_bytes(path, "".join(kept).encode())


def _model_card(run: Run) -> str:
    base, settings = run.description["base"], run.settings.as_mapping()
    rows = "\n".join(f"| {name} | {value} |" for name, value in settings.items())
    return f"""---
library_name: peft
base_model: {base["name"]}
tags: [lora, product-descriptions, shelftalk]
---
# {run.name}

A LoRA adapter that writes product descriptions from titles in one catalogue's voice, made with shelftalk {__version__}.

- Base model: {base["name"]}, revision `{base["revision"]}`
- Terms of the base model, which also bind this adapter: {base["licence"]}
- Catalogue: {run.description["catalogue"]}, SHA-256 `{run.description["data_hash"]}`
- Descriptions may state facts that are not so: check sizes, counts and materials before publishing one.

| setting | value |
| --- | --- |
{rows}
"""
