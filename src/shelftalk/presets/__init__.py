"""Presets of training settings: the TOML files beside this one, and those of a user."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from shelftalk.errors import InvalidSettings, NotFound

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]


def preset_names() -> list[str]:
    """Return the names of the presets that come with shelftalk, sorted."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _preset_folder().iterdir() if entry.name.endswith(".toml")
    )


def load_preset(name_or_file: str) -> dict[str, Any]:
    """Read a preset by name, or a TOML file of training settings by path; the values are not validated yet.

    Raises:
        NotFound: there is no preset and no file of that name.
        InvalidSettings: the file is not TOML.
    """
    if name_or_file in preset_names():
        text = (_preset_folder() / f"{name_or_file}.toml").read_text(encoding="utf-8")
    elif Path(name_or_file).is_file():
        text = Path(name_or_file).read_bytes().decode(errors="replace")  # invalid UTF-8 then fails as invalid TOML
    else:
        raise NotFound(f"There is no preset or file {name_or_file!r}; presets: {', '.join(preset_names())}.")
    return parse_toml(text, name_or_file)


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse the TOML text of the file `name`.

    Raises:
        InvalidSettings: it is not TOML.
    """
    try:
        return dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{name} is not a TOML file: {error}.") from error


def _preset_folder() -> Any:
    return files(__name__)
