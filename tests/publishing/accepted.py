"""Accepted texts for the products of a file, as `generate` finds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.generation.titles import find_columns, read_titles
from shelftalk.records import AcceptedText


def new_text(number: int) -> str:
    return f"First, of number {number}: 3 < 5 & “sturdy”.\nA second line, café; \"quoted\".\n\nA new 'paragraph'."


def accept(
    source: Path, text: Callable[[int], str] = new_text, every: int = 1, file: FileSettings = FOUND
) -> list[AcceptedText]:
    """Accept a text for each product of a file, or for every n-th."""
    rows = [row for row in read_titles(source, find_columns(source, file), file) if not row.fault]
    return [
        AcceptedText(row.line, row.uid, row.title, row.attributes, text(number), False)
        for number, row in enumerate(rows)
        if number % every == 0
    ]
