"""How fast does shelftalk train Gemma 2B on one GPU, compared with the libraries' best settings?

    python -m benchmarks.training_gpu --json

Trains a model of Gemma 2B's exact shape with random weights (nothing is downloaded) and the LoRA settings of the
preset `production` on as many products as AmazonTitles' usual sample has, in five ways, each in a separate process:

    usual        transformers' Trainer: bf16, rows padded to 512, loss on every token, batch 4, gradient checkpointing
    trl          TRL's SFTTrainer: bf16, bfd packing, loss on the completion, FlashAttention and Liger if installed;
                 the fastest of packs of 2,048, 4,096 and 8,192 tokens
    exact        shelftalk, the whole vocabulary, compiled
    vocabulary   shelftalk, the training head cut to the catalogue's vocabulary, compiled
    nf4          as `exact`, the base model in 4 bits (QLoRA)

Variants that are not installed are skipped with a message. The products' lengths are drawn from AmazonTitles'
quantiles, at four characters a token, and their tokens by Zipf's law from a quarter of the vocabulary, all of which the
catalogue uses. Speeds are medians of --rounds interleaved rounds, without the first updates, which warm up and compile;
padding never counts. Also printed: peak memory according to torch's allocator, the share of the GPU's bf16
matrix-product rate, measured in the same process, that the model's arithmetic reaches, and the projected time of all
products for three epochs at that speed.

--tiny uses a tiny model and few products on any device, to test this program.
Needs torch, transformers, peft and accelerate only; `pip install -e '.[benchmarks,quantized]'` for the rest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, GemmaConfig
from transformers.utils import is_flash_attn_2_available, is_liger_kernel_available

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
from shelftalk.models import tiny
from shelftalk.models.adapters import add_adapter
from shelftalk.models.load import best_device, load_model
from shelftalk.models.tokens import Example
from shelftalk.presets import load_preset
from shelftalk.settings import TrainingSettings
from shelftalk.training.attention import PACKED
from shelftalk.training.batches import Examples, Plan
from shelftalk.training.compiled import can_compile
from shelftalk.training.memory import peak_memory

VARIANTS = ("usual", "trl", "exact", "vocabulary", "nf4")
GEMMA_2B = {
    "vocab_size": 256_000,
    "hidden_size": 2_048,
    "intermediate_size": 16_384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 256,
}
TINY = {
    "vocab_size": 20_000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 16,
}
PRODUCTS, TINY_PRODUCTS = 131_262, 300
PACKS, TINY_PACKS = (2_048, 4_096, 8_192), (1_024,)  # tokens in a pack of TRL
WARM_UP = 5  # updates left out of the speeds
WORKER_SECONDS = 300.0
SPEEDS = (
    "tokens_per_second",
    "labelled_per_second",
    "warm_up_seconds",
    "peak_memory_gib",
    "matmul_gflops",
    "matmul_share",
    "projected_minutes",
)
SETTINGS = TrainingSettings.from_mapping(
    {**load_preset("production"), "base_model": "google/gemma-2b", "checkpoint_every": 1_000_000}
)

# Quantiles of AmazonTitles' lengths in characters, interpolated geometrically.
SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
TITLE = (1, 17, 37, 54, 75, 125, 1_999)
CONTENT = (1, 47, 194, 398, 805, 1_728, 197_622)
CHARACTERS_A_TOKEN = 4
CUE_TOKENS = 7  # the template without the title
BOS, EOS, FIRST_ID = 2, 1, 3


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    options = parse_options()
    if options.worker:
        base = options.workspace / "base"
        print(json.dumps(make_base(base, options.tiny) if options.worker == "base" else measure(base, options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        options.workspace = options.workspace or Path(folder)
        run_worker("base", options)
        skipped = {name: why for name in options.variants if (why := missing(name))}
        variants = [name for name in options.variants if name not in skipped]
        if "trl" in variants and len(packs := TINY_PACKS if options.tiny else PACKS) > 1:
            options.pack = fastest_pack(packs, options)
        rounds: list[dict[str, dict[str, Any]]] = []
        for _ in range(options.rounds):
            rounds.append({})
            for name in [name for name in variants if name not in skipped]:
                try:
                    rounds[-1][name] = run_worker(name, options)
                except subprocess.SubprocessError as error:
                    skipped[name] = in_short(error)
    report({name: [one[name] for one in rounds] for name in variants if name not in skipped}, skipped, options.json)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="folder for the model, 5 GB; a temporary one otherwise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=60, help="updates in a round")
    parser.add_argument("--variants", type=lambda text: text.split(","), default=list(VARIANTS))
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on any device")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=("base", *VARIANTS), help=argparse.SUPPRESS)
    parser.add_argument("--pack", type=int, default=TINY_PACKS[0], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.worker and not options.tiny and not torch.cuda.is_available():
        parser.error("there is no CUDA device; --tiny tries the program without one")
    if options.updates < 2 or options.rounds < 1 or set(options.variants) - set(VARIANTS):
        parser.error(f"at least 2 updates, 1 round, and of the variants {', '.join(VARIANTS)}")
    return options


def missing(name: str) -> str | None:
    """Return what a variant lacks on this machine; None if nothing."""
    if name == "trl" and not (find_spec("trl") and find_spec("datasets")):
        return "TRL is not installed"
    if name == "nf4" and best_device().type != "cuda":
        return "4 bits need a CUDA device"
    if name == "nf4" and not find_spec("bitsandbytes"):
        return "bitsandbytes is not installed"
    return None


def fastest_pack(packs: tuple[int, ...], options: argparse.Namespace) -> int:
    """Return TRL's fastest pack length on this machine; lengths that fail, for example out of memory, do not count."""
    speeds = {packs[0]: 0.0}
    for options.pack in packs:
        try:
            speeds[options.pack] = run_worker("trl", options)["tokens_per_second"]
        except subprocess.SubprocessError as error:
            print(f"trl with packs of {options.pack} {in_short(error)}", file=sys.stderr)
    return max(speeds, key=lambda length: speeds[length])


def in_short(error: subprocess.SubprocessError) -> str:
    """Describe how a worker failed; its messages are on standard error."""
    late = isinstance(error, subprocess.TimeoutExpired)
    return f"took more than {WORKER_SECONDS:.0f} s" if late else "failed, see standard error"


def run_worker(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one variant in a separate process."""
    arguments = ["--workspace", str(options.workspace), "--updates", str(options.updates), "--pack", str(options.pack)]
    arguments += ["--tiny"] if options.tiny else []
    result = in_own_process("benchmarks.training_gpu", "--worker", name, *arguments, seconds=WORKER_SECONDS)
    print(f"{name}: {result}", file=sys.stderr, flush=True)
    return result


def make_base(folder: Path, as_tiny: bool) -> dict[str, Any]:
    """Write a base model with random weights, and a tokenizer that is never used for text."""
    torch.manual_seed(0)
    with torch.device(best_device()):
        model = AutoModelForCausalLM.from_config(GemmaConfig(**(TINY if as_tiny else GEMMA_2B)), dtype=torch.bfloat16)
    model.save_pretrained(folder)
    tiny.make()[1].save_pretrained(folder)
    return {"parameters": model.num_parameters()}


def measure(base: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train one variant and return its figures."""
    name, updates = options.worker, options.updates
    ours = name not in ("usual", "trl")
    attention = PACKED if ours else "flash_attention_2" if is_flash_attn_2_available() else "sdpa"
    model, tokenizer = load_model(base, "nf4" if name == "nf4" else "bf16", attention)
    settings = SETTINGS.replace({"vocabulary": "catalogue" if name == "vocabulary" else "full"})
    model = add_adapter(model, settings)
    products = TINY_PRODUCTS if options.tiny else PRODUCTS
    plan = Plan(Examples(draw_examples(products, model.config.vocab_size, settings.max_tokens)), settings)
    first = [example for update in islice(plan, updates) for example in update]
    watch = Stopwatch()
    if ours:
        counts = train_ours(model, plan.examples, settings, updates, watch, compiled=can_compile())
    elif name == "trl":
        liger = {"use_liger_kernel": True} if is_liger_kernel_available() else {}
        counts = train_trl(model, tokenizer, first, settings, updates, watch, pack=options.pack, packs=1, **liger)
    else:
        checkpointing = {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}
        counts = train_usual(model, tokenizer, first, settings, updates, watch, batch=4, bf16=True, **checkpointing)
    seconds, memory = watch.seconds(), peak_memory()
    large = {"rows": 8192, "width": 8192, "outputs": 8192} if best_device().type == "cuda" else {}
    found = figures(seconds, counts, min(WARM_UP, updates // 2), matmul_rate(**large))
    minutes = sum(plan.tokens_by_update()) / found["tokens_per_second"] / 60
    return {**found, "peak_memory_gib": round(memory / 2**30, 2), "projected_minutes": round(minutes, 1)}


def draw_examples(products: int, vocabulary: int, max_tokens: int) -> Iterator[Example]:
    """Yield examples truncated as by `encode_example`, with lengths and ids drawn with a fixed seed."""
    draw = np.random.default_rng(0)
    titles, contents = (
        np.exp(np.interp(draw.random(products), SHARES, np.log(lengths))) / CHARACTERS_A_TOKEN
        for lengths in (TITLE, CONTENT)
    )
    used = vocabulary // 4
    for title, content in zip(titles, contents, strict=True):
        prompt = min(1 + int(np.ceil(title)) + CUE_TOKENS, max_tokens // 2)
        room = max_tokens - prompt
        complete = int(np.ceil(content)) < room
        length = prompt + (int(np.ceil(content)) if complete else room)
        ids = (used ** draw.random(length)).astype(int) + FIRST_ID  # density like 1 / id: Zipf's law
        yield Example([BOS, *ids[1:].tolist(), *([EOS] if complete else [])], prompt, complete)


def report(measured: dict[str, list[dict[str, Any]]], skipped: dict[str, str], as_json: bool) -> None:
    """Print a table of medians and the ratios, as lines or as one line of JSON."""
    rows = {
        name: {key: round(statistics.median(one[key] for one in rounds), 3) for key in SPEEDS}
        for name, rounds in measured.items()
    }
    if rows:
        print_table(rows)
    ratios: dict[str, Any] = {**speed_ratios(rows, ("exact", "vocabulary", "nf4"))}
    for key in ("projected_minutes", "peak_memory_gib", "matmul_share"):
        ratios[key] = {name: row[key] for name, row in rows.items()}
    ratios["skipped"] = skipped
    print(json.dumps(ratios) if as_json else "\n".join(f"{key}: {value}" for key, value in ratios.items()))


if __name__ == "__main__":
    main()
