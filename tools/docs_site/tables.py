"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a cell may hold Markdown, on one line, and its vertical bars are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.replace("|", r"\|").split()) for cell in line) + " |" for line in lines
    )


def text(plain: str) -> str:
    """Return plain text as Markdown that shows it unchanged."""
    for sign in "\\`*_{}[]<>$":
        plain = plain.replace(sign, f"\\{sign}")
    return plain


def code(plain: str) -> str:
    """Return plain text as inline code; '' for none."""
    return f"`{plain}`" if plain else ""
