"""Rehearse a training: make and measure some of its updates, with its settings, plan and code.

A rehearsal needs a separate process, because peak memory is counted for a process's whole life. The first update is
the one with the largest pass of the run: it includes the warm-up, and determines the peak memory. Where layers are
compiled, the second update compiles them again, for a dynamic length. The updates after that, which are timed, are
those nearest to the run's mean. Time is proportional to tokens, because packs have hardly any padding.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from shelftalk.errors import OutOfMemory, ShelftalkError
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import best_device, load_model
from shelftalk.models.registry import BaseModel
from shelftalk.models.tokens import Example
from shelftalk.prompts import PromptTemplate, request_of
from shelftalk.records import Product, Progress, counter, no_progress
from shelftalk.runs.folders import folder_bytes
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.attention import PACKED, packed_attention
from shelftalk.training.batches import Examples, Plan, cut_into_packs, encode_products
from shelftalk.training.checkpoints import save_checkpoint
from shelftalk.training.estimate import FILE
from shelftalk.training.loss import head_taken_off
from shelftalk.training.memory import available_memory, peak_memory, weights_memory
from shelftalk.training.projection import Measured
from shelftalk.training.recorder import Recorder
from shelftalk.training.samples import sampled_product, write_description
from shelftalk.training.state import RunState
from shelftalk.training.train import make_trainer, save_adapter
from shelftalk.training.trainer import WARMING, AdapterTrainer
from shelftalk.training.validation import validation_examples, with_interval
from shelftalk.workspace import write_json

PRODUCTS = 20_000  # encoded at most; the tokens of a larger run are projected from this sample
UPDATES_EXAMINED = 2_000
TIMED = 10  # updates at most; fewer, but at least two, once they have taken TIMED_SECONDS together
TIMED_SECONDS = 8.0
STAGES = 1 + 1 + TIMED + 3  # loading, at most 1 + TIMED updates, checkpoint, validation, sample
VALIDATED = 20  # products of a validation
LENGTHS = 300  # of products, for which attention alone is run


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Records when each update ends, ends the training after enough of them, and suppresses saving and validation.

    `advance` is called after each update.
    """

    def __init__(self, warming: int, advance: Callable[[], None]) -> None:
        self.warming, self.advance = warming, advance
        self.ends: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.monotonic())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.monotonic())
        self.advance()
        control.should_save = control.should_evaluate = False
        timed = self.ends[self.warming :]
        if len(timed) > 2 and timed[-1] - timed[0] > TIMED_SECONDS:
            control.should_training_stop = True


class Lap:
    """Returns, on each call, the seconds since the last call."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self) -> float:
        before, self.last = self.last, time.monotonic()
        return self.last - before


def rehearse_to_file(run: Run) -> None:
    """Rehearse `run` and write the result, or the error, to rehearsal.json in its folder.

    Standard output gets a line "DONE TOTAL" after each stage.
    """
    with suppress(OSError):  # if memory runs out, the system is to kill this process and no other
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        found = rehearse(run, lambda done, total: print(done, total, flush=True))
    except ShelftalkError as error:
        found = {"error": type(error).__name__, "message": str(error)}
    write_json(run.folder / FILE, found)


def rehearse(run: Run, progress: Progress = no_progress) -> dict[str, Any]:
    """Make some updates of `run` in its folder, and return the measurements; `progress` counts stages.

    Returns:
        `device`, `precision`, `memory_available_bytes` (None where unknown), `weights_bytes` of the base model,
        `seconds_inside` this function; and, unless memory ran out, `products`, `examples` of one epoch, `tokens` and
        `labelled_tokens` of all epochs, `counted` (false where those are projected from a sample), `longest` (most
        tokens of one product), `pass_tokens`, `compiled`, `memory_bytes`, and `measured`, the values of a
        `projection.Measured`.
    """
    lap = Lap()
    base = run.base_model()
    available = available_memory([os.getpid(), os.getppid()])  # neither will exist when the run is trained
    weights = weights_memory(base.folder, run.precision)
    found: dict[str, Any] = {
        "device": best_device().type,
        "precision": run.precision,
        "memory_available_bytes": available,
        "weights_bytes": weights,
    }
    if available is None or weights < available:
        with suppress(OutOfMemory, torch.OutOfMemoryError):
            found |= _rehearse_updates(run, base, progress)
    return {**found, "seconds_inside": lap()}


def _rehearse_updates(run: Run, base: BaseModel, progress: Progress) -> dict[str, Any]:
    settings, lap, advance = run.settings, Lap(), counter(progress, STAGES)
    advance(0)
    model, tokenizer = load_model(base.folder, run.precision, attention=PACKED)
    model = add_adapter(model, settings)
    advance()
    products = run.products()
    count = len(products)
    start = lap()
    examples, share = encode_sample(tokenizer, run.template, products, settings)
    encoding = lap() / len(examples)
    plan = Plan(examples, settings)
    settings = with_interval(settings, len(plan), run.count_held_out("validation"))
    validation = validation_examples(tokenizer, run) if settings.validate_every else Examples([])
    del products  # a training frees them before its updates, too
    with head_taken_off(model) as head:
        trainer = make_trainer(run, settings, model, head, plan, validation, [])
        pass_tokens = trainer.pass_tokens
        start += lap()
        updates = _time_updates(run, trainer, plan, advance)
        lap()
        folder = save_checkpoint(
            run.checkpoints, 1, model, trainer.optimizer, trainer.lr_scheduler, trainer.state, trainer.data_hash
        )
        checkpoint = lap()
        advance()
        validation_warm_up, validation_seconds = _time_validation(trainer, validation)
        advance()
        sample_seconds = _time_sample(run, model, head, tokenizer)
        advance()
    if best_device().type == "cpu":
        _cache_kernels(model.config.get_text_config(), model.dtype, plan)
    lap()
    save_adapter(model, run, base)
    measured = Measured(
        start=start,
        encoding=encoding,
        updates=updates,
        warming=WARMING[trainer.fused],
        checkpoint=checkpoint,
        validation=validation_seconds,
        validation_warm_up=validation_warm_up,
        sample=sample_seconds,
        adapter=lap(),
        checkpoint_bytes=folder_bytes(folder),
        weights_bytes=(folder / "adapter.safetensors").stat().st_size,
        adapter_bytes=folder_bytes(run.adapter),
    )
    labelled = int((plan.examples.input_lengths + 1 - plan.examples.prompts).sum()) * settings.epochs
    return {
        "products": count,
        "examples": round(len(examples) / share),
        "counted": share == 1,
        "longest": int(plan.examples.input_lengths.max()),
        "pass_tokens": pass_tokens,
        "compiled": trainer.fused,
        "memory_bytes": peak_memory(),
        "labelled_tokens": round(labelled / share),
        "tokens": count_tokens(examples, settings, share),
        "measured": asdict(measured),
    }


def encode_sample(
    tokenizer: Any, template: PromptTemplate, products: Sequence[Product], settings: TrainingSettings
) -> tuple[Examples, float]:
    """Return the training examples of at most PRODUCTS evenly spaced products, and the share that these are of all."""
    sample = products[:: -(-len(products) // PRODUCTS)]
    return encode_products(tokenizer, template, sample, settings), len(sample) / len(products)


def count_tokens(examples: Examples, settings: TrainingSettings, share: float) -> int:
    """Count the tokens of all epochs, projected where the `examples` are those of a `share` of the products."""
    return round(int(examples.input_lengths.sum()) * settings.epochs / share)


def choose_updates(plan: Plan, pass_tokens: int, shares: int) -> list[int]:
    """Return the numbers of the updates to rehearse: the one with the largest pass, then the TIMED nearest to the mean.

    In a long run the largest pass is searched in a sample of updates, which includes the one with the longest product.
    """
    longest = int(plan.examples.input_lengths[plan.order].argmax()) // plan.rows
    examined = [longest, *range(0, len(plan), -(-len(plan) // UPDATES_EXAMINED))]
    tokens = np.array(plan.tokens_by_update())
    nearest = abs(tokens - tokens.mean()).argsort(kind="stable")
    largest = max(examined, key=lambda number: _largest_pass(plan[number], pass_tokens, shares))
    return [largest, *np.resize(nearest, TIMED)]


def _largest_pass(update: Sequence[Example], pass_tokens: int, shares: int) -> int:
    return max(sum(one.input_length for one in pack) for pack in cut_into_packs(update, pass_tokens, shares))


def _time_updates(
    run: Run, trainer: AdapterTrainer, plan: Plan, advance: Callable[[], None]
) -> list[tuple[int, float]]:
    """Make the updates of `choose_updates`, and return (tokens, seconds) of each.

    Raises:
        OutOfMemory: the trainer had to reduce the size of its passes.
    """
    pass_tokens, watch = trainer.pass_tokens, Stopwatch(WARMING[trainer.fused], advance)
    updates = [plan[number] for number in choose_updates(plan, pass_tokens, trainer.shares)]
    tokens = [sum(example.input_length for example in update) for update in updates]
    trainer.train_dataset = updates
    trainer.add_callback(
        Recorder(run.folder, run.settings, len(plan.order), tokens, 0, RunState(run.folder), no_progress)
    )
    trainer.add_callback(watch)  # last, because it overrides the control flags of the others
    trainer.train()
    if trainer.pass_tokens < pass_tokens:
        raise OutOfMemory(f"A pass of {pass_tokens} tokens does not fit into memory.")
    return [(size, end - begin) for size, (begin, end) in zip(tokens, pairwise(watch.ends), strict=False)]


def _time_validation(trainer: AdapterTrainer, validation: Examples) -> tuple[float, float]:
    """Return (extra seconds of the first validation, seconds of a later one), or (0, 0) if the run makes none."""
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
    """Return the seconds that one sample takes, or 0 if the run writes none."""
    product = sampled_product(run) if run.settings.sample_every else None
    if product is None:
        return 0.0
    lap = Lap()
    write_description(model, head, tokenizer, run.template.prompt_for(request_of(product)))
    return lap()


def _cache_kernels(config: Any, dtype: torch.dtype, plan: Plan) -> None:
    """Run attention on the lengths of the run's products, most of which the rehearsed updates do not contain.

    oneDNN caches kernels for each length; during a run they grow to a tenth of the memory.
    """
    lengths = np.unique(plan.examples.input_lengths)
    heads, width = config.num_attention_heads, getattr(config, "head_dim", None)
    width = width or config.hidden_size // heads
    for length in lengths[:: -(-len(lengths) // LENGTHS)].tolist():
        query = torch.zeros(1, heads, length, width, dtype=dtype, requires_grad=True)
        key = torch.zeros(1, config.num_key_value_heads, length, width, dtype=dtype, requires_grad=True)
        for window in {0, getattr(config, "sliding_window", None) or 0}:
            packed_attention(None, query, key, key, None, scaling=1.0, sliding_window=window)[0].sum().backward()  # type: ignore[no-untyped-call]
