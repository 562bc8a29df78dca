"""Decide which columns of a file hold the title, the description and the id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from shelftalk.errors import UnreadableInput
from shelftalk.settings import PrepareSettings

# In order of preference; upper and lower case are one.
USUAL_NAMES = {
    "title": ("title", "name", "product_name", "product_title"),
    "description": ("content", "description", "body", "text", "product_description", "body (html)", "body_html"),
    "id": ("uid", "id", "asin", "parent_asin", "sku", "product_id", "handle"),
}


class Columns(NamedTuple):
    """The names of the columns as the file spells them.

    `description` is None where only titles are wanted, `uid` where the file has no ids.
    """

    title: str
    description: str | None
    uid: str | None


def choose_columns(source: Path, names: list[str], settings: PrepareSettings) -> Columns:
    """Choose the columns that the settings name, or else those with a usual name.

    Raises:
        UnreadableInput: a named column does not exist, or none has a usual name; the message says which columns there
            are and which flags to give, for all of them at once.
    """
    asked = {"title": settings.title_field, "description": settings.description_field, "id": settings.id_field}
    return _choose(source, names, asked)


def choose_title_columns(source: Path, names: list[str], title_field: str | None, id_field: str | None) -> Columns:
    """Choose the columns of the title and the id alone, those that are named or else those with a usual name.

    Raises:
        UnreadableInput: see `choose_columns`.
    """
    return _choose(source, names, {"title": title_field, "id": id_field})


def _choose(source: Path, names: list[str], asked: Mapping[str, str | None]) -> Columns:
    chosen = {role: name if name else usual_column(role, names) for role, name in asked.items()}
    wrong = []
    for role, name in chosen.items():
        if name is None and role != "id":
            wrong.append(f"no {role} column ({', '.join(USUAL_NAMES[role])}; name it with --{role}-field)")
        elif name is not None and name not in names:
            wrong.append(f"no column {name!r} (--{role}-field)")
    if wrong:
        raise UnreadableInput(f"{source} has {' and '.join(wrong)}; its columns are: {_listed(names)}.")
    return Columns(chosen["title"] or "", chosen.get("description"), chosen["id"])


def usual_column(role: str, names: list[str]) -> str | None:
    """Return the column that a role, one of `USUAL_NAMES`, takes by its usual name; None where there is none."""
    by_lower_case = {name.lower(): name for name in reversed(names)}
    return next((by_lower_case[usual] for usual in USUAL_NAMES[role] if usual in by_lower_case), None)


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:40] if name.isprintable() else ascii(name[:40]) for name in names[:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown
