"""How much faster does shelftalk train on a CPU than the libraries' best settings, and is the result as good?

    python -m benchmarks.training_cpu --json

Trains Gemma 3 270M with the same LoRA settings on the same products in four ways, each in a process of its own:

    usual        transformers' Trainer: fp32, rows padded to 256, loss on every token, batch 2
    trl          TRL's SFTTrainer: bf16, bfd packing, loss on the completion, its fastest setting found here
    exact        shelftalk, the whole vocabulary
    vocabulary   shelftalk, the training head cut to the catalogue's vocabulary

The rows are the real ones beside the project where they are, otherwise the bundled catalogue, cut at 256 tokens for
all. An update takes eight rows, or for TRL packs of about as many tokens. First each way trains one epoch, for the bits
per byte of the held-out descriptions (over the whole vocabulary) after the same examples, and for peak memory. Then
--rounds rounds of --updates updates, interleaved, for the speeds, of which the medians are printed: tokens a second and
labelled tokens a second (padding never counts; the first two updates, with their warming up and compiling, stand in a
column of their own), and the share of this machine's bf16 matrix-product rate, measured in the same process, that the
arithmetic of the model comes to.

Needs `pip install -e '.[benchmarks]'`.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from benchmarks.rates import matmul_rate
from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import load_model
from shelftalk.models.registry import find_model
from shelftalk.models.tokens import Example, encode_example
from shelftalk.settings import PrepareSettings, TrainingSettings
from shelftalk.training.attention import PACKED
from shelftalk.training.batches import Examples, Plan, collate
from shelftalk.training.compiled import compile_layers
from shelftalk.training.loss import head_taken_off, token_losses
from shelftalk.training.train import choose_head, encode_products
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.training.vocabulary import SAMPLED, CutHead
from shelftalk.workspace import Workspace

DEV_ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazontitles_dev.jsonl"
VARIANTS = ("usual", "trl", "exact", "vocabulary")
MAX_TOKENS = 256
ROWS_PER_UPDATE = 8
WARM_UP = 2  # updates left out of the rates
SPEEDS = ("tokens_per_second", "labelled_per_second", "warm_up_seconds", "matmul_gflops", "matmul_share")
SETTINGS = TrainingSettings.from_mapping(
    {
        "products": "all",
        "epochs": 1,
        "batch_size": ROWS_PER_UPDATE,
        "gradient_accumulation": 1,
        "learning_rate": 4e-4,
        "schedule": "cosine",
        "warmup_steps": 4,
        "lora_dropout": 0.0,
        "max_tokens": MAX_TOKENS,
        "checkpoint_every": 1_000_000,
    }
)


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Notes when each update ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.perf_counter())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Return the duration of every update."""
        return [after - before for before, after in zip(self.ends, self.ends[1:], strict=False)]


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="folder for the converted model; a temporary one otherwise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=5, help="length of the rounds for speed")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.worker, Workspace(options.workspace), options.updates)))
        return
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(options.workspace or folder)
        source = DEV_ROWS if DEV_ROWS.is_file() else demo_file()
        pipeline.prepare_catalogue(workspace, source, "benchmark", PrepareSettings())
        find_model(SETTINGS.base_model, workspace)
        variants = options.variants.split(",")
        epochs = {name: run_worker(name, workspace, 0) for name in variants}
        rounds = [
            {name: run_worker(name, workspace, options.updates) for name in variants} for _ in range(options.rounds)
        ]
    report(epochs, rounds, options.json)


def run_worker(name: str, workspace: Workspace, updates: int) -> dict[str, Any]:
    """Measure one variant in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training_cpu", "--worker", name]
    command += ["--workspace", str(workspace.root), "--updates", str(updates)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    print(f"{name}: {result}", file=sys.stderr, flush=True)
    return result


def measure(name: str, workspace: Workspace, updates: int) -> dict[str, Any]:
    """Train one variant and return its figures."""
    catalogue = Catalogue.open(workspace.catalogue("benchmark"))
    base = find_model(SETTINGS.base_model, workspace)
    model, tokenizer = load_model(
        base.folder, "fp32" if name == "usual" else "bf16", PACKED if name in ("exact", "vocabulary") else "sdpa"
    )
    model = add_adapter(model, SETTINGS)
    encoded = encode_products(tokenizer, catalogue.products("train"), SETTINGS)
    order = torch.randperm(len(encoded), generator=torch.Generator().manual_seed(SETTINGS.seed)).tolist()
    examples = [encoded[index] for index in order]
    watch = Stopwatch()
    train = {"usual": train_usual, "trl": train_trl}.get(name, train_ours)
    counts = train(model, tokenizer, examples, updates, watch, name)
    seconds = watch.seconds()
    counts = counts[: len(seconds)]
    timed = sum(seconds[WARM_UP:])
    held_out = [*catalogue.products("validation"), *catalogue.products("test")]
    rate = matmul_rate()
    tokens, labelled, arithmetic = (sum(count[index] for count in counts[WARM_UP:]) for index in range(3))
    return {
        "tokens_per_second": round(tokens / timed, 1),
        "labelled_per_second": round(labelled / timed, 1),
        "warm_up_seconds": round(sum(seconds[:WARM_UP]), 1),
        "all_seconds": round(sum(seconds), 1),
        "updates": len(seconds),
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "matmul_share": round(arithmetic / timed / rate, 3),
        "matmul_gflops": round(rate / 1e9),
        "bits_per_byte": None if updates else held_out_bits(model, tokenizer, held_out),
    }


Counts = list[tuple[int, int, float]]


def work(model: Any, tokens: int, labelled: int, head_rows: int | None = None) -> tuple[int, int, float]:
    """Return (tokens, labelled tokens, operations) of an update.

    The operations are those that it cannot do without: the products with frozen weights, forward and backward.
    """
    layers = sum(one.numel() for name, one in model.named_parameters() if "base_layer" in name)
    embedding = model.get_input_embeddings().weight
    head = (head_rows or len(embedding)) * embedding.shape[1]
    return tokens, labelled, 4.0 * (tokens * layers + labelled * head)


def count_tokens(examples: list[Example]) -> tuple[int, int]:
    """Return (tokens that the model reads, tokens of descriptions)."""
    return sum(one.input_length for one in examples), sum(len(one.ids) - one.prompt_length for one in examples)


def train_ours(
    model: Any, tokenizer: Any, examples: list[Example], updates: int, watch: Stopwatch, name: str
) -> Counts:
    """Train with shelftalk, exactly or with the catalogue's vocabulary."""
    settings = SETTINGS.replace({"vocabulary": "full" if name == "exact" else "catalogue"})
    plan = Plan(Examples(examples), settings)
    with tempfile.TemporaryDirectory() as folder, head_taken_off(model) as head:
        chosen = choose_head(model, head, plan, settings)
        compile_layers(model)
        trainer = AdapterTrainer(model, chosen, plan, settings, Path(folder), "", [watch], fused=True)
        trainer.args.max_steps = updates or -1
        trainer.train()
    rows = len(chosen.kept) + SAMPLED if isinstance(chosen, CutHead) else None
    return [work(model, *count_tokens(examples), rows) for examples in plan]


def train_usual(
    model: Any, tokenizer: Any, examples: list[Example], updates: int, watch: Stopwatch, name: str
) -> Counts:
    """Train as the usual notebook does."""
    pad = tokenizer.pad_token_id

    def padded(example: Example) -> dict[str, list[int]]:
        missing = MAX_TOKENS - len(example.ids)
        return {
            "input_ids": example.ids + [pad] * missing,
            "attention_mask": [1] * len(example.ids) + [0] * missing,
            "labels": example.ids + [-100] * missing,
        }

    batch = 2
    arguments = common_arguments(
        updates, per_device_train_batch_size=batch, gradient_accumulation_steps=ROWS_PER_UPDATE // batch
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
    chunks = [examples[first : first + ROWS_PER_UPDATE] for first in range(0, len(examples), ROWS_PER_UPDATE)]
    return [work(model, *[count_tokens(chunk)[0]] * 2) for chunk in chunks]  # every token is labelled


def train_trl(model: Any, tokenizer: Any, examples: list[Example], updates: int, watch: Stopwatch, name: str) -> Counts:
    """Train with TRL at its fastest: packs of 512 tokens, two for an update; longer and shorter packs were slower."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"input_ids": one.ids, "labels": [-100] * one.prompt_length + one.ids[one.prompt_length :]} for one in examples
    ]
    arguments = common_arguments(updates, per_device_train_batch_size=1, gradient_accumulation_steps=2)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **arguments,
            max_length=512,
            packing=True,
            packing_strategy="bfd",
            bf16=True,
            gradient_checkpointing=False,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[watch],
    )
    counts: list[tuple[int, int]] = []
    collator = trainer.data_collator

    def counting(packs: list[Any]) -> Any:
        batch = collator(packs)
        labelled = int((batch["labels"] != -100).sum())
        counts.append((batch["input_ids"].numel(), labelled))
        return batch

    trainer.data_collator = counting
    trainer.train()
    pairs = zip(counts[::2], [*counts[1::2], (0, 0)], strict=False)
    return [work(model, *map(sum, zip(*pair, strict=True))) for pair in pairs]


def common_arguments(updates: int, **more: Any) -> dict[str, Any]:
    """Return what the libraries' trainers are told alike."""
    return {
        "output_dir": tempfile.mkdtemp(),
        "num_train_epochs": SETTINGS.epochs,
        "max_steps": updates or -1,
        "learning_rate": SETTINGS.learning_rate,
        "lr_scheduler_type": SETTINGS.schedule,
        "warmup_steps": SETTINGS.warmup_steps,
        "weight_decay": SETTINGS.weight_decay,
        "use_cpu": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **more,
    }


def held_out_bits(model: Any, tokenizer: Any, products: list[Any]) -> float:
    """Return the bits per byte of held-out descriptions given their titles, over the whole vocabulary."""
    model.eval()
    model.get_base_model().set_attn_implementation(PACKED)
    nats, size = 0.0, 0
    for product in products:
        example = encode_example(tokenizer, product.title, product.description, MAX_TOKENS)
        text = example.ids[:-1] if example.complete else example.ids
        pack = collate([Example(text, example.prompt_length, complete=False)])
        with (
            torch.no_grad(),
            torch.autocast("cpu", torch.bfloat16, enabled=model.dtype == torch.bfloat16),
            head_taken_off(model) as head,
        ):
            nats += float(token_losses(model, head, pack).sum())
        size += len(tokenizer.decode(text[example.prompt_length :]).encode())
    return round(nats / size / 0.6931471805599453, 4)


def report(epochs: dict[str, dict[str, Any]], rounds: list[dict[str, dict[str, Any]]], as_json: bool) -> None:
    """Print a table of medians and the ratios, as lines or as one line of JSON."""
    rows = {}
    for name, epoch in epochs.items():
        speeds = {key: statistics.median(one[name][key] for one in rounds) for key in SPEEDS}
        rows[name] = {**speeds, "peak_memory_gib": epoch["peak_memory_gib"], "bits_per_byte": epoch["bits_per_byte"]}
    columns = list(next(iter(rows.values())))
    print("| | " + " | ".join(column.replace("_", " ") for column in columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(str(row[column]) for column in columns) + " |")
    speed = {name: row["tokens_per_second"] for name, row in rows.items()}
    ratios: dict[str, Any] = {
        f"{mine}_over_{theirs}": round(speed[mine] / speed[theirs], 2)
        for mine in ("exact", "vocabulary")
        for theirs in ("trl", "usual")
        if mine in speed and theirs in speed
    }
    for key in ("bits_per_byte", "peak_memory_gib", "matmul_share"):
        ratios[key] = {name: row[key] for name, row in rows.items()}
    print(json.dumps(ratios) if as_json else "\n".join(f"{key}: {value}" for key, value in ratios.items()))


if __name__ == "__main__":
    main()
