"""Decide which accepted texts are written, in one pass over the file: which rows they are of, and why others are not.

The reasons are

    empty        the text has no words
    too_long     it has more characters than the format takes
    unwritable   it holds control characters, or what the file's dialect cannot hold
    formula      it would begin with what a spreadsheet runs as a formula
    without_id   its product has no id, by which the importer would find it
    not_found    the file has no such row
    changed      that row has another title or id now
    duplicate    two products of the file, or two accepted texts, have its id
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.draft import joined
from shelftalk.catalogue.read import SURROGATE
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.values import title_of, uid_of
from shelftalk.publishing.opened import Input
from shelftalk.publishing.texts import is_empty
from shelftalk.records import AcceptedText, Progress, no_progress

REASONS = ("empty", "too_long", "unwritable", "formula", "without_id", "not_found", "changed", "duplicate")
EXAMPLES = 10
SHOWN_CHARACTERS = 80  # of a text in an example
ROWS_BETWEEN = 1_000  # two calls of a progress callback

Place = tuple[int, str]  # the line and the id of a row, which together are those of no other


class Example(NamedTuple):
    """A row that is written, with the beginnings of its old and its new text."""

    id: str
    old: str
    new: str


@dataclass
class Plan:
    """The texts to write by the place of their row; `kept` counts rows that keep the text they have.

    `left_out` names, for each reason, the products whose text is not written.
    """

    texts: dict[Place, str] = field(default_factory=dict)
    kept: int = 0
    left_out: dict[str, list[str]] = field(default_factory=lambda: {reason: [] for reason in REASONS})
    examples: list[Example] = field(default_factory=list)

    def by_line(self) -> dict[int, str]:
        """Return the texts by line, for files in which no two rows begin in one line."""
        return {line: text for (line, _), text in self.texts.items()}


class _Found(NamedTuple):
    place: Place
    is_empty: bool
    beginning: str


def usable_rows(rows: Iterable[tuple[int, Row | Unusable]]) -> Iterator[tuple[Place, str, Row]]:
    """Yield (place, title as in the file, row) of each row that is a product."""
    for line, row in rows:
        if isinstance(row, Row):
            try:
                title = SURROGATE.sub("\ufffd", title_of(row.title))
            except Unusable:
                continue
            yield (line, uid_of(row.uid)), title, row


def make_plan(
    source: Input,
    accepted: Iterable[AcceptedText],
    fault: Callable[[AcceptedText], str | None],
    *,
    overwrite: bool,
    by_id: bool,
    unique: bool,
    progress: Progress = no_progress,
) -> Plan:
    """Find the rows of the accepted texts: by line, id and title, or `by_id`: by their id, or title without one.

    `fault` returns one of the first reasons. Without `overwrite` only rows without a description are written. With
    `unique` no two products may have one id, as the importer, too, finds them by it; `by_id` implies that.
    """
    plan = Plan()
    wanted, again = _wanted(accepted, fault, by_id, plan)
    found, changed, other, seen = _find(source, wanted, by_id, unique, progress)
    for key, one in wanted.items():
        name = name_of(one)
        if key in again or max(seen[key], seen[_identity(one.uid, one.title)]) > 1:
            plan.left_out["duplicate"].append(name)
        elif key in changed or (key not in found and one.line in other):
            plan.left_out["changed"].append(name)
        elif key not in found:
            plan.left_out["not_found"].append(name)
        elif not (overwrite or found[key].is_empty):
            plan.kept += 1
        else:
            plan.texts[found[key].place] = one.text
            if len(plan.examples) < EXAMPLES:
                plan.examples.append(Example(name, found[key].beginning, one.text[:SHOWN_CHARACTERS]))
    return plan


def name_of(one: AcceptedText) -> str:
    """Return what names a product in a message: its id, or else its line and title."""
    return one.uid or f"line {one.line} ({one.title[:SHOWN_CHARACTERS]})"


def _wanted(
    accepted: Iterable[AcceptedText], fault: Callable[[AcceptedText], str | None], by_id: bool, plan: Plan
) -> tuple[dict[Hashable, AcceptedText], set[Hashable]]:
    """Return the texts that can be written by what finds their row, and what finds that of several."""
    wanted: dict[Hashable, AcceptedText] = {}
    again: set[Hashable] = set()
    for one in accepted:
        if reason := fault(one):
            plan.left_out[reason].append(name_of(one))
            continue
        key = _key(one.line, one.uid, one.title, by_id)
        if key in wanted:
            again.add(key)
            plan.left_out["duplicate"].append(name_of(one))
        else:
            wanted[key] = one
    return wanted, again


def _find(
    source: Input, wanted: dict[Hashable, AcceptedText], by_id: bool, unique: bool, progress: Progress
) -> tuple[dict[Hashable, _Found], set[Hashable], set[int], Counter[Hashable]]:
    """Return the rows that are found, those with another title, lines with another id, and how often each occurs."""
    found: dict[Hashable, _Found] = {}
    changed: set[Hashable] = set()
    other: set[int] = set()
    lines = set() if by_id else {one.line for one in wanted.values()}
    identities = {_identity(one.uid, one.title) for one in wanted.values()} if unique else set()
    seen: Counter[Hashable] = Counter()
    size = max(source.source.stat().st_size, 1)
    with source.reader() as reader:
        for number, (place, title, row) in enumerate(usable_rows(reader.rows(source.columns))):
            if not number % ROWS_BETWEEN:
                progress(reader.position(), 2 * size)
            line, uid = place
            key, identity = _key(line, uid, title, by_id), _identity(uid, title)
            seen.update(one for one in {key, identity} if one in wanted or one in identities)
            one = wanted.get(key)
            if one is None:
                if line in lines:
                    other.add(line)
            elif one.title != title:
                changed.add(key)
            else:
                value = source.text_of(row)
                beginning = _beginning(value) if len(found) < 100 * EXAMPLES else ""
                found[key] = _Found(place, is_empty(value), beginning)
    return found, changed, other, seen


def _key(line: int, uid: str, title: str, by_id: bool) -> Hashable:
    """Return what finds the row of a text."""
    return _identity(uid, title) if by_id else (line, uid)


def _identity(uid: str, title: str) -> Hashable:
    """Return what tells a product from others: its id, or else its title."""
    return (uid, "") if uid else ("", title)


def _beginning(value: Any) -> str:
    """Return the beginning of an old text."""
    try:
        return clean(joined(value)[: 10 * SHOWN_CHARACTERS])[:SHOWN_CHARACTERS]
    except Unusable:
        return str(value)[:SHOWN_CHARACTERS]
