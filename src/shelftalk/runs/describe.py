"""List and describe runs from their files and locks, during and after training."""

from __future__ import annotations

import math
from typing import Any

from shelftalk.errors import Damaged, NewerFormat
from shelftalk.runs.folders import folder_bytes
from shelftalk.runs.metrics import (
    METRICS,
    read_loss_not_fallen,
    read_newest_metrics,
    read_training_loss,
    read_validation,
)
from shelftalk.runs.run import LOG, REBUILT, Run
from shelftalk.runs.state import read_state, read_status
from shelftalk.workspace import Workspace


def list_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """Return for every run of the workspace: name, status, catalogue, base model, step, steps and whether indexed.

    The status of one that cannot be read is "damaged", or "newer" where a newer version of shelftalk wrote it.
    """
    return [_describe_or_damaged(workspace, name) for name in workspace.runs()]


def describe_run(run: Run) -> dict[str, Any]:
    """Return the same for one run as `list_runs`; see `state.read_status` for the status."""
    state = read_state(run.folder)
    return {
        "name": run.name,
        "status": read_status(run.folder, run.finished),
        "catalogue": run.description["catalogue"],
        "base_model": run.description["base"]["name"],
        "step": state.get("step", 0),
        "steps": state.get("steps"),
        "indexed": (run.index / "vectors.parquet").is_file(),
    }


def show_run(run: Run) -> dict[str, Any]:
    """Return `describe_run` of one run, with its settings, state, newest metrics, validation losses and paths.

    `base_revision` identifies the weights of its base model, wherever they are now; `language` is that of its requests.

    `training_loss`, None before the run has finished, has the mean loss of its first and last updates (None where one
    was not finite), and a `warning` if it did not fall. `validation`, None where nothing was measured, has a `warning`
    if the run never got better than its base model.
    `accepted`, None where the run learns from no accepted texts, has their number, that of the edited ones, and the
    numbers of those that stay out: of held-out products, and empty ones. `earlier`, None where no
    earlier run is known in the weights that it began from, has the numbers of such runs and of their products, of the
    held-out products and of those that were trained on, and a `warning` if some were or may have been.
    """
    return {
        **describe_run(run),
        "base_revision": run.description["base"]["revision"],
        "language": run.language,
        "settings": run.description["settings"],
        "precision": run.description["precision"],
        "state": read_state(run.folder),
        "metrics": read_newest_metrics(run.folder),
        "training_loss": _describe_training_loss(run) if run.finished else None,
        "validation": _describe_validation(run),
        "accepted": _describe_accepted(run),
        "earlier": _describe_earlier(run),
        "paths": {
            "folder": str(run.folder),
            "metrics": str(run.folder / METRICS),
            "log": str(run.folder / LOG) if (run.folder / LOG).is_file() else None,
            "adapter": str(run.adapter) if run.finished else None,
        },
    }


def describe_data(run: Run) -> str:
    """Return what a run trains on, as a noun phrase: "20 products of the catalogue mine".

    Raises:
        NotFound, Damaged: see `Run.products`.
    """
    count, accepted = len(run.products()), run.accepted
    texts = f" and {len(accepted)} accepted texts ({sum(one.edited for one in accepted)} edited)" if accepted else ""
    return f"{count - len(accepted)} products of the catalogue {run.description['catalogue']}{texts}"


def measure_disk(run: Run) -> dict[str, int]:
    """Return the bytes of the `run` as a whole, and of those of its folders that may be deleted and are made again."""
    again = {name: folder_bytes(run.folder / name) for name in REBUILT if (run.folder / name).is_dir()}
    return {"run": folder_bytes(run.folder), **again}


def _describe_training_loss(run: Run) -> dict[str, Any] | None:
    found = read_training_loss(run.folder)
    if found is None:
        return None
    first, last = (round(one, 4) if math.isfinite(one) else None for one in (found.first, found.last))
    described = {"first_updates": first, "last_updates": last}
    warned = read_loss_not_fallen(run.folder)
    return {**described, "warning": warned.did_not_fall(run.origin)} if warned else described


def _describe_validation(run: Run) -> dict[str, Any] | None:
    found = read_validation(run.folder)
    if found is None:
        return None
    described = {"loss_before_training": found.before, "best_loss": found.best, "best_step": found.step}
    return described if found.better else {**described, "warning": found.never_better(run.origin)}


def _describe_accepted(run: Run) -> dict[str, Any] | None:
    held = run.description.get("accepted")
    return {key: value for key, value in held.items() if key != "sha256"} if held else None


def _describe_earlier(run: Run) -> dict[str, Any] | None:
    held = run.description.get("earlier")
    if not held:
        return None
    counts = [one["products"] for one in held["runs"]]
    described = {
        "runs": len(counts),
        "products": None if None in counts else sum(counts),
        "held_out": held["held_out"],
        "trained_on": held["seen"],
    }
    warning = warn_of_earlier(run)
    return {**described, "warning": warning} if warning else described


def warn_of_earlier(run: Run) -> str | None:
    """Return a sentence on held-out products that the weights were trained on from which a run began; None without any.

    Weights of an export without a record may have been trained on any, which is said, too.
    """
    held = run.description.get("earlier", {"runs": [], "seen": 0})
    sentences = []
    if held["seen"]:
        sentences.append(
            f"{held['seen']} of {held['held_out']} held-out products were trained on by an earlier run in this base; "
            "nothing is measured on them."
        )
    if any(one["products"] is None for one in held["runs"]):
        sentences.append(
            "What an earlier run in this base trained on was not known when this run began, so held-out products may "
            "be among it; export that base again from its run, and shelftalk evaluate leaves them out."
        )
    return " ".join(sentences) or None


def no_held_out(catalogue: str, count: int, split: str = "test") -> str:
    """Return an error's text for a split of `count` products of which none is left to be measured."""
    if not count:
        return f"Catalogue {catalogue!r} has no products held out in its {split} split; prepare a larger file."
    return (
        f"Each of the {count} {split} products of catalogue {catalogue!r} was trained on by an earlier run in this "
        "base, so nothing can be measured on them; take another base model, or prepare a file with other products."
    )


def _describe_or_damaged(workspace: Workspace, name: str) -> dict[str, Any]:
    try:
        return describe_run(Run.open(workspace, name))
    except (Damaged, NewerFormat, LookupError, TypeError, AttributeError) as error:
        empty = dict.fromkeys(("catalogue", "base_model", "step", "steps", "indexed"))
        return {"name": name, "status": "newer" if isinstance(error, NewerFormat) else "damaged", **empty}
