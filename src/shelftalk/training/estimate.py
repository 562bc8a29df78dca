"""Say what a training will take before it starts, and what would fit where it does not.

The figures come from a rehearsal, see `training.rehearsal`, in a process of its own and in a folder that is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from shelftalk import errors
from shelftalk.errors import Failure
from shelftalk.models import embedded
from shelftalk.models.instruction_set import bf16_is_fast
from shelftalk.models.load import best_device
from shelftalk.models.registry import find_model, must_be_made
from shelftalk.runs.describe import list_runs
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import PASS_TOKENS
from shelftalk.training.projection import Measured, project
from shelftalk.training.state import stop_signals
from shelftalk.workspace import Workspace, read_json, writing

NAME = "rehearsal"
FILE = "rehearsal.json"
LEAST_TOKENS = 64  # below this a row holds no description
EMBEDDED_BYTES = 536_000_000


def estimate(
    workspace: Workspace,
    catalogue: str,
    settings: TrainingSettings,
    token: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    available: int | None = None,
) -> dict[str, Any]:
    """Return what a run of `settings` on `catalogue` would take here: time, peak memory and disk.

    A base model that is not on this disk yet is converted or downloaded first. Where the run does not fit into
    `available` bytes of memory (what is free here unless given), smaller settings are rehearsed, mildest first, until
    one does; `say` is told which. Nothing stays on the disk.

    Returns:
        What `rehearsal.rehearse` returns and `projection.project` makes of its `measured`, with `catalogue`;
        `memory_bytes` (None where memory ran out); `fits` (None where what is available is unknown);
        `disk_free_bytes`; `smaller`, which is None or has `settings` (what to change), `seconds_total` and
        `memory_bytes`; and `running`, the runs that trained meanwhile and took their share of this machine.

    Raises:
        NotFound, TooFewProducts, InvalidSettings and so on: what training would raise.
        Failure: the rehearsal ended without a word.
    """
    workspace.existing_catalogue(catalogue)
    workspace.make()
    if must_be_made(settings.base_model, workspace):
        say(f"Unpacking {settings.base_model} before that, which happens once.")
    running = [run["name"] for run in list_runs(workspace) if run["status"] == "running"]
    found = rehearse_apart(workspace, catalogue, settings, token)
    found.pop("measured", None)
    if available is None:
        available = found["memory_available_bytes"]
    found |= {"catalogue": catalogue, "memory_available_bytes": available, "fits": fits(found, available)}
    found |= {"disk_free_bytes": shutil.disk_usage(workspace.root).free, "smaller": None, "running": running}
    if found["fits"] is False:
        for changes in smaller_settings(settings, found, available):
            say(f"That does not fit; rehearsing with {spell(changes)}.")
            tried = rehearse_apart(workspace, catalogue, settings.replace(changes), token)
            if fits(tried, available):
                kept = {key: tried[key] for key in ("seconds_total", "memory_bytes")}
                return {**found, "smaller": {"settings": changes, **kept}}
    return found


def spell(changes: dict[str, Any]) -> str:
    """Return changed settings as they are typed."""
    return " ".join(f"--set {name}={value}" for name, value in changes.items())


def smaller_settings(
    settings: TrainingSettings, found: dict[str, Any], available: int | None
) -> Iterator[dict[str, Any]]:
    """Yield changes of `settings` that need less memory, each less than the one before.

    Passes are halved until one holds a single product, then the longest row is, then the number format and at last the
    base model become smaller. `found` is what the rehearsal of `settings` found: where the weights alone did not fit
    into `available`, the first two are left out.
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
    """Say whether what was found fits into the memory available; None where that is unknown."""
    if found["memory_bytes"] is None:
        return False
    return None if available is None else bool(found["memory_bytes"] <= available)


def rehearse_apart(
    workspace: Workspace, catalogue: str, settings: TrainingSettings, token: str | None
) -> dict[str, Any]:
    """Rehearse in a process and a folder of their own, and return what was found and, unless memory ran out, projected.

    Raises:
        NotFound, TooFewProducts, InvalidSettings and so on: what training would raise.
        Failure: the rehearsal ended without a word.
    """
    base = find_model(settings.base_model, workspace, token)
    with (
        writing(workspace.root),
        stop_signals(_interrupt),  # SIGTERM must not leave the folder behind
        tempfile.TemporaryDirectory(prefix=".estimate-", dir=workspace.root) as folder,
    ):
        place = Workspace(folder)
        for part in ("catalogues", "models"):
            (place.root / part).symlink_to((workspace.root / part).resolve())
        run = Run.create(place, NAME, catalogue, settings.replace({"trackers": "none"}), base)
        begin = time.monotonic()
        found = _run_process(run)
        outside = time.monotonic() - begin - found.pop("seconds_inside", 0.0)
    if "measured" not in found:
        return {"memory_bytes": None, "memory_available_bytes": None, **found}
    found["measured"]["start"] += outside
    return found | project(Measured(**found["measured"]), settings, found["products"], found["tokens"])


def _run_process(run: Run) -> dict[str, Any]:
    """Rehearse `run` as `shelftalk train` would train it; return nothing where the system ended it for its memory."""
    command = [sys.executable, "-m", "shelftalk", "estimate", run.description["catalogue"], "--rehearse"]
    command += ["--workspace", str(run.workspace.root.resolve())]
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}  # -m would import what lies in the current folder first
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    path = run.folder / FILE
    if process.returncode == -signal.SIGKILL:
        return {}
    if not path.is_file():
        reason = next(reversed(process.stderr.strip().splitlines()), f"exit code {process.returncode}")
        raise Failure(f"The rehearsal ended unexpectedly: {reason}")
    found: dict[str, Any] = read_json(path)
    if "error" in found:
        raise getattr(errors, found["error"])(found["message"])
    return found


def _interrupt() -> None:
    raise KeyboardInterrupt
