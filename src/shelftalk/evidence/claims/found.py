"""What the search for claims hands on: a place in the text, a kind, and what a source must state to support it."""

from __future__ import annotations

from dataclasses import dataclass

# A stated value, normalised: ("measure", "length", "120"), ("count", "6"), ("word", "mog").
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A claim before it is looked up: `needs` holds all that one source must state."""

    start: int
    end: int
    kind: str
    needs: frozenset[Key]
