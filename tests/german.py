"""A finished run whose texts are German, for which there are no rules for claims."""

from __future__ import annotations

import shutil
from pathlib import Path

from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace, read_json, write_json

TEXT = "Der Haken ist aus Messing und 40 cm lang."
TITLE = "Eichenhaken 7 cm"


def german_workspace(run: Run, root: Path) -> Workspace:
    """Copy a run's workspace to `root`, where run and catalogue are German."""
    workspace = Workspace(shutil.copytree(run.workspace.root, root))
    for file in (root / "runs" / run.name / "run.json", root / "catalogues" / run.name / "catalogue.json"):
        write_json(file, {**read_json(file), "language": "de"})
    return workspace
