"""`shelftalk studio`: all stages in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from shelftalk.cli.options import DEFAULT_WORKSPACE, WorkspaceOption
from shelftalk.workspace import Workspace


def studio(
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Port; the first free one from 8501 on otherwise.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a page in the browser.")] = True,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Open the studio in the browser, on this machine only: catalogue, fine-tuning, comparison, runs, report."""
    from shelftalk.cli import output
    from shelftalk.errors import Damaged, InvalidSettings
    from shelftalk.pipeline import prepare_bundled
    from shelftalk.studio.launch import find_port, launch

    place = Workspace(workspace)
    chosen = find_port(port)
    try:
        prepare_bundled(place)
    except (InvalidSettings, Damaged) as error:  # the user's own catalogues and runs do not depend on it
        output.say(f"The bundled catalogue is left out. {error}")
    output.say(f"The studio is on http://127.0.0.1:{chosen} (Ctrl-C ends it; trainings continue).")
    launch(place, chosen, browser)
