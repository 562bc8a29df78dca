"""Write what a request orders, in a worker thread: every prompt as often as asked, ended at stop texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shelftalk.api.scheduler import Emit
from shelftalk.generation.engine import Engine
from shelftalk.settings import DecodingSettings

SEEDS = 2**31


@dataclass(frozen=True)
class Order:
    """What shall be written: `choices` texts for each prompt."""

    prompts: Sequence[str]
    tuned: bool
    settings: DecodingSettings
    choices: int = 1
    stops: Sequence[str] = ()


@dataclass(frozen=True)
class Piece:
    """The next words of text number `index`."""

    index: int
    text: str


@dataclass(frozen=True)
class Written:
    """One whole text and why it ended: "stop" by itself or at a stop text, "length" at the token limit."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    tokens: int


class Cutter:
    """Hands a text on piece by piece without what may turn out not to belong to it.

    That is white space at its ends, and whatever may be the beginning of a stop text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self._begun = False
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Return what of the text so far is certain; `stopped` is on from the first stop text on."""
        self._held += piece
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.stopped = True
            return self._release(len(self._held[: min(places)].rstrip()))
        return self._release(len(self._held[: len(self._held) - self._possible_stop()].rstrip()))

    def rest(self) -> str:
        """Return what was held back and belongs to the text, which has ended by itself."""
        return self._release(len(self._held.rstrip()))

    def _possible_stop(self) -> int:
        """Return the length of the longest end of the text with which a stop text begins."""
        longest = min(len(self._held), max(map(len, self._stops), default=0))
        return next((size for size in range(longest, 0, -1) if self._begins_stop(self._held[-size:])), 0)

    def _begins_stop(self, text: str) -> bool:
        return any(stop.startswith(text) for stop in self._stops)

    def _release(self, size: int) -> str:
        text, self._held = self._held[:size], self._held[size:]
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text


class _StopText(Exception):
    """A stop text was written."""


def write(engine: Engine, order: Order, emit: Emit) -> list[Written]:
    """Write every text of an order, one after the other; `emit` gets each `Piece` and each `Written` as it comes.

    The texts of a prompt differ by their seeds: the order's, and those that follow it.
    """
    written: list[Written] = []
    for prompt in order.prompts:
        for choice in range(order.choices):
            settings = order.settings.replace({"seed": (order.settings.seed + choice) % SEEDS})
            one = _write_one(engine, prompt, len(written), settings, order, emit)
            emit(one)
            written.append(one)
    return written


def _write_one(
    engine: Engine, prompt: str, index: int, settings: DecodingSettings, order: Order, emit: Emit
) -> Written:
    cutter, pieces, tokens = Cutter(order.stops), list[str](), 0

    def hand_on(text: str) -> None:
        pieces.append(text)
        emit(Piece(index, text) if text else None)

    def listen(text: str) -> None:
        nonlocal tokens
        tokens += 1
        hand_on(cutter.feed(text))
        if cutter.stopped:
            raise _StopText

    try:
        description = engine.complete(prompt, tuned=order.tuned, settings=settings, on_text=listen)
    except _StopText:
        return Written(index, "".join(pieces), "stop", tokens)
    hand_on(cutter.rest())
    return Written(index, "".join(pieces), "stop" if description.stopped else "length", description.tokens)
