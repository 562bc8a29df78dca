"""Do models of one to three billion weights pass through everything on this machine, in what time and memory?

    python -m benchmarks.large_models --shape gemma-2b --json

A model of the shape of a published one, with random weights in bf16, but with the vocabulary of Gemma 3, is written
once (3 to 5 GB, in --folder). Then each of these is a command in a separate process, on the bundled catalogue:

    estimate   the answer of `estimate`
    train      a run of two updates with a checkpoint after each, killed at the first
    resume     the same command again: the second update
    ask        a first question, with both conversions for llama.cpp where it knows the form
    again      a second question
    adapter, gguf, merged   exports, with their replay

Columns: seconds; the most memory at one time, in GiB (`peak`, of the largest process, with the mapped parts of files,
which the system can take back; `own`, of all processes without those parts, sampled every 50 ms). What a model with
random weights writes is noise, and its export's replay compares such noise: where it differs, that is said, and is no
fault of the export.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.commands import run_command
from benchmarks.trainers import print_table
from shelftalk.pipeline import prepare_bundled
from shelftalk.prompts import ENGLISH
from shelftalk.runs.folders import delete_run
from shelftalk.workspace import Workspace, read_json

RUN = "large"
WRITTEN = "written"  # a file that says that the model is whole
GEMMA = {"head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma-2b": (
        "gemma",
        {
            **GEMMA,
            "hidden_size": 2048,
            "intermediate_size": 16384,
            "num_hidden_layers": 18,
            "num_attention_heads": 8,
            "num_key_value_heads": 1,
            "max_position_embeddings": 8192,
        },
    ),
    "gemma-2-2b": (
        "gemma2",
        {
            **GEMMA,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "query_pre_attn_scalar": 256,
            "sliding_window": 4096,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
            "max_position_embeddings": 8192,
        },
    ),
    "llama-3.2-1b": (
        "llama",
        {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "tie_word_embeddings": True,
            "max_position_embeddings": 131072,
        },
    ),
}
EXPORTS = ("adapter", "gguf", "merged")
STEPS = ("estimate", "train", "resume", "ask", "again", *EXPORTS)
# Updates smaller than a preset's, without validations: a pass, which decides the memory, is as large.
SETTINGS = {"products": 8, "gradient_accumulation": 2, "epochs": 1, "checkpoint_every": 1, "validate_every": 0}


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="gemma-2b")
    parser.add_argument("--folder", type=Path, help="keep model and workspace here; a temporary folder otherwise")
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        workspace = Workspace(folder / "workspace")
        model = folder / options.shape
        if not (model / WRITTEN).is_file():
            # In a process of its own: a process's peak memory begins with that of the process which started it.
            maker = multiprocessing.get_context("spawn").Process(
                target=write_model, args=(model, options.shape, workspace)
            )
            maker.start()
            maker.join()
            if maker.exitcode:
                sys.exit(f"The model could not be written (exit code {maker.exitcode}).")
        if not workspace.catalogue("demo").exists():
            prepare_bundled(workspace)
        rows = measure(workspace, model, options.steps.split(","))
    print_table(rows)
    if options.json:
        print(json.dumps({"shape": options.shape, **rows}))


def write_model(folder: Path, shape: str, workspace: Workspace) -> None:
    """Write a model of a shape, with random weights in bf16, and the tokenizer of Gemma 3, into `folder`."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from shelftalk.models.embedded import NAME
    from shelftalk.models.registry import find_model
    from shelftalk.models.tokens import load_tokenizer, save_tokenizer

    base = find_model(NAME, workspace).folder
    tokenizer = load_tokenizer(base)
    special = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    kind, sizes = SHAPES[shape]
    config = AutoConfig.for_model(kind, **sizes, **special, vocab_size=read_json(base / "config.json")["vocab_size"])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="2GB")
    save_tokenizer(base, folder, ENGLISH)
    (folder / WRITTEN).touch()


def measure(workspace: Workspace, model: Path, steps: list[str]) -> dict[str, dict[str, Any]]:
    """Run the steps in order, and return the figures of each."""
    settings = [f"--set={name}={value}" for name, value in {**SETTINGS, "base_model": str(model)}.items()]
    root = ["--workspace", str(workspace.root)]
    begin = ["train", "demo", "--run", RUN, "--preset", "overnight", *settings, *root]
    commands = {
        "estimate": ["estimate", "demo", "--preset", "overnight", *settings, *root],
        "train": begin,
        "resume": begin,
        "ask": ["ask", RUN, "Oak Coat Peg, 3 cm", "--max-new-tokens", "40", *root],
        "again": ["ask", RUN, "Copper Watering Can, 2 Litres", "--max-new-tokens", "40", *root],
    }
    rows = {}
    with tempfile.TemporaryDirectory(dir=workspace.root) as exports:
        for name in EXPORTS:
            commands[name] = ["export", RUN, "--format", name, "--to", f"{exports}/{name}", *root]
        if "train" in steps and workspace.run(RUN).exists():
            delete_run(workspace, RUN)
        for name in steps:
            first = workspace.run(RUN) / "checkpoints" / "step-00000001"
            rows[name] = run_command(commands[name], first.exists if name == "train" else lambda: False)
            print(f"{name}: {rows[name]}", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()
