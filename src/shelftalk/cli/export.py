"""`shelftalk export`: write a run as files for other tools, and print the result of the parity check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shelftalk.cli.options import DEFAULT_WORKSPACE, JsonOption, RunArgument, TokenOption, WorkspaceOption, read_token
from shelftalk.workspace import Workspace


def export(
    run: RunArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write: a new one, or an empty one.")],
    format: Annotated[str, typer.Option("--format", help="adapter, merged, gguf, ollama or vllm.")],
    quantization: Annotated[
        str | None,
        typer.Option(
            "--quantization", help="For gguf and ollama: q8_0, f16, bf16 or f32. [default: q8_0]", show_default=False
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    token_stdin: TokenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run for other tools, after verifying that it generates the same text there as here.

    A folder of an earlier export is replaced; any other folder with files is an error.
    """
    from shelftalk.runs.run import Run

    opened, token = Run.open(Workspace(workspace), run), read_token(token_stdin)
    from shelftalk.cli import output
    from shelftalk.export.export import export as export_run

    with output.step(f"Exporting {run} as {format}") as progress:
        found = export_run(opened, format, to, quantization, token, progress)
    if as_json:
        output.print_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    from shelftalk.cli.output import out, show_rows

    parity, limits, chat = found["parity"], found["limits"], found["chat"]
    alone = chat["same_prompt"] and chat["same_text"]
    rows = [
        ("mean divergence, nats", f"{parity['divergence']:.2g}", f"below {limits['divergence']:g}"),
        ("worst divergence, nats", f"{parity['worst_divergence']:.2g}", None),
        (f"agreement of {parity['tokens']} tokens", f"{parity['agreement']:.1%}", f"{limits['agreement']:.0%}"),
        ("worst margin, nats", f"{parity['worst_margin']:.2g}", None),
        ("read as the same tokens", "yes" if parity["same_tokens"] else "no", "yes"),
        ("second question of a chat as alone", "yes" if alone else "no", "yes"),
    ]
    show_rows([dict(zip(("parity", "found", "limit"), row, strict=True)) for row in rows], "")
    out.print(
        f"{parity['prompts']} prompts; compared: {found['compared']}; chat: {chat['route']}.",
        markup=False,
        soft_wrap=True,
    )
    if found["not_replayed"]:
        out.print(f"Not replayed in {found['not_replayed']}.", markup=False, soft_wrap=True)
    out.print(f"Exported to {found['folder']}; README.md there says how to load it.", markup=False, soft_wrap=True)
