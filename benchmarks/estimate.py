"""How accurate is `shelftalk estimate`?

    python -m benchmarks.estimate --json

For each run of RUNS, on the bundled catalogue: the estimate, then the training, each a command in a separate process.
Prints predicted and actual values of: seconds from the command's start to its end, peak memory of the training process
(on CUDA of its tensors on the device), and bytes of the run's folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shelftalk import pipeline
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.cli.main import run as run_command
from shelftalk.models.registry import find_model
from shelftalk.runs.folders import delete_run
from shelftalk.training.memory import peak_memory
from shelftalk.workspace import Workspace

CATALOGUE = "demo"
PRESET = "demo"
RUNS: list[dict[str, Any]] = [
    {"products": 60},
    {"products": 60, "vocabulary": "catalogue"},
    {"products": 60, "max_tokens": 128, "lora_rank": 16},
    {"products": 60, "pass_tokens": 256},
    {"products": 120, "validate_every": 5, "checkpoint_every": 2},
]
FIGURES = ("seconds", "memory", "disk")


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="folder for the converted model; a temporary one otherwise")
    parser.add_argument("--base-model", default="gemma-3-270m")
    parser.add_argument("--runs", type=int, default=len(RUNS), help="measure only the first N")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        code = run_command(options.worker)
        print(peak_memory())
        sys.exit(code)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(options.workspace or folder)
        pipeline.prepare_catalogue(workspace, demo_file(), CATALOGUE, PrepareSettings())
        find_model(options.base_model, workspace)
        rows = [measure(workspace, {**one, "base_model": options.base_model}) for one in RUNS[: options.runs]]
    report(rows, options.json)


def measure(workspace: Workspace, settings: dict[str, Any]) -> dict[str, Any]:
    """Estimate a run, train it, delete it, and return predicted and actual figures."""
    arguments = [CATALOGUE, "--preset", PRESET, "--workspace", str(workspace.root)]
    arguments += [f"--set={name}={value}" for name, value in settings.items()]
    begin = time.monotonic()
    output = run_process("-m", "shelftalk", "estimate", *arguments, "--json")
    estimating = time.monotonic() - begin
    estimate = json.loads(output)
    predicted = [estimate[key] for key in ("seconds_total", "memory_bytes", "disk_bytes_total")]
    name = "estimated"
    begin = time.monotonic()
    output = run_process("-m", "benchmarks.estimate", "--worker", "train", *arguments, "--run", name)
    seconds = time.monotonic() - begin
    disk = sum(file.stat().st_size for file in workspace.run(name).rglob("*") if file.is_file())
    actual = [seconds, int(output.splitlines()[-1]), disk]
    delete_run(workspace, name)
    row: dict[str, Any] = {"settings": settings, "estimating_seconds": round(estimating, 1)}
    for figure, guess, found in zip(FIGURES, predicted, actual, strict=True):
        row[figure] = {"predicted": round(guess, 1), "actual": round(found, 1), "ratio": round(guess / found, 3)}
    print(row, file=sys.stderr, flush=True)
    return row


def run_process(*arguments: str) -> str:
    """Run Python with `arguments` and return its standard output."""
    return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def report(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print predicted and actual figures with their ratios, as a table and as lines or one line of JSON."""
    units = {"seconds": 1.0, "memory": 2**20, "disk": 2**20}
    print("| run | seconds: predicted, actual, ratio | memory, MiB | disk, MiB | estimating, s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        name = ", ".join(f"{key}={value}" for key, value in row["settings"].items())
        cells = [
            f"{row[key]['predicted'] / unit:.1f}, {row[key]['actual'] / unit:.1f}, {row[key]['ratio']:.2f}"
            for key, unit in units.items()
        ]
        print(f"| {name} | " + " | ".join(cells) + f" | {row['estimating_seconds']} |")
    ratios = {f"{key}_ratios": [row[key]["ratio"] for row in rows] for key in FIGURES}
    print(json.dumps(ratios) if as_json else "\n".join(f"{key}: {value}" for key, value in ratios.items()))


if __name__ == "__main__":
    main()
