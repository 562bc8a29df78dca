"""Every setting with its default and limits, from the settings classes; every preset, from its file."""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from typing import Any

from shelftalk import presets
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.publishing.settings import PublishSettings
from shelftalk.settings import DecodingSettings, Settings, TrainingSettings, describe_settings
from tools.docs_site.tables import code, table, text

CLASSES: list[tuple[str, str, type[Settings]]] = [
    ("Training", "For `train` and `estimate`: in a preset's file, or `--set name=value`.", TrainingSettings),
    ("Writing", "For `ask`, `explain`, `compare`, `generate` and `evaluate`, as options.", DecodingSettings),
    ("Preparing a catalogue", "For `prepare`, as options.", PrepareSettings),
    ("Publishing", "For `publish`, as options.", PublishSettings),
]


def settings_page() -> str:
    """Return a section with a table for each settings class."""
    return "\n\n".join(f"## {title}\n\n{use}\n\n{_settings(cls)}" for title, use, cls in CLASSES)


def _settings(cls: type[Settings]) -> str:
    limits = {one.name: _limits(one.metadata) for one in fields(cls)}
    rows = [(code(name), text(help), code(default), limits[name]) for name, default, help in describe_settings(cls)]
    return table(["setting", "what it does", "default", "limits"], rows)


def _limits(metadata: Any) -> str:
    if metadata["choices"]:
        return ", ".join(code(choice) for choice in metadata["choices"])
    signs = {"at_least": "≥", "above": ">", "at_most": "≤"}
    return ", ".join(f"{sign} {metadata[name]:,}" for name, sign in signs.items() if metadata[name] is not None)


def presets_page() -> str:
    """Return a section for each preset: what it is for, and the file."""
    return "\n\n".join(map(_preset, presets.preset_names()))


def _preset(name: str) -> str:
    lines = (files(presets) / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    command, purpose = (line.removeprefix("# ") for line in lines[:2])
    values = "\n".join(lines[2:])
    return f"## {name}\n\n{text(purpose)}\n\n```text\n{command}\n```\n\n```toml\n{values}\n```"
