"""How much faster does shelftalk train on a CPU than the libraries' best settings, and is the result as good?

    python -m benchmarks.training_cpu --json

Trains Gemma 3 270M with the same LoRA settings on the same products in four ways, each in a separate process:

    usual        transformers' Trainer: fp32, rows padded to 256, loss on every token, batch 2
    trl          TRL's SFTTrainer: bf16 if that is fast, bfd packing, loss on the completion, the fastest setting found
    exact        shelftalk, the whole vocabulary
    vocabulary   shelftalk, the training head cut to the catalogue's vocabulary

The rows are the real ones in ../shared/data if present, otherwise the bundled catalogue, cut at 256 tokens for all. An
update takes eight rows, or for TRL packs of about as many tokens. First each way trains one epoch, for peak memory and
the bits per byte of the held-out descriptions (over the whole vocabulary) after the same examples. Then --rounds
interleaved rounds of --updates updates (for ours four times as many, which take no longer) give the speeds, of which
medians are printed: tokens and labelled tokens a second (padding never counts; the first two updates, which warm up and
compile, have a separate column), and the share of this machine's bf16 matrix-product rate, measured in the same
process, that the model's arithmetic reaches (of fp32 products where bf16 is slow). For a lower level of instructions
see benchmarks.isa. `--base` trains another model, such as one that benchmarks.large_models wrote, and `--set` changes
settings:

    python -m benchmarks.training_cpu --base F/gemma-2b --speeds-only --variants trl,exact --set lora_dropout=0.1

Needs `pip install -e '.[benchmarks]'`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.rates import matmul_rate
from benchmarks.trainers import (
    Stopwatch,
    figures,
    in_own_process,
    print_table,
    speed_ratios,
    train_ours,
    train_trl,
    train_usual,
)
from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evaluation.likelihood import bits_of_products
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import load_model
from shelftalk.models.registry import find_model
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product
from shelftalk.settings import TrainingSettings, parse_assignments
from shelftalk.training.attention import PACKED
from shelftalk.training.batches import Examples, encode_products
from shelftalk.training.memory import peak_memory
from shelftalk.workspace import Workspace

DEV_ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazontitles_dev.jsonl"
LONGER = {"exact": 4, "vocabulary": 4}
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


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="folder for the converted model; a temporary one otherwise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=5, help="updates in a speed round of the libraries")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--speeds-only", action="store_true", help="no whole epochs, so no memory and no bits per byte")
    parser.add_argument("--base", default=SETTINGS.base_model, help="name or folder of the base model")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a setting")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = SETTINGS.replace({**parse_assignments(options.set), "base_model": options.base})
    if options.worker:
        print(json.dumps(measure(options.worker, Workspace(options.workspace), settings, options.updates)))
        return
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(options.workspace or folder)
        source = DEV_ROWS if DEV_ROWS.is_file() else demo_file()
        pipeline.prepare_catalogue(workspace, source, "benchmark", PrepareSettings())
        find_model(options.base, workspace)
        variants = options.variants.split(",")
        changes = ["--base", options.base, *(f"--set={one}" for one in options.set)]
        epochs = {name: run_worker(name, workspace, changes, 0) for name in variants if not options.speeds_only}
        rounds = [
            {name: run_worker(name, workspace, changes, options.updates * LONGER.get(name, 1)) for name in variants}
            for _ in range(options.rounds)
        ]
    report(epochs, rounds, options.json)


def run_worker(name: str, workspace: Workspace, changes: list[str], updates: int) -> dict[str, Any]:
    """Measure one variant, with the options `changes`, in a separate process."""
    place = ["--workspace", str(workspace.root), "--updates", str(updates)]
    result = in_own_process("benchmarks.training_cpu", "--worker", name, *place, *changes)
    print(f"{name}: {result}", file=sys.stderr, flush=True)
    return result


def measure(name: str, workspace: Workspace, settings: TrainingSettings, updates: int) -> dict[str, Any]:
    """Train one variant and return its figures."""
    catalogue = Catalogue.open(workspace.catalogue("benchmark"))
    base = find_model(settings.base_model, workspace)
    model, tokenizer = load_model(
        base.folder, "fp32" if name == "usual" else "automatic", PACKED if name in ("exact", "vocabulary") else "sdpa"
    )
    model = add_adapter(model, settings)
    encoded = encode_products(tokenizer, ENGLISH, catalogue.products("train"), settings)
    order = torch.randperm(len(encoded), generator=torch.Generator().manual_seed(settings.seed)).tolist()
    examples = [encoded[index] for index in order]
    watch = Stopwatch()
    if name == "usual":
        counts = train_usual(model, tokenizer, examples, settings, updates, watch, batch=2)
    elif name == "trl":  # two packs of 512 tokens for each update: longer and shorter packs were slower
        counts = train_trl(model, tokenizer, examples, settings, updates, watch, pack=512, packs=2)
    else:
        settings = settings.replace({"vocabulary": "full" if name == "exact" else "catalogue"})
        counts = train_ours(model, Examples(examples), settings, updates, watch, compiled=True)
    held_out = [*catalogue.products("validation"), *catalogue.products("test")]
    return {
        **figures(watch.seconds(), counts, WARM_UP, matmul_rate()),
        "peak_memory_gib": round(peak_memory() / 2**30, 2),
        "bits_per_byte": None if updates else held_out_bits(model, tokenizer, held_out),
    }


def held_out_bits(model: Any, tokenizer: Any, products: list[Product]) -> float:
    """Return the bits per byte of held-out descriptions given their titles, over the whole vocabulary."""
    model.eval()
    model.get_base_model().set_attn_implementation(PACKED)
    with torch.autocast("cpu", torch.bfloat16, enabled=model.dtype == torch.bfloat16):
        return round(
            bits_of_products(TransformersEngine(model, tokenizer), ENGLISH, products, MAX_TOKENS, tuned=True), 4
        )


def report(epochs: dict[str, dict[str, Any]], rounds: list[dict[str, dict[str, Any]]], as_json: bool) -> None:
    """Print a table of medians and the ratios, as lines or as one line of JSON."""
    rows = {}
    for name in rounds[0]:
        speeds = {key: statistics.median(one[name][key] for one in rounds) for key in SPEEDS}
        epoch = epochs.get(name, {})
        rows[name] = {**speeds, **{key: epoch.get(key) for key in ("peak_memory_gib", "bits_per_byte")}}
    print_table(rows)
    ratios: dict[str, Any] = {**speed_ratios(rows, ("exact", "vocabulary"))}
    for key in ("bits_per_byte", "peak_memory_gib", "matmul_share"):
        ratios[key] = {name: row[key] for name, row in rows.items()}
    print(json.dumps(ratios) if as_json else "\n".join(f"{key}: {value}" for key, value in ratios.items()))


if __name__ == "__main__":
    main()
