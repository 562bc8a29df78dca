"""A claim as the search finds it, with the values that a source must state, and as it is told, with its support."""

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


@dataclass(frozen=True, slots=True)
class Claim:
    """One checkable fact: `text[start:end]` of the description.

    `kind` is measure, count, size, age, percentage, price, material, colour, name, date, code or relation (an
    attribute's value, said of another thing). `support` is title, attribute, reference, none or contradicted. `where`
    is the name of the attribute that states or contradicts the claim, or the uid of the first reference that states it.
    """

    start: int
    end: int
    text: str
    kind: str
    support: str
    where: str | None
