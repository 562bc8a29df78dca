"""Estimate time, memory and disk of a training before it starts, and find smaller settings if it does not fit.

The figures come from a rehearsal (`training.rehearsal`): a short trial run in a separate process and temporary folder.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shelftalk import errors
from shelftalk.errors import Failure
from shelftalk.models import embedded
from shelftalk.models.gguf_files import base_obstacle
from shelftalk.models.instruction_set import bf16_cost, bf16_is_fast
from shelftalk.models.load import best_device
from shelftalk.models.registry import find_model, must_be_made
from shelftalk.models.weights import DTYPES, describe_weights
from shelftalk.records import Progress, no_progress
from shelftalk.runs.describe import list_runs
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import PASS_TOKENS
from shelftalk.training.projection import Measured, project
from shelftalk.training.state import stop_signals
from shelftalk.workspace import Workspace, read_json, writing

NAME = "rehearsal"
FILE = "rehearsal.json"
STAGE = re.compile(r"(\d+) (\d+)")  # a line of the rehearsal's standard output: stages done, and all
LEAST_TOKENS = 64  # a shorter row has no space for a description
EMBEDDED_BYTES = 536_000_000
Q8_0 = (34, 32)  # bytes of weights: a block of llama.cpp's 8-bit format has 32, and a scale


def estimate(
    workspace: Workspace,
    catalogue: str,
    settings: TrainingSettings,
    token: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    available: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Estimate time, peak memory and disk of a run of `settings` on `catalogue` on this machine.

    A base model that is not on this disk yet is converted or downloaded first. Where the run does not fit into
    `available` bytes of memory (by default the free memory), smaller settings are rehearsed, the smallest change
    first, until one fits; `say` gets a message for each, and `progress` counts a rehearsal's stages. All files of the
    rehearsals are removed.

    Returns:
        The keys of `rehearsal.rehearse` and, instead of its `measured`, those of `projection.project`; `catalogue`;
        `memory_bytes` (None where memory ran out); `fits` (None where the available memory is unknown);
        `disk_free_bytes`; `later_bytes`, see there; `smaller`, which is None or has `settings` (the changes),
        `seconds_total` and `memory_bytes`; and `running`, the runs that trained at the same time and slowed the
        rehearsal.

    Raises:
        NotFound, TooFewProducts, InvalidSettings and so on: as training.
        Failure: the rehearsal process ended without a result.
    """
    workspace.existing_catalogue(catalogue)
    workspace.make()
    if must_be_made(settings.base_model, workspace):
        say(f"Unpacking {settings.base_model} before that, which happens once.")
    if cost := bf16_cost(settings.precision):
        say(f"This run {cost}.")
    running = [run["name"] for run in list_runs(workspace) if run["status"] == "running"]
    found = rehearse_in_process(workspace, catalogue, settings, token, progress)
    found.pop("measured", None)
    if available is None:
        available = found["memory_available_bytes"]
    found |= {"catalogue": catalogue, "memory_available_bytes": available, "fits": fits(found, available)}
    found |= {"later_bytes": later_bytes(find_model(settings.base_model, workspace, token).folder)}
    found |= {"disk_free_bytes": shutil.disk_usage(workspace.root).free, "smaller": None, "running": running}
    if found["fits"] is False:
        for changes in smaller_settings(settings, found, available):
            say(f"That does not fit; rehearsing with {as_options(changes)}.")
            tried = rehearse_in_process(workspace, catalogue, settings.replace(changes), token, progress)
            if fits(tried, available):
                kept = {key: tried[key] for key in ("seconds_total", "memory_bytes")}
                return {**found, "smaller": {"settings": changes, **kept}}
    return found


def later_bytes(model: Path) -> dict[str, int]:
    """Return what using a run of the base model in folder `model` takes on the disk: `llama_cpp` and one `export`.

    llama.cpp has a file of the base model, which all its runs share, and one of the tuned model.
    """
    count, kind = describe_weights(model)
    engine = 0 if base_obstacle(model) else 2 * count * Q8_0[0] // Q8_0[1]
    return {"llama_cpp": engine, "export": count * DTYPES[kind].itemsize}


def as_options(changes: dict[str, Any]) -> str:
    """Return changed settings as command-line options."""
    return " ".join(f"--set {name}={value}" for name, value in changes.items())


def smaller_settings(
    settings: TrainingSettings, found: dict[str, Any], available: int | None
) -> Iterator[dict[str, Any]]:
    """Yield changes of `settings` that need less memory, each less than the one before.

    First the passes are halved until each holds one product, then the longest row is halved, then the number format
    and last the base model become smaller. `found` is the result of rehearsing `settings`: where the weights alone do
    not fit into `available`, the first two steps are skipped.
    """
    weights = found.get("weights_bytes", 0)
    longest = found.get("longest", settings.max_tokens)
    pass_tokens = found.get("pass_tokens", settings.pass_tokens or PASS_TOKENS[best_device().type])
    changes: dict[str, Any] = {}
    if available is None or weights < available:
        while pass_tokens > max(longest, LEAST_TOKENS):
            pass_tokens //= 2
            changes = {"pass_tokens": pass_tokens}
            yield changes
        max_tokens = settings.max_tokens // 2
        while max_tokens >= LEAST_TOKENS:
            if max_tokens <= longest:
                changes = {"pass_tokens": min(pass_tokens, max_tokens), "max_tokens": max_tokens}
                yield changes
            max_tokens //= 2
    if found.get("precision") == "fp32" and bf16_is_fast():
        changes = {**changes, "precision": "bf16"}
        yield changes
    if weights > 1.2 * EMBEDDED_BYTES:
        yield {"base_model": embedded.NAME}
        if changes:
            yield {**changes, "base_model": embedded.NAME}


def fits(found: dict[str, Any], available: int | None) -> bool | None:
    """Return whether the memory of a rehearsal's result fits into the available memory; None where that is unknown."""
    if found["memory_bytes"] is None:
        return False
    return None if available is None else bool(found["memory_bytes"] <= available)


def rehearse_in_process(
    workspace: Workspace,
    catalogue: str,
    settings: TrainingSettings,
    token: str | None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Rehearse in a separate process and a temporary folder; return result and, unless memory ran out, projection.

    `progress` counts the rehearsal's stages.

    Raises:
        NotFound, TooFewProducts, InvalidSettings and so on: as training.
        Failure: the rehearsal process ended without a result.
    """
    base = find_model(settings.base_model, workspace, token)
    with (
        writing(workspace.root),
        stop_signals(_interrupt),  # SIGTERM must not leave the folder behind
        tempfile.TemporaryDirectory(prefix=".estimate-", dir=workspace.root) as folder,
    ):
        temporary = Workspace(folder)
        for part in ("catalogues", "models"):
            (temporary.root / part).symlink_to((workspace.root / part).resolve())
        run = Run.create(temporary, NAME, catalogue, settings.replace({"trackers": "none"}), base)
        begin = time.monotonic()
        found = _run_process(run, progress)
        outside = time.monotonic() - begin - found.pop("seconds_inside", 0.0)
    if "measured" not in found:
        return {"memory_bytes": None, "memory_available_bytes": None, **found}
    found["measured"]["start"] += outside
    return found | project(Measured(**found["measured"]), settings, found["examples"], found["tokens"])


def _run_process(run: Run, progress: Progress) -> dict[str, Any]:
    """Rehearse `run` as `shelftalk train` would train it; return {} where the system killed it for lack of memory."""
    command = [sys.executable, "-m", "shelftalk", "estimate", run.description["catalogue"], "--rehearse"]
    command += ["--workspace", str(run.workspace.root.resolve())]
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}  # otherwise -m imports modules of the current folder first
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors_file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors_file, text=True, errors="replace", env=environment
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                if stage := STAGE.fullmatch(line.strip()):  # libraries may print other lines
                    progress(int(stage[1]), int(stage[2]))
        except BaseException:
            process.kill()
            raise
        process.wait()
        errors_file.seek(0)
        last = errors_file.read().strip().splitlines()[-1:]
    path = run.folder / FILE
    if process.returncode == -signal.SIGKILL:
        return {}
    if not path.is_file():
        raise Failure(f"The rehearsal ended unexpectedly: {''.join(last) or f'exit code {process.returncode}'}")
    found: dict[str, Any] = read_json(path)
    if "error" in found:
        raise getattr(errors, found["error"])(found["message"])
    return found


def _interrupt() -> None:
    raise KeyboardInterrupt
