"""Choose the settings with which a run is trained, from a preset, an existing run or a source, and single values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelftalk.presets import load_preset
from shelftalk.runs.accepted import settings_for
from shelftalk.runs.run import Run, with_adapter_of
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import Workspace


def choose_settings(
    workspace: Workspace,
    name: str,
    preset: str | None,
    assigned: Mapping[str, Any],
    source: Run | None = None,
    accepted: bool = False,
) -> TrainingSettings:
    """Return the settings of the preset, else of the existing run `name`, else the defaults, changed by `assigned`.

    `preset` may also be a TOML file. The adapter's settings are the source's, if there is one. For a run that learns
    from accepted texts the defaults are those of `runs.accepted.settings_for`.

    Raises:
        NotFound: there is no such preset, or the source has not finished.
        InvalidSettings: a setting is unknown or invalid, or see `run.with_adapter_of`.
    """
    values: dict[str, Any] = {}
    if preset is not None:
        values = load_preset(preset)
    elif (workspace.run(name) / "run.json").is_file():
        values = Run.open(workspace, name).settings.as_mapping()
    elif source is not None and accepted:
        values = settings_for(source.settings)
    values = {**values, **assigned}
    if source is not None:
        values = with_adapter_of(source, values, assigned.keys())
    return TrainingSettings.from_mapping(values)
