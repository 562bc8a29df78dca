"""How much of its speed does shelftalk keep while another program uses one core without pause?

    python -m benchmarks.beside --json

Four kinds of work, each in a process of its own that does it again and again: training (eight rows an update, the whole
vocabulary, compiled or not), embedding, writing (one text, and 16 at once) and preparing a file like AmazonTitles'. In
turns of some seconds the machine is idle otherwise, or a loop of Python uses one core; of --rounds such pairs the
medians count. Then the same beside the loop at a niceness of 10, as commands run that shelftalk starts in the
background. The rows are the real ones in ../shared/data if present, otherwise the bundled catalogue. `kept` is the
share of the speed alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.amazontitles import lines
from benchmarks.embedding import DEV_ROWS, text_of
from benchmarks.generation import open_or_train
from benchmarks.trainers import Stopwatch, count_tokens, in_own_process, print_table, train_ours
from benchmarks.training_cpu import SETTINGS
from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.commands import NICENESS
from shelftalk.generation.llama_cpp_engine import LlamaCppEngine
from shelftalk.models.adapters import add_adapter
from shelftalk.models.embedder import Embedder
from shelftalk.models.load import load_model
from shelftalk.models.registry import find_model
from shelftalk.prompts import ENGLISH
from shelftalk.settings import DecodingSettings
from shelftalk.training.attention import PACKED
from shelftalk.training.batches import Plan, encode_products
from shelftalk.workspace import Workspace

UPDATES = 4  # of a turn, the first of which is left out
WARM_UP = 3  # updates
TITLES = {1: 3, pipeline.SLOTS: 16}  # of a turn, by the number of texts at once
ROWS = 60_000  # of the file that is prepared
LOOP = [sys.executable, "-c", "while True: pass"]
WORK = ("training", "training_eager", "embedding", "writing", "writing_many", "preparing")

Speeds = dict[str, list[float]]


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="folder for the models and a run; a temporary one otherwise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", default=",".join(WORK))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--nice", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        os.nice(options.nice)
        print(json.dumps(measure(options.worker, Workspace(options.workspace), options.rounds, bool(options.nice))))
        return
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(options.workspace or folder)
        source = DEV_ROWS if DEV_ROWS.is_file() else demo_file()
        pipeline.prepare_catalogue(workspace, source, "benchmark", PrepareSettings())
        find_model(SETTINGS.base_model, workspace)
        for name in options.work.split(","):
            usual = worker(name, workspace, options.rounds)
            with burnt_core():
                niced = worker(name, workspace, options.rounds, NICENESS)
            alone, beside = (statistics.median(usual[when]) for when in ("alone", "beside"))
            lowest = statistics.median(niced["alone"])
            rows[name] = {
                "alone": round(alone, 1),
                "beside": round(beside, 1),
                "niced": round(lowest, 1),
                "kept": round(beside / alone, 2),
                "kept_niced": round(lowest / alone, 2),
            }
            print(name, rows[name], file=sys.stderr, flush=True)
    print_table(rows)
    if options.json:
        print(json.dumps(rows))


def worker(name: str, workspace: Workspace, rounds: int, niceness: int = 0) -> Speeds:
    """Measure one kind of work in a separate process."""
    arguments = ["--worker", name, "--workspace", str(workspace.root), "--rounds", str(rounds), "--nice", str(niceness)]
    return in_own_process("benchmarks.beside", *arguments)


def measure(name: str, workspace: Workspace, rounds: int, beside: bool) -> Speeds:
    """Return the speeds of `name` in every turn, `alone` and beside the loop; all are `alone` if it runs already."""
    if name.startswith("training"):
        return measure_training(workspace, rounds, beside, compiled=name == "training")
    with tempfile.TemporaryDirectory() as folder:
        do = {
            "embedding": lambda: embedding(workspace),
            "writing": lambda: writing(workspace, slots=1),
            "writing_many": lambda: writing(workspace, slots=pipeline.SLOTS),
            "preparing": lambda: preparing(Path(folder)),
        }[name]()
        do()
        speeds: Speeds = {"alone": [], "beside": []}
        for _ in range(rounds):
            for when in ("alone", "beside"):
                with burnt_core() if when == "beside" and not beside else nullcontext():
                    begin = time.perf_counter()
                    amount = do()
                    speeds[when].append(amount / (time.perf_counter() - begin))
        return speeds


@contextmanager
def burnt_core() -> Iterator[None]:
    """Use one core until the block ends."""
    with subprocess.Popen(LOOP) as loop:
        try:
            yield
        finally:
            loop.kill()


class Turns(Stopwatch):
    """A stopwatch that starts or stops the loop after every `UPDATES` updates, once the first are over, if it may."""

    def __init__(self, may_start: bool) -> None:
        super().__init__()
        self.may_start, self.beside = may_start, False
        self.load = ExitStack()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        super().on_step_end(args, state, control, **more)
        done = state.global_step - WARM_UP
        if self.may_start and done > 0 and done % UPDATES == 0:
            self.beside = not self.beside
            if self.beside:
                self.load.enter_context(burnt_core())
            else:
                self.load.close()


def measure_training(workspace: Workspace, rounds: int, beside: bool, compiled: bool) -> Speeds:
    """Return the tokens a second of a training that goes on through all turns."""
    base = find_model(SETTINGS.base_model, workspace)
    model, tokenizer = load_model(base.folder, "automatic", PACKED)
    model = add_adapter(model, SETTINGS)
    products = Catalogue.open(workspace.catalogue("benchmark")).products("train")
    settings, watch = SETTINGS.replace({"epochs": 9}), Turns(may_start=not beside)
    examples = encode_products(tokenizer, ENGLISH, products, settings)
    updates = WARM_UP + 2 * rounds * UPDATES
    with watch.load:
        train_ours(model, examples, settings, updates, watch, compiled)
    plan, seconds = Plan(examples, settings), watch.seconds()
    speeds: Speeds = {"alone": [], "beside": []}
    for turn in range(2 * rounds):
        first = WARM_UP + turn * UPDATES + 1
        last = first + UPDATES - 1
        tokens = sum(count_tokens(plan[number])[0] for number in range(first, last))
        speeds["beside" if turn % 2 else "alone"].append(tokens / sum(seconds[first:last]))
    return speeds


def embedding(workspace: Workspace) -> Callable[[], float]:
    """Return what embeds the catalogue, and returns the number of texts."""
    texts = [text_of(product) for product in Catalogue.open(workspace.catalogue("benchmark")).products()] * 3
    embedder = Embedder.load()
    return lambda: float(len(embedder.embed(texts)))


def writing(workspace: Workspace, slots: int) -> Callable[[], float]:
    """Return what writes texts, `slots` at once, and returns the number of their tokens."""
    run = open_or_train(workspace, "demo")
    engine, settings = LlamaCppEngine.load(run, slots=slots), DecodingSettings(max_new_tokens=100, temperature=0)
    products = run.catalogue().products("train")[: TITLES[slots]]
    prompts = [run.template.prompt_for(product.title) for product in products]

    def write() -> float:
        if slots == 1:
            return float(sum(engine.complete(prompt, tuned=True, settings=settings).tokens for prompt in prompts))
        return float(sum(one.tokens for one in engine.complete_all(prompts, tuned=True, settings=settings)))

    return write


def preparing(folder: Path) -> Callable[[], float]:
    """Return what prepares a file, and returns its size in megabytes."""
    source = folder / "rows.jsonl"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(lines(ROWS))

    def prepare() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as workspace:
            pipeline.prepare_catalogue(Workspace(Path(workspace)), source, "rows", PrepareSettings())
        return source.stat().st_size / 1e6

    return prepare


if __name__ == "__main__":
    main()
