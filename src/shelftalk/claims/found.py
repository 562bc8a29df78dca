"""The result of the search for claims: a position, a kind, and the values that a supporting source must state."""

from __future__ import annotations

from dataclasses import dataclass

# A stated value, normalised: ("measure", "length", "120"), ("count", "6"), ("word", "mog").
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A claim before its support is checked: one source must state all keys in `needs`."""

    start: int
    end: int
    kind: str
    needs: frozenset[Key]
