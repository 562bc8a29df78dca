"""Attributes that a person gives for a product, as a run takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shelftalk.catalogue.attributes import clean_attributes
from shelftalk.records import Attributes
from shelftalk.runs.run import Run

SHOWN = 10  # of the names that a run knows


def take_attributes(run: Run, given: Iterable[tuple[str, str]], say: Callable[[str], None]) -> Attributes:
    """Return attributes cleaned as for training; names are spelt and ordered as the run knows them.

    Equal names are joined, and what has no name or no value is left out. `say` gets a line where the run was not
    trained on some of them, and one where some were cut.
    """
    attributes, cut = clean_attributes(given)
    known = run.known_attributes
    attributes = known.arrange(attributes)
    if unknown := [name for name, _ in attributes if name not in known]:
        names = ", ".join(known.commonest(SHOWN)) or "none"
        say(f"Run {run.name!r} was not trained on {', '.join(unknown)}, which is used all the same; it knows: {names}.")
    if cut:
        counts = ", ".join(f"{count} {reason}" for reason, count in cut.items()).replace("_", " ")
        say(f"Attributes were cut: {counts}.")
    return attributes
