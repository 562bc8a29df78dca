"""Describe a file of titles on a cluster in a process to be killed: ADDRESS WORKSPACE TITLES OUTPUT."""

from __future__ import annotations

import sys
from pathlib import Path

from shelftalk import pipeline
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace

SETTINGS = DecodingSettings(max_new_tokens=16)


def main(address: str, workspace: str, titles: str, output: str) -> None:
    run = Run.open(Workspace(workspace), "pegs")
    pipeline.write_catalogue(run, Path(titles), Path(output), SETTINGS, cluster=address)


if __name__ == "__main__":
    main(*sys.argv[1:])
