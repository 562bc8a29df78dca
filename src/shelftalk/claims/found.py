"""A claim as the search finds it, with the values that a source must state, and as it is told, with its support."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def without_overlaps(candidates: Iterable[Found], length: int) -> list[Found]:
    """Return the candidates of a text of `length` in the order of positions; of two that overlap the earlier one."""
    taken, kept = bytearray(length), []
    for one in candidates:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def as_claims(
    text: str,
    relations: Iterable[tuple[int, int, str | None]],
    found: Iterable[Found],
    support: Callable[[Found], tuple[str, str | None]],
) -> list[Claim]:
    """Return a text's claims in the order of positions: its wrong relations, and what was found outside of them.

    A relation is its start, its end and the attribute's name; of two that overlap the earlier one is taken. `support`
    returns what states a claim, and where.
    """
    claims, covered = [], bytearray(len(text))
    for start, end, name in relations:
        if not any(covered[start:end]):
            claims.append(Claim(start, end, text[start:end], "relation", "contradicted", name))
            covered[start:end] = b"\1" * (end - start)
    for one in found:
        if not any(covered[one.start : one.end]):
            claims.append(Claim(one.start, one.end, text[one.start : one.end], one.kind, *support(one)))
    return sorted(claims, key=lambda one: one.start)
