"""Train a run of the tiny model on a cluster, to be killed: ADDRESS WORKSPACE NAME WORKERS DROPOUT."""

from __future__ import annotations

import sys

from shelftalk import pipeline
from shelftalk.engines.choose import Place
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS

CATALOGUE = "pegs"
SETTINGS: TrainingSettings = TINY_SETTINGS.replace(
    {"epochs": 12, "checkpoint_every": 5, "validate_every": 15, "precision": "fp32"}
)


def main(address: str, workspace: str, name: str, workers: str, dropout: str) -> None:
    place, settings = Place("ray", address, int(workers)), SETTINGS.replace({"lora_dropout": float(dropout)})
    pipeline.train_run(Workspace(workspace), CATALOGUE, name, settings, place=place)


if __name__ == "__main__":
    main(*sys.argv[1:])
