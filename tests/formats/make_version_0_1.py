"""Write version_0_1.tar.xz: a small workspace as version 0.1 made it, of invented products and a tiny model.

    git worktree add --detach ../version-0.1 31dbadd^
    PYTHONPATH=../version-0.1/src python tests/formats/make_version_0_1.py

31dbadd^ is the last commit before the changelog's section "0.2.0". The archive has `products.csv`, `base/` (the base
model, a folder), `workspace/` and `texts.csv`, a finished output of `generate`, with `more.csv.journal`, an unfinished
one. Commands of version 0.1 wrote the workspace, except history and votes: the functions of its studio wrote those.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import shelftalk
from shelftalk.evaluation.votes import cast_vote
from shelftalk.generation.history import remember
from shelftalk.models import tiny

HERE = Path(__file__).resolve().parent
SETTINGS = {
    "base_model": "base",
    "products": "all",
    "epochs": 2,
    "batch_size": 2,
    "gradient_accumulation": 2,
    "learning_rate": 1e-2,
    "lora_rank": 1,
    "max_tokens": 192,
    "checkpoint_every": 3,
    "compile": "off",
    "validate_every": 3,
    "precision": "fp32",
}
STEP = 0.02  # between two values of a weight: random weights of few values are packed to a few kilobytes


def write_products(path: Path) -> None:
    """Write 14 invented products."""
    woods = ("oak", "ash", "elm", "beech", "birch")
    rows = [
        f"P{number:03d},{woods[number % 5].title()} peg {number} cm,"
        f'"A peg of {woods[number % 5]}, {number} cm long, oiled twice. It holds a coat."'
        for number in range(1, 15)
    ]
    path.write_text("\n".join(["id,title,description", *rows]) + "\n", encoding="utf-8")


def write_base(folder: Path) -> None:
    """Write the tiny model with rounded weights."""
    import torch

    model, tokenizer = tiny.make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter / STEP).round() * STEP)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def command(*arguments: str) -> list[str]:
    """Return the arguments of a process that runs a command of version 0.1."""
    return [sys.executable, "-m", "shelftalk", *arguments]


def interrupt(arguments: list[str], is_time: Callable[[], bool]) -> None:
    """Run a command and kill it as soon as `is_time()`."""
    process = subprocess.Popen(arguments)
    while not is_time():
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def make(folder: Path) -> None:
    """Make everything in `folder`, which is the working directory."""
    write_products(folder / "products.csv")
    write_base(folder / "base")
    subprocess.run(command("prepare", "products.csv", "--name", "pegs"), check=True)
    train = ["train", "pegs", *(f"--set={name}={value}" for name, value in SETTINGS.items())]
    subprocess.run(command(*train, "--run", "finished"), check=True)
    checkpoints = folder / "workspace" / "runs" / "finished" / "checkpoints"
    for earlier in sorted(checkpoints.glob("step-*"))[:-1]:
        shutil.rmtree(earlier)
    step = folder / "workspace" / "runs" / "killed" / "checkpoints" / "step-00000003"
    interrupt(command(*train, "--run", "killed"), step.is_dir)
    subprocess.run(command("index", "finished"), check=True)
    written = ["--max-new-tokens=8", "--seed=1"]
    subprocess.run(command("evaluate", "finished", "--max-products", "1", *written), check=True)
    generate = ["generate", "finished", "--input", "products.csv", *written, "--engine", "transformers"]
    subprocess.run(command(*generate, "--output", "texts.csv"), check=True)
    journal = folder / "more.csv.journal"
    interrupt(
        command(*generate, "--output", "more.csv", "--references", "1"),
        lambda: journal.is_file() and journal.read_bytes().count(b"\n") > 4,
    )
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:5]))  # as after an earlier kill


def add_answers(run: Path) -> None:
    """Write what only the studio of version 0.1 writes, with its own functions: the history and the votes."""
    from shelftalk.generation.compare import Comparison  # type: ignore[attr-defined]  # where version 0.1 has it
    from shelftalk.records import Description
    from shelftalk.settings import DecodingSettings

    one = Description("A peg.", stopped=True, tokens=3)
    remember(run, Comparison("Oak peg 31 cm", one, one, []), DecodingSettings())
    cast_vote(run, "Oak peg 31 cm", "tuned")
    cast_vote(run, "Oak peg 32 cm", "base")


def main() -> None:
    """Write the archive beside this file."""
    assert shelftalk.__version__ == "0.1.0", "see above"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        os.chdir(folder)
        make(folder)
        add_answers(folder / "workspace" / "runs" / "finished")
        for derived in (*folder.glob("workspace/models"), *folder.glob("workspace/runs/*/gguf")):
            shutil.rmtree(derived)  # converted models, large and made again
        with tarfile.open(HERE / "version_0_1.tar.xz", "w:xz") as archive:
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name)


if __name__ == "__main__":
    main()
