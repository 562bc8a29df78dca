"""What a person does with the texts of a review in one browser session; the page draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import streamlit as st

from shelftalk.claims.find import Claim
from shelftalk.errors import ShelftalkError
from shelftalk.generation.grounded import write_again
from shelftalk.generation.texts import Text
from shelftalk.prompts import request_for
from shelftalk.review.check import Check, Checker
from shelftalk.review.review import Review, State
from shelftalk.rules.check import apply_cures
from shelftalk.runs.run import Run
from shelftalk.sentences import text_before, without_sentence
from shelftalk.settings import DecodingSettings
from shelftalk.studio.language import text
from shelftalk.studio.review_session import Queue, reviewer
from shelftalk.studio.writers import writers

ATTEMPTS = 3  # to write another text
ERROR = "review-error"  # in the session: what a step could not do


@dataclass(frozen=True)
class Desk:
    """The texts of a run's output, the checks for them, and the queue in which this session sees them."""

    run: Run
    review: Review
    checker: Checker
    queue: Queue

    def step(self, rows: list[int], decide: Callable[[], None], forward: int = 0) -> bool:
        """Decide on rows so that it can be undone, go on by some rows, and return whether it was possible."""
        self.queue.remember(self.review, rows)
        try:
            decide()
        except ShelftalkError as error:
            self.queue.undo.pop()
            st.session_state[ERROR] = str(error)
            return False
        if len(rows) == 1:
            self.queue.seen = self.review.state(rows[0]).text
        if forward:
            self.queue.go(self.queue.at + forward)
        return True

    def is_seen(self, row: int) -> bool:
        """Return whether a row still has the text that this session shows; if not, this is said."""
        self.review.refresh()
        seen = self.review.state(row).text == self.queue.seen
        if not seen:
            st.session_state[ERROR] = text("review.other_text")
        return seen

    def accept_clean(self) -> None:
        """Accept all clean texts that nobody has decided on."""
        rows = self.review.select(["undecided"], clean=True)
        self.step(rows, lambda: self.review.accept(rows, reviewer()))
        self.queue.fill(self.review, self.queue.filter, self.queue.search)

    def undo(self) -> None:
        """Decide on the rows of the last step as it was before, and show the row if it was one."""
        before = self.queue.undo[-1]
        try:
            self.review.restore(before, reviewer())
        except ShelftalkError as error:
            st.session_state[ERROR] = str(error)
            return
        self.queue.undo.pop()
        if len(before) > 1:
            self.queue.fill(self.review, self.queue.filter, self.queue.search)
        elif before[0][0] in self.queue.rows:
            self.queue.go(self.queue.rows.index(before[0][0]))


@dataclass(frozen=True)
class Shown:
    """The row that is shown, its state, and the check of the text that stands for it."""

    desk: Desk
    row: int
    text: Text
    state: State
    check: Check

    @classmethod
    def of(cls, desk: Desk, row: int) -> Shown:
        """Return a row as it stands now; a clean one that nobody has decided on counts as looked at."""
        found, state = desk.review.texts[row], desk.review.state(row)
        desk.queue.seen = state.text
        check = desk.checker.check(found, state.text, state.claims)
        if not state.faults and state.decision == "undecided":
            desk.queue.looked.add(row)
        desk.queue.claim = min(desk.queue.claim, max(0, len(check.wrong) - 1))
        return cls(desk, row, found, state, check)

    @property
    def claim(self) -> Claim | None:
        """The wrong claim that the buttons are for; None where no claim is wrong."""
        return self.check.wrong[self.desk.queue.claim] if self.check.wrong else None

    def accept(self) -> None:
        """Accept the text that is shown, and go on; another one, which somebody has put there, is shown first."""
        if self.desk.is_seen(self.row):
            self.desk.step([self.row], lambda: self.desk.review.accept([self.row], reviewer()), 1)

    def reject(self) -> None:
        """Reject the text, and go on."""
        self.desk.step([self.row], lambda: self.desk.review.reject([self.row], reviewer()), 1)

    def edit(self, written: str) -> None:
        """Put a person's text in place of this one, and go on; one that still has faults is shown with them."""
        faults = self.desk.checker.check(self.text, written.strip(), self.state.claims).faults
        edited = self.desk.step(
            [self.row], lambda: self.desk.review.edit(self.row, written, faults, reviewer()), 0 if faults else 1
        )
        if edited:
            self.desk.queue.editing = False

    def next_claim(self) -> None:
        """Let the buttons be for the next wrong claim; behind the last one comes the first."""
        self.desk.queue.claim = (self.desk.queue.claim + 1) % max(1, len(self.check.wrong))

    def without_claim(self) -> str:
        """Return the text without the sentence of the claim; '' where nothing would be left."""
        return without_sentence(self.state.text, self.claim.start) if self.claim else ""

    def cut(self) -> None:
        """Cut out the sentence of the claim."""
        self._replace(self.without_claim())

    def vouch(self) -> None:
        """Let the person vouch for the claim."""
        if (claim := self.claim) and self.desk.is_seen(self.row):
            faults = self.desk.checker.check(self.text, self.state.text, (*self.state.claims, claim.text)).faults
            self.desk.step([self.row], lambda: self.desk.review.vouch(self.row, claim.text, faults, reviewer()))

    def cure(self) -> None:
        """Put in the words that the house rules have for others."""
        self._replace(apply_cures(self.state.text, self.check.breaches))

    def write(self, from_claim: bool) -> bool:
        """Write the text again, or only from the sentence of the claim on; return whether another one was written.

        It is tried three times, and takes seconds, and waits where other sessions write.
        """
        job, queue = self.desk.review.output.job, self.desk.queue
        known = {one.name: job[one.name] for one in fields(DecodingSettings) if one.name in job}
        settings = self.desk.run.decoding(DecodingSettings.from_mapping(known))
        beginning = text_before(self.state.text, self.claim.start) if from_claim and self.claim else ""
        request = request_for(self.text.query, self.text.attributes)
        with writers().writing(self.desk.run, settings) as (engine, _):
            for _ in range(ATTEMPTS):
                attempt = queue.attempts[self.row] = queue.attempts.get(self.row, 0) + 1
                written = write_again(
                    engine, self.desk.run.template, request, settings, attempt, beginning
                ).text.strip()
                if written not in ("", beginning, self.state.text):
                    self._replace(written)
                    return True
        return False

    def _replace(self, written: str) -> None:
        faults = self.desk.checker.check(self.text, written, self.state.claims).faults
        self.desk.step([self.row], lambda: self.desk.review.replace(self.row, written, faults, reviewer()))
