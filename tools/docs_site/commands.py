"""Every command with its arguments and options, from the parser."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from shelftalk.cli.app import app
from tools.docs_site.tables import code, table, text


def commands_page() -> str:
    """Return a section for each command: usage, what it does, arguments and options, as `--help` prints them."""
    return "\n\n".join(_section(name, command) for name, command in _commands("shelftalk", typer.main.get_command(app)))


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for child, one in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {child}", one)


def _section(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    usage = f"{name} {' '.join(command.collect_usage_pieces(context))}"
    records = [(one, one.get_help_record(context)) for one in command.get_params(context)]
    rows = [(code(record[0]), text(record[1])) for _, record in records if record]
    parts = [f"## {name}", f"```text\n{usage}\n```", inspect.cleandoc(command.help or "")]
    if command.epilog:
        parts.append("`--set` takes [these settings](settings.md#training).")
    return "\n\n".join([*parts, table(["argument or option", "what it does"], rows)])
