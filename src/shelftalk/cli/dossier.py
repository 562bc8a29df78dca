"""`shelftalk dossier`: write one document on a run, to hand in or to read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    EngineOption,
    JsonOption,
    RunArgument,
    WorkspaceOption,
    open_run,
)
from shelftalk.translations.texts import LANGUAGES, nearest

LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")  # environment variables, the first that is set


def dossier(
    run: RunArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write: a new one, or an empty one.")],
    language: Annotated[
        str | None,
        typer.Option("--language", help=f"{' or '.join(LANGUAGES)}. [default: the terminal's]", show_default=False),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option("--questions", metavar="FILE", help="Also answer these, one question or title in each line."),
    ] = None,
    engine: EngineOption = "automatic",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Write one document on a run: data, model, parameters, curves, texts before and after, measures and limits.

    It is one HTML page that prints well, the same in Markdown, and the pictures. Only a finished run is needed; what
    was not recorded or measured is said. A folder of an earlier dossier is replaced, any other folder with files is an
    error.
    """
    opened = open_run(workspace, run)
    from shelftalk.cli import output
    from shelftalk.dossier.dossier import read_questions, write_dossier

    asked = read_questions(questions) if questions else []
    chosen = language or nearest(next(filter(None, map(os.environ.get, LOCALE)), ""))
    with output.step(f"Writing the dossier of {run}") as progress:
        found = write_dossier(opened, to, chosen, asked, progress, engine, output.say)
    if as_json:
        output.print_json(found)
    else:
        output.out.print(f"Dossier: {found['html']}, and dossier.md beside it", markup=False, soft_wrap=True)
