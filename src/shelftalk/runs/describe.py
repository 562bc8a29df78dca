"""List and describe runs from their files and locks, during and after training."""

from __future__ import annotations

from typing import Any

from shelftalk.errors import Damaged
from shelftalk.runs.metrics import METRICS, read_newest_metrics
from shelftalk.runs.run import LOG, Run
from shelftalk.runs.state import read_state, read_status
from shelftalk.workspace import Workspace


def list_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """Return for every run of the workspace: name, status, catalogue, base model, step, steps and whether indexed."""
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
    """Return `describe_run` of one run, with its settings, state, newest metrics and paths."""
    return {
        **describe_run(run),
        "settings": run.description["settings"],
        "precision": run.description["precision"],
        "state": read_state(run.folder),
        "metrics": read_newest_metrics(run.folder),
        "paths": {
            "folder": str(run.folder),
            "metrics": str(run.folder / METRICS),
            "log": str(run.folder / LOG) if (run.folder / LOG).is_file() else None,
            "adapter": str(run.adapter) if run.finished else None,
        },
    }


def _describe_or_damaged(workspace: Workspace, name: str) -> dict[str, Any]:
    try:
        return describe_run(Run.open(workspace, name))
    except (Damaged, KeyError):
        empty = dict.fromkeys(("catalogue", "base_model", "step", "steps", "indexed"))
        return {"name": name, "status": "damaged", **empty}
