"""Write with references: in the prompt, or held against what was written, which is written again where they fail it.

What counts as unsupported is the caller's to say: this module knows texts and engines only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from shelftalk.generation.engine import Engine
from shelftalk.generation.flags import WORD
from shelftalk.prompts import first_description, prompt_for, prompt_with_references
from shelftalk.records import Description, Reference
from shelftalk.settings import DecodingSettings

ATTEMPTS = 4  # texts at most for each title
SHORTEST = 0.5  # of what is usual: a text that says nothing claims nothing

OnDescription = Callable[[int, Description], None]
Unsupported = Callable[[str, str, Sequence[Reference]], int]  # of a text, its request and its references


class Attempts:
    """The texts that were written for one request, and which of them is kept."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self._usual = median(_words(one.description) for one in references) if references else 0
        self._written: list[tuple[float, int, Description]] = []  # unsupported claims for each word, words, text

    def add(self, description: Description, unsupported: int) -> None:
        """Add a text that makes so many unsupported claims."""
        words = _words(description.text)
        self._written.append((unsupported / max(1, words), words, description))

    @property
    def decided(self) -> bool:
        """Say whether the newest text says enough and claims nothing unsupported."""
        share, words, _ = self._written[-1]
        return not share and words >= self._enough

    @property
    def best(self) -> Description:
        """The text with the smallest share of unsupported claims, of those that say enough if any does."""
        long = [one for one in self._written if one[1] >= self._enough]
        return min(long or self._written, key=lambda one: one[0])[2]

    @property
    def _enough(self) -> float:
        """The words that a text must have."""
        return max(1, SHORTEST * min(self._written[0][1], self._usual))


def write_with_references(
    engine: Engine,
    requests: Sequence[str],
    references: Sequence[Sequence[Reference]],
    *,
    tuned: bool,
    settings: DecodingSettings,
    on_description: OnDescription = lambda number, description: None,
) -> list[Description]:
    """Write a description for each title or question, its references in the prompt, in the order given.

    What a model writes after the description, another product, is cut off; a text that was cut there counts as one that
    the model ended. `on_description` is called as by `Engine.complete_all`.
    """
    prompts = [prompt_with_references(*one) for one in zip(requests, references, strict=True)]
    written = engine.complete_all(
        prompts,
        tuned=tuned,
        settings=settings,
        on_description=lambda number, one: on_description(number, _first(one)),
    )
    return [_first(one) for one in written]


def write_grounded(
    engine: Engine,
    requests: Sequence[str],
    references: Sequence[Sequence[Reference]],
    unsupported: Unsupported,
    *,
    settings: DecodingSettings,
    on_description: OnDescription = lambda number, description: None,
) -> list[Description]:
    """Write with the tuned model, again where need be, and keep what claims least that title and references do not say.

    The references are not in the prompt: a model that was tuned without them writes worse with them. A text without an
    unsupported claim is kept at once; the others are written again, each time under another seed, up to `ATTEMPTS`
    times in all. Of all that were written for a request, the one with the fewest unsupported claims for its words is
    taken, the earliest of equals. A text that says too little is no way out: it is passed over unless every one does,
    if it has less than half of the words of the first, or of the references, whichever are fewer. At temperature 0
    every attempt is the same, and one is made. `on_description` is handed each request's number and its text as soon
    as it is decided.
    """
    tries = [Attempts(one) for one in references]
    undecided = list(range(len(requests)))

    def take(row: int, one: Description) -> None:
        tries[row].add(one, unsupported(one.text, requests[row], references[row]))
        if tries[row].decided:
            on_description(row, tries[row].best)

    for attempt in range(ATTEMPTS if settings.temperature > 0 else 1):
        if not undecided:
            break
        rows = undecided
        engine.complete_all(
            [prompt_for(requests[row]) for row in rows],
            tuned=True,
            settings=settings.replace({"seed": (settings.seed + attempt) % 2**31}),
            on_description=lambda number, one, rows=rows: take(rows[number], one),  # type: ignore[misc]
        )
        undecided = [row for row in rows if not tries[row].decided]
    for row in undecided:
        on_description(row, tries[row].best)
    return [one.best for one in tries]


def _first(description: Description) -> Description:
    text, cut = first_description(description.text)
    return replace(description, text=text, stopped=description.stopped or cut)


def _words(text: str) -> int:
    return len(WORD.findall(text))
