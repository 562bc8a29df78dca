"""Names for the shell's completion: those of runs, catalogues and presets. Called at each press of the key."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer

from shelftalk.presets import preset_names
from shelftalk.workspace import Workspace


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the workspace's runs that begin with what was typed."""
    return _beginning(_workspace(context).runs, incomplete)


def complete_catalogue(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the workspace's catalogues that begin with what was typed."""
    return _beginning(_workspace(context).catalogues, incomplete)


def complete_preset(incomplete: str) -> list[str]:
    """Return the names of the presets that begin with what was typed."""
    return _beginning(preset_names, incomplete)


def _workspace(context: typer.Context) -> Workspace:
    """Return the workspace that was typed before, or that the command would use; the shell has not expanded a "~"."""
    given = context.params.get("workspace") or os.environ.get("SHELFTALK_WORKSPACE") or "workspace"
    return Workspace(Path(os.path.expanduser(given)))  # noqa: PTH111 - an unknown user's "~" is left as it is


def _beginning(names: Callable[[], list[str]], incomplete: str) -> list[str]:
    with suppress(OSError):  # a traceback would land in the line that is being typed
        return [name for name in names() if name.startswith(incomplete)]
    return []
