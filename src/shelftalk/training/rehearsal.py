"""Rehearse a training: some of its own updates, with its own settings, plan and code, measured and projected.

This wants a process of its own, because a process's peak memory is that of everything it ever did. The first update is
the one with the largest pass of the run: it warms up, and decides the peak memory. The updates after it, which are
timed, are those nearest to the run's mean. Seconds go with tokens, because packs hold hardly any padding.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from shelftalk.errors import OutOfMemory, ShelftalkError
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import best_device, load_model
from shelftalk.models.registry import BaseModel
from shelftalk.records import no_progress
from shelftalk.settings import TrainingSettings
from shelftalk.training.attention import PACKED, packed_attention
from shelftalk.training.batches import Examples, Plan, cut_into_packs
from shelftalk.training.checkpoints import KEEP, save_checkpoint
from shelftalk.training.estimate import FILE
from shelftalk.training.loss import head_taken_off
from shelftalk.training.memory import available_memory, peak_memory, weights_memory
from shelftalk.training.recorder import Recorder
from shelftalk.training.run import Run
from shelftalk.training.samples import sampled_product, write_description
from shelftalk.training.state import RunState
from shelftalk.training.train import encode_products, make_trainer, save_adapter, validation_examples
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.workspace import write_json

PRODUCTS = 20_000  # of a larger run only so many are encoded, and its tokens are projected from theirs
UPDATES_LOOKED_AT = 2_000
TIMED = 10  # updates at most; two do where they take this long together:
TIMED_SECONDS = 8.0
VALIDATED = 20  # products of a validation
LENGTHS = 300  # of products, met by attention alone
LINE_BYTES = 140  # of an update in metrics.jsonl
HISTORY_BYTES = 180  # of the same in the history that a checkpoint keeps


@dataclass(frozen=True)
class Measured:
    """What a rehearsal found: seconds until the first update, each update's (tokens, seconds), then seconds of one
    checkpoint, of one validation, of its warming up, of one sample and of the adapter; and the bytes of a checkpoint,
    of the weights in it, and of the adapter.
    """

    start: float
    updates: list[tuple[int, float]]
    checkpoint: float
    validation: float
    validation_warm_up: float
    sample: float
    adapter: float
    checkpoint_bytes: int
    weights_bytes: int
    adapter_bytes: int


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Notes when each update ends, ends the training when enough is timed, and puts off what is measured apart."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.monotonic())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.monotonic())
        control.should_save = control.should_evaluate = False
        if len(self.ends) > 3 and self.ends[-1] - self.ends[1] > TIMED_SECONDS:
            control.should_training_stop = True


class Lap:
    """Returns, each time it is called, the seconds since the last time."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self) -> float:
        before, self.last = self.last, time.monotonic()
        return self.last - before


def rehearse_to_file(run: Run) -> None:
    """Rehearse `run` and write what was found, or the error, to rehearsal.json in its folder."""
    with suppress(OSError):  # where memory runs out, the system shall end this process and no other
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        found = rehearse(run)
    except ShelftalkError as error:
        found = {"error": type(error).__name__, "message": str(error)}
    write_json(run.folder / FILE, found)


def rehearse(run: Run) -> dict[str, Any]:
    """Make some updates of `run` in its folder, and return what the whole run would take.

    Returns:
        `device`, `precision`, `memory_available_bytes` (None where unknown), `weights_bytes` of the base model,
        `seconds_inside` this function; and, unless memory ran out, `products`, `updates`, and `tokens` and
        `labelled_tokens` of all epochs, `counted` (false where those are projected from a sample), `longest` (tokens
        of one product), `pass_tokens`, `compiled`, `tokens_per_second`, `memory_bytes`, and `seconds` and `disk_bytes`
        by what takes them.
    """
    lap = Lap()
    base = run.base_model()
    available = available_memory([os.getpid(), os.getppid()])  # of whom none is there when the run is trained
    weights = weights_memory(base.folder, run.precision)
    found: dict[str, Any] = {
        "device": best_device().type,
        "precision": run.precision,
        "memory_available_bytes": available,
        "weights_bytes": weights,
    }
    if available is None or weights < available:
        with suppress(OutOfMemory, torch.OutOfMemoryError):
            found |= _rehearse_updates(run, base)
    return {**found, "seconds_inside": lap()}


def _rehearse_updates(run: Run, base: BaseModel) -> dict[str, Any]:
    settings, lap = run.settings, Lap()
    model, tokenizer = load_model(base.folder, run.precision, attention=PACKED)
    model = add_adapter(model, settings)
    products = run.products()
    count, sample = len(products), products[:: -(-len(products) // PRODUCTS)]
    share = len(sample) / count
    start = lap()
    plan = Plan(encode_products(tokenizer, sample, settings), settings)
    start += lap() / share
    validation = validation_examples(tokenizer, run) if settings.validate_every else Examples([])
    del products, sample  # as a training lets go of them before its updates
    with head_taken_off(model) as head:
        trainer = make_trainer(run, model, head, plan, validation, [])
        pass_tokens = trainer.pass_tokens
        start += lap()
        updates = _time_updates(run, trainer, plan)
        lap()
        folder = save_checkpoint(
            run.checkpoints, 1, model, trainer.optimizer, trainer.lr_scheduler, trainer.state, trainer.data_hash
        )
        checkpoint = lap()
        validation_warm_up, validation_seconds = _time_validation(trainer, validation)
        sample_seconds = _time_sample(run, model, head, tokenizer)
    if best_device().type == "cpu":
        _meet_lengths(model.config.get_text_config(), model.dtype, plan)
    lap()
    save_adapter(model, run)
    measured = Measured(
        start=start,
        updates=updates,
        checkpoint=checkpoint,
        validation=validation_seconds,
        validation_warm_up=validation_warm_up,
        sample=sample_seconds,
        adapter=lap(),
        checkpoint_bytes=_folder_bytes(folder),
        weights_bytes=(folder / "adapter.safetensors").stat().st_size,
        adapter_bytes=_folder_bytes(run.adapter),
    )
    labelled = int((plan.examples.input_lengths + 1 - plan.examples.prompts).sum()) * settings.epochs
    return {
        "products": count,
        "counted": share == 1,
        "longest": int(plan.examples.input_lengths.max()),
        "pass_tokens": pass_tokens,
        "compiled": trainer.fused,
        "memory_bytes": peak_memory(),
        "labelled_tokens": round(labelled / share),
        **project(measured, settings, count, round(sum(plan.tokens_by_update()) / share)),
    }


def project(measured: Measured, settings: TrainingSettings, products: int, tokens: int) -> dict[str, Any]:
    """Return what a run of `products` products and `tokens` tokens, all epochs together, takes by what was measured."""
    updates = -(-products * settings.epochs // (settings.batch_size * settings.gradient_accumulation))
    checkpoints = -(-updates // settings.checkpoint_every)  # the last update has one in any case
    validations = updates // settings.validate_every if settings.validate_every else 0
    samples = 1 + -(-updates // settings.sample_every) if settings.sample_every else 0  # one before any update
    lines = updates // settings.log_every
    (first_tokens, first_seconds), *timed = measured.updates
    rate = median(tokens / seconds for tokens, seconds in timed)
    return {
        "updates": updates,
        "tokens": tokens,
        "tokens_per_second": round(rate, 1),
        "seconds": {
            "start": measured.start,
            "warm_up": max(0.0, first_seconds - first_tokens / rate) + measured.validation_warm_up,
            "updates": tokens / rate,
            "validations": validations * measured.validation,
            "samples": samples * measured.sample,
            "checkpoints": checkpoints * measured.checkpoint + measured.adapter,
        },
        "disk_bytes": {
            "checkpoints": min(KEEP, checkpoints) * (measured.checkpoint_bytes + lines * HISTORY_BYTES),
            "best": measured.weights_bytes if validations else 0,
            "adapter": measured.adapter_bytes,
            "metrics": lines * LINE_BYTES,
        },
    }


def choose_updates(plan: Plan, pass_tokens: int) -> list[int]:
    """Return which updates to rehearse: the one with the largest pass, then TIMED of those nearest to the mean.

    Of a long run not every update is looked at for its largest pass, but the one with the longest product is.
    """
    longest = int(plan.examples.input_lengths[plan.order].argmax()) // plan.rows
    looked_at = [longest, *range(0, len(plan), -(-len(plan) // UPDATES_LOOKED_AT))]
    tokens = np.array(plan.tokens_by_update())
    nearest = abs(tokens - tokens.mean()).argsort(kind="stable")
    return [max(looked_at, key=lambda number: _largest_pass(plan, number, pass_tokens)), *np.resize(nearest, TIMED)]


def _largest_pass(plan: Plan, number: int, pass_tokens: int) -> int:
    return max(sum(one.input_length for one in pack) for pack in cut_into_packs(plan[number], pass_tokens))


def _time_updates(run: Run, trainer: AdapterTrainer, plan: Plan) -> list[tuple[int, float]]:
    """Make the updates that `choose_updates` names, and return (tokens, seconds) of each.

    Raises:
        OutOfMemory: the trainer had to take smaller passes.
    """
    pass_tokens, watch = trainer.pass_tokens, Stopwatch()
    updates = [plan[number] for number in choose_updates(plan, pass_tokens)]
    tokens = [sum(example.input_length for example in update) for update in updates]
    trainer.train_dataset = updates
    trainer.add_callback(
        Recorder(run.folder, run.settings, len(plan.order), tokens, 0, RunState(run.folder), no_progress)
    )
    trainer.add_callback(watch)  # last, because it overrules the others
    trainer.train()
    if trainer.pass_tokens < pass_tokens:
        raise OutOfMemory(f"A pass of {pass_tokens} tokens does not fit into memory.")
    return [(size, end - begin) for size, (begin, end) in zip(tokens, pairwise(watch.ends), strict=False)]


def _time_validation(trainer: AdapterTrainer, validation: Examples) -> tuple[float, float]:
    """Return (seconds that the first validation takes more than others, seconds of another), without any (0, 0)."""
    if not len(validation):
        return 0.0, 0.0
    sample = [validation[number] for number in range(min(VALIDATED, len(validation)))]
    trainer.eval_dataset = sample
    lap = Lap()
    trainer.evaluate()
    first = lap()
    trainer.evaluate()
    seconds = lap()
    tokens = sum(example.input_length for example in sample)
    return max(0.0, first - seconds), seconds * int(validation.input_lengths.sum()) / tokens


def _time_sample(run: Run, model: Any, head: torch.Tensor | None, tokenizer: Any) -> float:
    """Return the seconds that one sample takes, 0 where the run writes none."""
    product = sampled_product(run) if run.settings.sample_every else None
    if product is None:
        return 0.0
    lap = Lap()
    write_description(model, head, tokenizer, product.title)
    return lap()


def _meet_lengths(config: Any, dtype: torch.dtype, plan: Plan) -> None:
    """Let attention meet the run's products by length, as all its updates will and the rehearsed ones did not.

    For each length that it met, oneDNN keeps kernels, which in time are a tenth of the memory.
    """
    lengths = np.unique(plan.examples.input_lengths)
    heads, width = config.num_attention_heads, getattr(config, "head_dim", None)
    width = width or config.hidden_size // heads
    for length in lengths[:: -(-len(lengths) // LENGTHS)].tolist():
        query = torch.zeros(1, heads, length, width, dtype=dtype, requires_grad=True)
        key = torch.zeros(1, config.num_key_value_heads, length, width, dtype=dtype, requires_grad=True)
        for window in {0, getattr(config, "sliding_window", None) or 0}:
            packed_attention(None, query, key, key, None, scaling=1.0, sliding_window=window)[0].sum().backward()  # type: ignore[no-untyped-call]


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
