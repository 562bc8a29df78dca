"""The texts of shelftalk's pages and documents, by language and key.

Every text is in the file of each language, under the same key. Texts of the data are not.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from shelftalk.presets import parse_toml

LANGUAGES = {"en": "English", "pt-BR": "Português (Brasil)"}


@cache
def texts(language: str) -> dict[str, str]:
    """Return all texts of a language by key; a key is the names of its tables and its own name, joined by dots."""
    file = files("shelftalk.translations") / f"{language}.toml"
    return dict(_flat(parse_toml(file.read_text(encoding="utf-8"), file.name)))


def nearest(locale: str) -> str:
    """Return the one of these languages for a browser's locale, such as "pt" or "de-CH"."""
    return "pt-BR" if locale.strip().lower().startswith("pt") else "en"


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return found
