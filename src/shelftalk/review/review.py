"""The review of one output of `generate`: every text, its state, and what a person decides on it.

A decision belongs to a product, by its id, and to the title and attributes that its text was written for. So it holds
when `generate` runs again on a longer file, and no longer where the product changed. A rejection holds for the rejected
text only; an accepted text stands for its product, whatever is generated later.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shelftalk.catalogue.read import SURROGATE
from shelftalk.errors import UserError
from shelftalk.generation.faults import identify_rules
from shelftalk.generation.texts import Text, Texts
from shelftalk.records import LONGEST_TEXT
from shelftalk.review.decisions import KINDS, Decision, Kind, log_beside, now
from shelftalk.review.outputs import Output
from shelftalk.rules.check import Breach, find_breaches
from shelftalk.rules.house_rules import HouseRules

WRITTEN = ("", "empty", "repetitive", "cut")  # flags of rows with a text, or with a try at one
AT_ONCE = 10_000  # decisions that are held as lines in memory
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class State:
    """What stands for a row: the decision, the text, the claims that a person vouches for, and what is wrong with it.

    `who` and `when` are '' where nobody decided.
    """

    decision: Kind
    text: str
    claims: tuple[str, ...]
    faults: int
    who: str = ""
    when: str = ""


class Review:
    """The texts of an output and the decisions on them; rows are numbered from 0, in the order of the output.

    The texts are checked against `rules` again if these are others than when they were written: some 0.3 ms a text.
    With None those of then count.
    `rows` are those with a text, `keys` identify their products, `titles` are those of all rows. Several threads may
    use one review.

    Raises:
        Damaged: the file of texts is missing or corrupt.
    """

    def __init__(self, output: Output, rules: HouseRules | None = None) -> None:
        self.output = output
        self.texts = Texts(output.texts)
        self._log = log_beside(output.path)
        uids, titles, self._requests, self._generated, flags, unsupported, contradicted, broken = self.texts.columns(
            "uid", "title", "request", "description", "flag", "unsupported", "contradicted", "broken_rules"
        )
        self.titles: list[str] = titles
        self.rows = [number for number, flag in enumerate(flags) if flag in WRITTEN]
        self.keys = _keys(uids, titles, self.rows)
        self._numbers = {key: number for number, key in self.keys.items()}
        if rules is None or output.job.get("rules", "") == identify_rules(rules):
            breaches = map(len, broken)
        else:
            breaches = map(len, self._breaches(rules))
        self._faults = [
            bool(flag) + (first or 0) + (second or 0) + breached
            for flag, first, second, breached in zip(flags, unsupported, contradicted, breaches, strict=True)
        ]
        self._lock = threading.Lock()
        self._forget()
        self.refresh()

    def refresh(self) -> None:
        """Read what other processes have decided since the last call."""
        with self._lock:
            if self._log.began_again():
                self._forget()
            for decision in self._log.read_new():
                if (number := self._numbers.get(decision.product)) is not None:
                    self._put(number, decision)

    def _forget(self) -> None:
        """Begin without a decision."""
        self._decided: dict[int, Decision] = {}  # those that hold
        self._counts: Counter[str] = Counter({"undecided": len(self.rows)})
        self._faulty = 0  # accepted texts with faults
        self._clean_undecided = sum(not self._faults[number] for number in self.rows)

    def state(self, number: int) -> State:
        """Return what stands for a row."""
        one = self._decided.get(number)
        if one is None:
            return State("undecided", self._generated[number], (), self._faults[number])
        if not one.after:  # what is wrong with the generated text is known of the one that is there now
            return State(one.decision, self._generated[number], (), self._faults[number], one.who, one.when)
        return State(one.decision, one.after, tuple(one.claims), one.faults, one.who, one.when)

    def generated(self, number: int) -> str:
        """Return a row's text as it was generated."""
        return str(self._generated[number])

    def is_clean(self, number: int) -> bool:
        """Return whether a row's text has no flag, breaks no rule, and has support for all its claims."""
        return not self.state(number).faults

    def counts(self) -> dict[str, int]:
        """Return the numbers of texts: all, in each state, clean and undecided, accepted with faults."""
        found = {"texts": len(self.rows), "clean_undecided": self._clean_undecided, "faulty_accepted": self._faulty}
        return found | {str(kind): self._counts[kind] for kind in KINDS}

    def summary(self) -> dict[str, Any]:
        """Return the counts and the path of the decisions, ready for JSON."""
        return {**self.counts(), "decisions": str(self._log.path)}

    def select(self, decisions: Iterable[Kind] = KINDS, clean: bool | None = None) -> list[int]:
        """Return the rows in one of these states; only those that are clean, or not."""
        wanted = set(decisions)
        found = ((number, self.state(number)) for number in self.rows)
        return [
            number
            for number, state in found
            if state.decision in wanted and (clean is None or clean == (not state.faults))
        ]

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
        states = [self.state(number) for number in numbers]
        for number, state in zip(numbers, states, strict=True):
            if not state.text.strip():
                raise UserError(f"The text of {self.keys[number]} is empty; edit it, or reject it.")
        self._append(
            [
                (number, State("edited" if one.decision == "edited" else "accepted", one.text, one.claims, one.faults))
                for number, one in zip(numbers, states, strict=True)
            ],
            who,
        )

    def edit(self, number: int, text: str, faults: int, who: str) -> None:
        """Put a person's text, with `faults` that are still in it, in place of the one that stands, and accept it.

        Raises:
            UserError: it is empty, or longer than `LONGEST_TEXT`.
            NotWritable: see `workspace.writing`.
        """
        text = checked(text, self.keys[number])
        kind: Kind = "accepted" if text == self.generated(number) else "edited"
        self._append([(number, State(kind, text, self.state(number).claims, faults))], who)

    def reject(self, numbers: Sequence[int], who: str) -> None:
        """Reject the texts of rows: they are not published, and nothing is learned from them.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        self._append(
            [(number, State("rejected", self.generated(number), (), self._faults[number])) for number in numbers], who
        )

    def replace(self, number: int, text: str, faults: int, who: str) -> None:
        """Put another text in place of a row's, and leave it to be decided on.

        Raises:
            UserError: it is empty, or longer than `LONGEST_TEXT`.
            NotWritable: see `workspace.writing`.
        """
        text = checked(text, self.keys[number])
        self._append([(number, State("undecided", text, self.state(number).claims, faults))], who)

    def vouch(self, number: int, claim: str, faults: int, who: str) -> None:
        """Note that a person vouches for a claim of a row's text, in which `faults` are left.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        state = self.state(number)
        self._append([(number, State(state.decision, state.text, (*state.claims, claim), faults))], who)

    def restore(self, before: Sequence[tuple[int, State]], who: str) -> None:
        """Decide on rows as it was before.

        Raises:
            NotWritable: see `workspace.writing`.
        """
        self._append(before, who)

    def accepted(self) -> Iterator[tuple[Text, str, bool]]:
        """Yield each accepted text with its row, and whether a person edited it, in the order of the output."""
        for number in self.rows:
            decision = self._decided.get(number)
            if decision is not None and decision.accepted:
                yield self.texts[number], decision.after, decision.decision == "edited"

    def _breaches(self, rules: HouseRules) -> Iterator[list[Breach]]:
        """Yield where each row's generated text breaks rules."""
        for text, title, attributes in zip(self._generated, *self.texts.columns("query", "attributes"), strict=True):
            yield find_breaches(text, rules, title, tuple(attributes)) if text else []

    def _put(self, number: int, decision: Decision) -> None:
        """Put a decision in place of the one that stands for a row; one on the product before a change does nothing.

        A rejection of another text than the generated one leaves the row undecided.
        """
        if decision.request != self._requests[number]:
            return
        self._count(number, -1)
        if self._holds(number, decision):
            self._decided[number] = decision
        else:
            self._decided.pop(number, None)
        self._count(number, 1)

    def _count(self, number: int, by: int) -> None:
        state = self.state(number)
        self._counts[state.decision] += by
        if state.decision == "undecided" and not state.faults:
            self._clean_undecided += by
        if state.decision in ("accepted", "edited") and state.faults:
            self._faulty += by

    def _holds(self, number: int, decision: Decision) -> bool:
        """Return whether a decision still holds: a rejection is one of the text that was generated then."""
        return decision.decision != "rejected" or decision.after == self._generated[number]

    def _append(self, decided: Sequence[tuple[int, State]], who: str) -> None:
        who, when = SURROGATE.sub("\ufffd", who), now()  # a line with half a character could not be read again
        for first in range(0, len(decided), AT_ONCE):
            self._log.append([self._decision(*one, who, when) for one in decided[first : first + AT_ONCE]])
        self.refresh()

    def _decision(self, number: int, state: State, who: str, when: str) -> Decision:
        # A claim that a person vouches for is one of this text, which then stays, whatever is generated later.
        as_generated = state.decision == "undecided" and state.text == self._generated[number] and not state.claims
        before, after = self.state(number).text, "" if as_generated else state.text
        product = self.keys[number], self._requests[number]
        return Decision(*product, state.decision, before, after, who, when, state.claims, state.faults)


def checked(text: str, key: str) -> str:
    """Return a text that may be published, without white space around it.

    Raises:
        UserError: it is empty, or longer than `LONGEST_TEXT`.
    """
    text = SURROGATE.sub("\ufffd", text).strip()
    if not text:
        raise UserError(f"The text of {key} is empty; write one, or reject it.")
    if len(text) > LONGEST_TEXT:
        raise UserError(
            f"The text of {key} has {len(text):,} characters; at most {LONGEST_TEXT:,} are kept. Shorten it."
        )
    return text


def _keys(uids: Sequence[str], titles: Sequence[str], rows: Sequence[int]) -> dict[int, str]:
    """Return what identifies the product of each row: its id, or else its title, with a number where it comes again.

    No two are equal, also where an id looks like one with such a number.
    """
    names = {number: uids[number] or titles[number] for number in rows}
    taken = set(names.values())
    seen: Counter[str] = Counter()
    found: dict[int, str] = {}
    for number, name in names.items():
        seen[name] += 1
        key = name
        while seen[name] > 1 and (key := f"{name} ({seen[name]})") in taken:
            seen[name] += 1
        found[number] = key
    return found
