"""The texts of shelftalk's pages and documents, by language and key.

    LANGUAGE.toml            the pages, and the names of settings, measures and reasons
    dossier.LANGUAGE.toml    the dossier

Every text is in a file of each language, under the same key. Texts of the data are not.
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
    folder = files("shelftalk.translations")
    parts = (folder / f"{language}.toml", folder / f"dossier.{language}.toml")
    return {key: text for one in parts for key, text in _flat(parse_toml(one.read_text(encoding="utf-8"), one.name))}


def nearest(locale: str) -> str:
    """Return the one of these languages for a browser's locale, such as "pt" or "de-CH"."""
    return "pt-BR" if locale.strip().lower().startswith("pt") else "en"


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return found
