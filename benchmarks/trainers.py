"""Shared by the training benchmarks: three trainers with equal settings; counting and timing of updates."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from shelftalk.models.instruction_set import bf16_is_fast
from shelftalk.models.load import best_device
from shelftalk.models.tokens import Example
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import Examples, Plan
from shelftalk.training.compiled import compile_layers
from shelftalk.training.loss import head_taken_off
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.training.vocabulary import SAMPLED, CutHead, cut_head

Counts = list[tuple[int, int, float]]


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Record when each update ends; on CUDA with events, which do not synchronise."""

    def __init__(self) -> None:
        self.marks: list[Any] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark()

    def seconds(self) -> list[float]:
        """Return the duration of every update."""
        pairs = zip(self.marks, self.marks[1:], strict=False)
        if not torch.cuda.is_available():
            return [after - before for before, after in pairs]
        torch.cuda.synchronize()
        return [before.elapsed_time(after) / 1000 for before, after in pairs]

    def _mark(self) -> None:
        if not torch.cuda.is_available():
            self.marks.append(time.perf_counter())
            return
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self.marks.append(event)


def work(model: Any, tokens: int, labelled: int, head_rows: int | None = None) -> tuple[int, int, float]:
    """Return (tokens, labelled tokens, operations) of an update.

    The operations are the necessary ones: the products with frozen weights, forward and backward.
    """
    layers = sum(one.in_features * one.out_features for one in model.modules() if hasattr(one, "base_layer"))
    embedding = model.get_input_embeddings().weight
    head = (head_rows or len(embedding)) * embedding.shape[1]
    return tokens, labelled, 4.0 * (tokens * layers + labelled * head)


def count_tokens(examples: Iterable[Example]) -> tuple[int, int]:
    """Return (tokens that the model reads, tokens of descriptions)."""
    pairs = [(one.input_length, one.labelled_length) for one in examples]
    return sum(read for read, _ in pairs), sum(labelled for _, labelled in pairs)


def figures(seconds: list[float], counts: Counts, warm_up: int, rate: float) -> dict[str, Any]:
    """Return speeds over all updates after the first `warm_up`, and the share of `rate` (operations a second)."""
    timed = sum(seconds[warm_up:])
    tokens, labelled, arithmetic = (sum(count[index] for count in counts[warm_up : len(seconds)]) for index in range(3))
    return {
        "tokens_per_second": round(tokens / timed, 1),
        "labelled_per_second": round(labelled / timed, 1),
        "warm_up_seconds": round(sum(seconds[:warm_up]), 1),
        "all_seconds": round(sum(seconds), 1),
        "updates": len(seconds),
        "matmul_share": round(arithmetic / timed / rate, 3),
        "matmul_gflops": round(rate / 1e9),
    }


def train_ours(
    model: Any, examples: Examples, settings: TrainingSettings, updates: int, watch: Stopwatch, compiled: bool
) -> Counts:
    """Train with shelftalk for `updates` updates, or for all epochs if it is 0."""
    plan = Plan(examples, settings)
    with tempfile.TemporaryDirectory() as folder, head_taken_off(model) as head:
        if head is None:
            raise ValueError("the benchmarks' models have plain heads")
        chosen = cut_head(model, head, plan.examples) if settings.vocabulary == "catalogue" else head
        if compiled:
            compile_layers(model)
        trainer = AdapterTrainer(model, chosen, plan, settings, Path(folder), "", [watch], fused=compiled)
        trainer.args.max_steps = updates or -1
        trainer.train()
    rows = len(chosen.kept) + SAMPLED if isinstance(chosen, CutHead) else None
    return [work(model, *count_tokens(one), rows) for one in islice(plan, updates or None)]


def train_usual(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    settings: TrainingSettings,
    updates: int,
    watch: Stopwatch,
    batch: int,
    **more: Any,
) -> Counts:
    """Train in the usual way: every row padded to the settings' max_tokens, every token a label."""
    pad, rows = tokenizer.pad_token_id, settings.batch_size * settings.gradient_accumulation

    def padded(example: Example) -> dict[str, list[int]]:
        missing = settings.max_tokens - len(example.ids)
        return {
            "input_ids": example.ids + [pad] * missing,
            "attention_mask": [1] * len(example.ids) + [0] * missing,
            "labels": example.ids + [-100] * missing,
        }

    arguments = common_arguments(
        settings, updates, per_device_train_batch_size=batch, gradient_accumulation_steps=rows // batch, **more
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**arguments),
        train_dataset=[padded(one) for one in examples],
        data_collator=lambda rows: {key: torch.tensor([row[key] for row in rows]) for key in rows[0]},
        callbacks=[watch],
    )
    trainer._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(trainer.train_dataset)
    trainer.train()
    chunks = [examples[first : first + rows] for first in range(0, len(examples), rows)]
    return [work(model, *[count_tokens(chunk)[0]] * 2) for chunk in chunks]  # every token is labelled


def train_trl(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    settings: TrainingSettings,
    updates: int,
    watch: Stopwatch,
    pack: int,
    packs: int,
    **more: Any,
) -> Counts:
    """Train with TRL's SFTTrainer, in bf16 where that is fast, on bfd packs of `pack` tokens, `packs` an update."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"input_ids": one.ids, "labels": [-100] * one.prompt_length + one.ids[one.prompt_length :]} for one in examples
    ]
    arguments = common_arguments(
        settings, updates, per_device_train_batch_size=1, gradient_accumulation_steps=packs, **more
    )
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **arguments,
            max_length=pack,
            packing=True,
            packing_strategy="bfd",
            bf16=bf16_is_fast(),
            gradient_checkpointing=False,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[watch],
    )
    counts: list[tuple[int, int]] = []
    collator = trainer.data_collator

    def counting(packed: list[Any]) -> Any:
        batch = collator(packed)
        labelled = int((batch["labels"] != -100).sum())
        counts.append((batch["input_ids"].numel(), labelled))
        return batch

    trainer.data_collator = counting
    trainer.train()
    groups = [counts[first : first + packs] for first in range(0, len(counts), packs)]
    return [work(model, *map(sum, zip(*group, strict=True))) for group in groups]


def common_arguments(settings: TrainingSettings, updates: int, **more: Any) -> dict[str, Any]:
    """Return the arguments that the libraries' trainers share."""
    return {
        "output_dir": tempfile.mkdtemp(),
        "num_train_epochs": settings.epochs,
        "max_steps": updates or -1,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup_steps,
        "weight_decay": settings.weight_decay,
        "use_cpu": best_device().type == "cpu",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **more,
    }


def in_own_process(module: str, *arguments: str, seconds: float | None = None) -> dict[str, Any]:
    """Run a benchmark's worker in a separate process, and return the JSON of its last line.

    Raises:
        subprocess.SubprocessError: the worker failed, or took longer than `seconds`.
    """
    command = [sys.executable, "-m", module, *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def speed_ratios(rows: dict[str, dict[str, Any]], ours: Sequence[str]) -> dict[str, float]:
    """Return speed ratios "OURS_over_THEIRS" for the measured variants."""
    speed = {name: row["tokens_per_second"] for name, row in rows.items()}
    return {
        f"{mine}_over_{theirs}": round(speed[mine] / speed[theirs], 2)
        for mine in ours
        for theirs in ("trl", "usual")
        if mine in speed and theirs in speed
    }


def print_table(rows: dict[str, dict[str, Any]]) -> None:
    """Print rows by name as a Markdown table."""
    columns = list(next(iter(rows.values())))
    print("| | " + " | ".join(column.replace("_", " ") for column in columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(str(row[column]) for column in columns) + " |")
