"""Do training, indexing and writing cost the same for each product, and the same memory, however many there are?

    python -m benchmarks.growth --folder F [--sizes 1000,10000,100000] [--json]

For each size a file in the format of AmazonTitles (see benchmarks.amazontitles) with so many products that can be kept
passes through the commands, each a process of its own:

    prepare   the whole file
    train     Gemma 3 270M over all products. What a whole run would repeat is measured: updates of eight
              products, behind the start and the base model's validation. The learning rate is too small
              to change a weight, so that early stopping ends the run at its second validation, after twice UPDATES
              updates, as it ends every other: with checkpoints and adapter
    index     all training products
    write     the descriptions of a file of all products, stopped when TEXTS of them are written

Columns: products that the stage has to do with; seconds from start to end; seconds before the first update, product or
text is done; milliseconds for each further one; and memory in GiB (see benchmarks.commands). Memory is `flat` if it is
that of the data a stage must hold, and time if the milliseconds of all sizes are the same.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.amazontitles import lines
from benchmarks.commands import run_command
from benchmarks.trainers import print_table
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.runs.folders import delete_run
from shelftalk.runs.metrics import read_metrics
from shelftalk.workspace import Workspace

UPDATES, PRODUCTS_IN_UPDATE = 20, 8
TEXTS = 64
KEPT = 0.55  # of the rows of such a file, about, are kept
SETTINGS = {
    "products": "all",
    "epochs": 1,
    "batch_size": PRODUCTS_IN_UPDATE,
    "gradient_accumulation": 1,
    "learning_rate": 1e-30,
    "warmup_steps": 0,
    "validate_every": UPDATES,
    "early_stopping": 1,
    "checkpoint_every": UPDATES,
    "log_every": 1,
    "compile": "off",
}


class Marks:
    """When a count, which `count` returns, was first seen to be above nothing, and when it was seen to reach `last`."""

    def __init__(self, count: Callable[[], int], last: int) -> None:
        self.count, self.last = count, last
        self.began = time.monotonic()
        self.seen: list[tuple[int, float]] = []

    def __call__(self) -> bool:
        if (found := self.count()) and (not self.seen or found > self.seen[-1][0]):
            self.seen.append((found, time.monotonic() - self.began))
        return found >= self.last

    def figures(self, products: int = 1) -> dict[str, Any]:
        """Return the seconds before the first, and milliseconds for each further product of `products` in a count."""
        (first, begin), (last, end) = self.seen[0], self.seen[-1]
        return {"first": round(begin, 1), "ms": round(1000 * (end - begin) / (last - first) / products, 2)}


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="keep files and workspace here")
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--without-index", action="store_true", help="texts then have no references")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Any]] = {}
    for size in map(int, options.sizes.split(",")):
        for stage, row in measure(options.folder, size, not options.without_index).items():
            rows[f"{stage} {size}"] = row
            print(f"{stage} {size}: {row}", file=sys.stderr, flush=True)
    print_table(rows)
    if options.json:
        print(json.dumps(rows))


def measure(folder: Path, size: int, indexed: bool) -> dict[str, dict[str, Any]]:
    """Run the stages with about `size` products, and return the figures of each."""
    workspace, name = Workspace(folder / "workspace"), f"growth-{size}"
    root = ["--workspace", str(workspace.root)]
    source, titles, output = folder / f"{name}.json", folder / f"{name}-titles.jsonl", folder / f"{name}-texts.csv"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(lines(round(size / KEPT)))
    if workspace.run(name).exists():
        delete_run(workspace, name)
    shutil.rmtree(workspace.catalogue(name), ignore_errors=True)
    found = {"prepare": run_command(["prepare", str(source), "--name", name, *root])}
    catalogue = Catalogue.open(workspace.catalogue(name))
    found["prepare"] |= whole(found["prepare"], catalogue.summary["kept"])

    run = workspace.run(name)
    settings = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    updates = Marks(lambda: read_updates(run), sys.maxsize)
    found["train"] = run_command(["train", name, "--run", name, *settings, *root], updates)
    found["train"] |= {"products": catalogue.count("train"), **updates.figures(PRODUCTS_IN_UPDATE)}

    if indexed:
        found["index"] = run_command(["index", name, *root])
        found["index"] |= whole(found["index"], catalogue.count("train"))

    with titles.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"uid": one.uid, "title": one.title}) + "\n" for one in catalogue.products("train"))
    texts = Marks(lambda: count_lines(output.with_name(f"{output.name}.journal")) - 1, TEXTS)
    arguments = ["generate", name, "--input", str(titles), "--output", str(output), "--max-new-tokens", "40"]
    arguments += [] if indexed else ["--references", "0"]
    found["write"] = run_command([*arguments, "--replace", *root], texts, signal.SIGINT)
    found["write"] |= {"products": catalogue.count("train"), **texts.figures()}
    return found


def whole(found: dict[str, Any], products: int) -> dict[str, Any]:
    """Return the figures of a stage that was measured from start to end."""
    return {"products": products, "first": 0.0, "ms": round(found["seconds"] * 1000 / products, 2)}


def read_updates(run: Path) -> int:
    """Return how many updates a run has recorded."""
    return sum("loss" in line for line in read_metrics(run)) if run.is_dir() else 0


def count_lines(path: Path) -> int:
    """Return the number of lines of a file; 0 where there is none."""
    return path.read_bytes().count(b"\n") if path.is_file() else 0


if __name__ == "__main__":
    main()
