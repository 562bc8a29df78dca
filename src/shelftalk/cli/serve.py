"""`shelftalk serve`: serve a run over OpenAI's routes, on this machine only by default."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import Annotated

import typer

from shelftalk.cli.options import DEFAULT_WORKSPACE, EngineOption, RunArgument, WorkspaceOption
from shelftalk.extras import require_extra
from shelftalk.workspace import Workspace


def serve(
    run: RunArgument,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; one that other machines can reach needs an API key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option("--api-key-file", help="File with the API key; otherwise SHELFTALK_API_KEY, otherwise none."),
    ] = None,
    engine: EngineOption = "automatic",
    slots: Annotated[int, typer.Option("--slots", min=1, max=64, help="Requests that compute in parallel.")] = 2,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Serve a run over HTTP: OpenAI's routes, and /v1/describe for before, after and references."""
    require_extra("serve", "Serving", "fastapi", "uvicorn", "prometheus_client")
    from shelftalk.runs.run import Run

    opened = Run.open(Workspace(workspace), run)
    opened.require_finished()
    from shelftalk.api.app import create_app
    from shelftalk.api.limits import Limits
    from shelftalk.api.server import bind, make_server, read_key
    from shelftalk.cli import output
    from shelftalk.generation.choose import open_engine
    from shelftalk.pipeline import open_index

    key = read_key(api_key_file)
    with bind(host, port, key is not None) as bound:
        with output.step(f"Loading {run}"):
            loaded = open_engine(opened, asked=engine, slots=slots, say=output.say)
            index = open_index(opened)
        try:
            app = create_app(loaded, index, opened, Limits(slots=slots), key)
            make_server(app, lambda: _show_address(run, bound, api_key_file, key is not None)).run([bound])
        finally:
            loaded.close()


def _show_address(run: str, bound: socket.socket, key_file: Path | None, keyed: bool) -> None:
    from shelftalk.cli import output

    address, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    key = f"$(cat {shlex.quote(str(key_file))})" if key_file else "$SHELFTALK_API_KEY"
    authorization = f'-H "Authorization: Bearer {key}" ' if keyed else ""
    body = """-H 'Content-Type: application/json' -d '{"title": "Oak peg"}'"""
    output.say(f"Serving {run} on {url} (Ctrl-C ends it). Try:")
    output.say(f"curl {authorization}{body} {url}/v1/describe")
