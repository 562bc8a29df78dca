"""Train a run of the tiny model in a process to be killed: ADDRESS WORKSPACE NAME WORKERS; "" means without Ray."""

from __future__ import annotations

import sys
from typing import Any

from shelftalk import pipeline
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS

CATALOGUE = "pegs"
SETTINGS: TrainingSettings = TINY_SETTINGS.replace(
    {"epochs": 12, "checkpoint_every": 5, "validate_every": 15, "precision": "fp32"}
)


def main(address: str, workspace: str, name: str, workers: str) -> None:
    there: dict[str, Any] = {"cluster": address, "workers": int(workers)} if address else {}
    pipeline.train_run(Workspace(workspace), CATALOGUE, name, SETTINGS, **there)


if __name__ == "__main__":
    main(*sys.argv[1:])
