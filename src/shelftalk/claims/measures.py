"""What a measure or a size states, in any language; `units` is the language's: dimension and factor of each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shelftalk.claims.found import Found, Key

Units = Mapping[str, tuple[str, Fraction]]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and the unit right after it, if any; `word` is True if the number is spelled out."""

    value: Fraction
    end: int
    word: bool
    unit: str | None
    unit_end: int


def measure_key(value: Fraction, unit: str, units: Units) -> Key:
    """Return a measure's key: its dimension and its value in base units."""
    dimension, factor = units[unit]
    return ("measure", dimension, str(value * factor))


def joined_measures(sides: Sequence[Quantity], start: int, end: int, units: Units) -> Found | None:
    """Return what quantities joined by "x" state: the sides of a size (40 x 30 cm), or a count of measures (2 x 10 kg).

    Numbers without a unit are a size if all are at least 10.
    """
    unit = sides[-1].unit
    if unit is None:
        bare = all(one.unit is None and one.value >= 10 for one in sides)
        return Found(start, end, "size", frozenset(("side", str(one.value)) for one in sides)) if bare else None
    if "length" not in units[unit][0]:
        count: Key = ("count", str(sides[0].value))
        return Found(start, end, "measure", frozenset([count, measure_key(sides[-1].value, unit, units)]))
    return Found(start, end, "size", frozenset(measure_key(one.value, one.unit or unit, units) for one in sides))
