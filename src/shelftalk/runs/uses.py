"""Find the runs that need a catalogue as it is, also those that this version cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, InvalidSettings
from shelftalk.workspace import Workspace, read_json


def require_unused(workspace: Workspace, name: str, data_hash: str) -> None:
    """Require that no run loses its catalogue if that of this name gets other data, with `data_hash`.

    Raises:
        InvalidSettings: a run was trained on other data of that name; or the catalogue would change, and a run of
            which this version cannot read its catalogue may need it.
    """
    runs = {run: _held(workspace.run(run) / "run.json") for run in workspace.runs()}
    used = [run for run, held in runs.items() if held.get("catalogue") == name and held.get("data_hash") != data_hash]
    if used:
        raise InvalidSettings(
            f"Run {', '.join(used)} was trained on catalogue {name!r}, and the new one would differ; "
            "choose another --name."
        )
    unknown = [run for run, held in runs.items() if not isinstance(held.get("catalogue"), str)]
    catalogue = workspace.catalogue(name) / "catalogue.json"
    if unknown and catalogue.is_file() and _held(catalogue).get("data_hash") != data_hash:
        raise InvalidSettings(
            f"The run.json of {', '.join(unknown)} does not tell its catalogue, which may be {name!r}, and the new "
            f"one would differ; choose another --name, or remove the run with: shelftalk runs delete {unknown[0]}"
        )


def _held(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file of any format; an empty one where it cannot be read."""
    try:
        held = read_json(file)
    except Damaged:
        return {}
    return held if isinstance(held, dict) else {}
