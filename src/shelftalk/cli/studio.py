"""`shelftalk studio`: all stages in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from shelftalk.cli.options import DEFAULT_WORKSPACE, WorkspaceOption
from shelftalk.extras import require_extra
from shelftalk.hosts import LOOPBACK
from shelftalk.workspace import Workspace


def studio(
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Port; the first free one from 8501 on otherwise.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a page in the browser.")] = True,
    public_host: Annotated[
        str | None,
        typer.Option(
            "--public-host",
            metavar="NAME",
            help="Also answer under this name, such as studio.example.org, which a proxy on this machine passes on; "
            "with its port and path if it has them. A password is made and shown once.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on, in a container 0.0.0.0; others than this machine's own "
            "need --public-host, and so a password.",
        ),
    ] = LOOPBACK,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Open the studio in the browser, on this machine only: catalogue, fine-tuning, comparison, runs, report."""
    require_extra("studio", "The studio", "streamlit", "starlette", "altair", "pandas")
    from shelftalk.cli import output
    from shelftalk.errors import Busy, Damaged, InvalidSettings
    from shelftalk.pipeline import prepare_bundled
    from shelftalk.studio.launch import check_host, find_port, launch
    from shelftalk.studio.reach import directions
    from shelftalk.studio.sign_in import SignIn, new_password, parse_address

    address = None if public_host is None else parse_address(public_host)
    check_host(host, address is not None)
    place = Workspace(workspace)
    chosen = find_port(port, host)
    try:
        prepare_bundled(place)
    except (InvalidSettings, Damaged, Busy) as error:  # the user's own catalogues and runs do not depend on it
        output.say(f"The bundled catalogue is left out. {error}")
    if address is None:
        output.say(f"The studio is on http://127.0.0.1:{chosen} (Ctrl-C ends it; trainings continue).")
        for line in directions(chosen):
            output.say(line)
        launch(place, chosen, browser, host=host)
        return
    password = new_password()
    output.say(f"The studio is on http://{host}:{chosen}, for browsers that see it as {address} (Ctrl-C ends it).")
    output.say(f"Password, for this start only and not shown again: {password}")
    output.say("Who has it can read and do here what you can. Without https at the proxy it is readable on its way.")
    launch(place, chosen, browser, SignIn(address, password), host)
