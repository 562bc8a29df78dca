"""The review of one output of `generate`: every text, its state, and what a person decides on it.

A decision belongs to a product, by its id, and to the title and attributes that its text was written for. So it holds
when `generate` runs again on a longer file, and no longer where the product changed. A rejection holds for the rejected
text only; an accepted text stands for its product, whatever is generated later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shelftalk.catalogue.read import SURROGATE
from shelftalk.errors import UserError
from shelftalk.generation.texts import Text, Texts
from shelftalk.review.decisions import KINDS, Decision, Kind, log_beside, now
from shelftalk.review.outputs import Output

WRITTEN = ("", "empty", "repetitive", "cut")  # flags of rows with a text, or with a try at one
LONGEST = 50_000  # characters of a text
NAMES_SHOWN = 5


class Review:
    """The texts of an output and the decisions on them; rows are numbered from 0, in the order of the output.

    Raises:
        Damaged: the file of texts is missing or corrupt.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self.texts = Texts(output.texts)
        self._log = log_beside(output.path)
        uids, titles, requests, flags, *counts = self.texts.columns(
            "uid", "title", "request", "flag", "unsupported", "contradicted"
        )
        self.titles = titles
        self.rows = [number for number, flag in enumerate(flags) if flag in WRITTEN]
        self._requests = requests
        self.keys = _keys(uids, titles, self.rows)
        self._numbers = {key: number for number, key in self.keys.items()}
        self._clean = {number for number in self.rows if not flags[number] and not any(one[number] for one in counts)}
        self._generated = self.texts.columns("description")[0]
        self._decisions: dict[int, Decision] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what other processes have decided since the last call."""
        for decision in self._log.read_new():
            if (number := self._numbers.get(decision.product)) is not None:
                self._decisions[number] = decision

    def state(self, number: int) -> Kind:
        """Return what was decided on a row's text."""
        decision = self._standing(number)
        return "undecided" if decision is None else decision.decision

    def text(self, number: int) -> str:
        """Return a row's text as it stands: as it was generated, or as a person left it."""
        decision = self._standing(number)
        return self._generated[number] if decision is None or decision.decision == "rejected" else decision.after

    def generated(self, number: int) -> str:
        """Return a row's text as it was generated."""
        return str(self._generated[number])

    def is_clean(self, number: int) -> bool:
        """Return whether the generated text has no flag and no claim that is unsupported or contradicted."""
        return number in self._clean

    def decided_by(self, number: int) -> tuple[str, str] | None:
        """Return who decided on a row's text, and when; None where nobody did."""
        decision = self._standing(number)
        return None if decision is None else (decision.who, decision.when)

    def counts(self) -> dict[str, int]:
        """Return the numbers of all texts, of clean ones, of each state, and of those that are clean and undecided."""
        states = Counter(map(self.state, self.rows))
        undecided = sum(number in self._clean and self.state(number) == "undecided" for number in self.rows)
        found = {"texts": len(self.rows), "clean": len(self._clean), "clean_undecided": undecided}
        return found | {str(kind): states[kind] for kind in KINDS}

    def summary(self) -> dict[str, Any]:
        """Return the counts and the path of the decisions, ready for JSON."""
        return {**self.counts(), "decisions": str(self._log.path)}

    def undecided(self, clean: bool | None = None) -> list[int]:
        """Return the rows nobody has decided on; only those that are clean, or not."""
        open_rows = (number for number in self.rows if self.state(number) == "undecided")
        return [number for number in open_rows if clean is None or self.is_clean(number) == clean]

    def find(self, keys: Iterable[str]) -> list[int]:
        """Return the rows of products by their ids.

        Raises:
            UserError: some are not among the texts; the message lists them.
        """
        keys = list(keys)
        if missing := [key for key in keys if key not in self._numbers]:
            shown = ", ".join(missing[:NAMES_SHOWN]) + (", ..." if len(missing) > NAMES_SHOWN else "")
            raise UserError(f"{self.output.path} has no text of {shown}; ids are those of the input, or else titles.")
        return [self._numbers[key] for key in keys]

    def accept(self, numbers: Sequence[int], who: str) -> None:
        """Accept the texts of rows as they stand; one that a person edited stays an edited one.

        Raises:
            UserError: a text has no words.
            NotWritable: see `workspace.writing`.
        """
        for number in numbers:
            if not self.text(number).strip():
                raise UserError(f"The text of {self.keys[number]} is empty; edit it, or reject it.")
        self._append([(number, self._accepted_kind(number), self.text(number)) for number in numbers], who)

    def edit(self, number: int, text: str, who: str) -> None:
        """Put a person's text in place of the generated one, and accept it.

        Raises:
            UserError: it is empty, or longer than `LONGEST`.
            NotWritable: see `workspace.writing`.
        """
        text = checked(text, self.keys[number])
        self._append([(number, "accepted" if text == self.generated(number) else "edited", text)], who)

    def reject(self, numbers: Sequence[int], who: str) -> None:
        """Reject the texts of rows: they are not published, and nothing is learned from them.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        self._append([(number, "rejected", self.generated(number)) for number in numbers], who)

    def replace(self, number: int, text: str, who: str) -> None:
        """Put another generated text in place of a row's, and leave it to be decided on.

        Raises:
            UserError: it is empty, or longer than `LONGEST`.
            NotWritable: see `workspace.writing`.
        """
        self._append([(number, "undecided", checked(text, self.keys[number]))], who)

    def before(self, numbers: Sequence[int]) -> list[tuple[int, Kind, str]]:
        """Return rows with their state and text, for `restore`."""
        return [(number, self.state(number), self.text(number)) for number in numbers]

    def restore(self, before: Sequence[tuple[int, Kind, str]], who: str) -> None:
        """Decide as it was before.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        self._append(before, who)

    def accepted(self) -> Iterator[tuple[Text, str, bool]]:
        """Yield each accepted text with its row, and whether a person edited it, in the order of the output."""
        for number in self.rows:
            decision = self._standing(number)
            if decision is not None and decision.accepted:
                yield self.texts[number], decision.after, decision.decision == "edited"

    def _accepted_kind(self, number: int) -> Kind:
        decision = self._standing(number)
        return "edited" if decision is not None and decision.decision == "edited" else "accepted"

    def _standing(self, number: int) -> Decision | None:
        """Return the decision that holds for a row's product as it is now."""
        decision = self._decisions.get(number)
        if decision is None or decision.request != self._requests[number]:
            return None
        if decision.decision == "rejected" and decision.after != self._generated[number]:
            return None
        return None if decision.decision == "undecided" and not decision.after else decision

    def _append(self, decided: Sequence[tuple[int, Kind, str]], who: str) -> None:
        when, decisions = now(), []
        for number, kind, text in decided:
            after = "" if kind == "undecided" and text == self._generated[number] else text
            before = self.text(number)
            decisions.append(Decision(self.keys[number], self._requests[number], kind, before, after, who, when))
        self._log.append(decisions)
        self.refresh()


def checked(text: str, key: str) -> str:
    """Return a text that may be published, without white space around it.

    Raises:
        UserError: it is empty, or longer than `LONGEST`.
    """
    text = SURROGATE.sub("\ufffd", text).strip()
    if not text:
        raise UserError(f"The text of {key} is empty; write one, or reject it.")
    if len(text) > LONGEST:
        raise UserError(f"The text of {key} has {len(text):,} characters; at most {LONGEST:,} are kept. Shorten it.")
    return text


def _keys(uids: Sequence[str], titles: Sequence[str], rows: Sequence[int]) -> dict[int, str]:
    """Return what identifies the product of each row: its id, or else its title, with a number where it comes again."""
    seen: Counter[str] = Counter()
    found: dict[int, str] = {}
    for number in rows:
        name = uids[number] or titles[number]
        seen[name] += 1
        found[number] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return found
