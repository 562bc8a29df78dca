"""What a browser session knows of a review: who decides, which texts are shown in which order, what can be undone."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from shelftalk.review.decisions import Kind, this_user
from shelftalk.review.review import Review, State

NAME = "reviewer"
LOOKED = 10  # clean texts to look at before all of them can be accepted at once
UNDONE = 100  # steps that are kept
FILTERS: dict[str, tuple[tuple[Kind, ...], bool | None]] = {
    "to_do": (("undecided",), None),
    "faulty": (("undecided",), False),
    "clean": (("undecided",), True),
    "accepted": (("accepted",), None),
    "edited": (("edited",), None),
    "rejected": (("rejected",), None),
    "all": (("undecided", "accepted", "edited", "rejected"), None),
}


@dataclass
class Queue:
    """The rows of a filter, in the order in which they are shown; those decided on since stay, so one can go back.

    `at` is the index of the row that is shown, `seen` is its text as it was shown last, or written here since. `looked`
    are the clean rows that were shown. `undo` has for each step the rows that it decided on, as they were before.
    `attempts` counts the texts that were written again for a row.
    """

    filter: str = "to_do"
    search: str = ""
    rows: list[int] = field(default_factory=list)
    at: int = 0
    seen: str = ""
    editing: bool = False
    claim: int = 0  # the index of the wrong claim that the buttons are for
    looked: set[int] = field(default_factory=set)
    undo: list[list[tuple[int, State]]] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)

    @property
    def row(self) -> int | None:
        """The row that is shown; None where the filter has none."""
        return self.rows[self.at] if self.at < len(self.rows) else None

    def fill(self, review: Review, filter: str, search: str) -> None:
        """Show the rows of a filter whose id or title has the words searched for: first those with faults."""
        decisions, clean = FILTERS[filter]
        found = review.select(decisions, clean)
        if wanted := search.strip().casefold():
            found = [
                row for row in found if wanted in review.titles[row].casefold() or wanted == review.keys[row].casefold()
            ]
        found.sort(key=review.is_clean)  # stable: else in the order of the output
        self.filter, self.search, self.rows = filter, search, found
        self.go(0)

    def go(self, at: int) -> None:
        """Show another row, by its index; behind the last one nothing is shown."""
        self.at = max(0, min(at, len(self.rows)))
        self.editing, self.claim = False, 0

    def remember(self, review: Review, rows: list[int]) -> None:
        """Keep rows as they are, so that a step on them can be undone."""
        self.undo = [*self.undo[1 - UNDONE :], [(row, review.state(row)) for row in rows]]


def queue_of(review: Review) -> Queue:
    """Return this session's queue of a review; a new one begins with what is to do."""
    queues = st.session_state.setdefault("review-queues", {})
    key = (str(review.output.path), review.output.sha256)
    if key not in queues:
        queues[key] = Queue()
        queues[key].fill(review, "to_do", "")
    found: Queue = queues[key]
    return found


def reviewer() -> str:
    """Return the name that was given in this session, or else that of the machine's user."""
    return str(st.session_state.get(NAME, "")).strip() or this_user()
