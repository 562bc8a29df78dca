"""Generate the texts of one request in a worker thread: `choices` texts for each prompt, ended at stop texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shelftalk.api.errors import ApiError
from shelftalk.api.limits import SEEDS
from shelftalk.api.scheduler import Emit
from shelftalk.generation.engine import Engine
from shelftalk.settings import DecodingSettings


@dataclass(frozen=True)
class WriteRequest:
    """The texts to generate: `choices` texts for each prompt, which the client sent in `parameter`."""

    prompts: Sequence[str]
    tuned: bool
    settings: DecodingSettings
    choices: int = 1
    stops: Sequence[str] = ()
    parameter: str = "prompt"


@dataclass(frozen=True)
class Piece:
    """The next part of text number `index`."""

    index: int
    text: str


@dataclass(frozen=True)
class Written:
    """One whole text and why it ended: "stop" at the model's end or a stop text, "length" at the token limit."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    tokens: int


class StopFilter:
    """Buffers a streamed text and releases only what certainly belongs to it.

    It withholds white space at both ends, and any ending that may be the start of a stop text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._buffer = ""
        self._begun = False
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Add a piece and return the text that is certain now; `stopped` becomes true at the first stop text."""
        self._buffer += piece
        positions = [position for stop in self._stops if (position := self._buffer.find(stop)) >= 0]
        if positions:
            self.stopped = True
            return self._release(len(self._buffer[: min(positions)].rstrip()))
        return self._release(len(self._buffer[: len(self._buffer) - self._possible_stop()].rstrip()))

    def flush(self) -> str:
        """Return the rest of the buffered text, when the text has ended without a stop text."""
        return self._release(len(self._buffer.rstrip()))

    def _possible_stop(self) -> int:
        """Return the length of the longest ending of the buffer that a stop text starts with."""
        longest = min(len(self._buffer), max(map(len, self._stops), default=0))
        return next((size for size in range(longest, 0, -1) if self._begins_stop(self._buffer[-size:])), 0)

    def _begins_stop(self, text: str) -> bool:
        return any(stop.startswith(text) for stop in self._stops)

    def _release(self, size: int) -> str:
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text


class _StopText(Exception):
    """The model generated a stop text."""


def write(engine: Engine, request: WriteRequest, emit: Emit) -> list[Written]:
    """Generate the texts of a request one after the other; `emit` is called with each `Piece` and each `Written`.

    The texts of a prompt use consecutive seeds, starting with the request's seed. They end where the context ends.

    Raises:
        ApiError: a prompt is too long; no text has been generated.
    """
    written: list[Written] = []
    most = request.settings.max_new_tokens
    limits = [room(engine, prompt, most, request.parameter) for prompt in request.prompts]
    for prompt, limit in zip(request.prompts, limits, strict=True):
        for choice in range(request.choices):
            seed = (request.settings.seed + choice) % SEEDS
            settings = request.settings.replace({"seed": seed, "max_new_tokens": limit})
            one = _write_one(engine, prompt, len(written), settings, request, emit)
            emit(one)
            written.append(one)
    return written


def room(engine: Engine, prompt: str, most: int, parameter: str) -> int:
    """Return how many tokens a text may have: `most`, or as many as the context has room for after the prompt.

    Raises:
        ApiError: the prompt alone, which the client sent in `parameter`, is too long.
    """
    if engine.context is None:
        return most
    tokens = len(engine.tokenize(prompt))
    if tokens >= engine.context:
        message = f"{parameter} has {tokens} tokens, and must have fewer than {engine.context} with this model."
        raise ApiError(400, message, parameter, "context_length_exceeded")
    return min(most, engine.context - tokens)


def _write_one(
    engine: Engine, prompt: str, index: int, settings: DecodingSettings, request: WriteRequest, emit: Emit
) -> Written:
    stop_filter, pieces, tokens = StopFilter(request.stops), list[str](), 0

    def send(text: str) -> None:
        pieces.append(text)
        emit(Piece(index, text) if text else None)

    def on_text(text: str) -> None:
        nonlocal tokens
        tokens += 1
        send(stop_filter.feed(text))
        if stop_filter.stopped:
            raise _StopText

    try:
        description = engine.complete(prompt, tuned=request.tuned, settings=settings, on_text=on_text)
    except _StopText:
        return Written(index, "".join(pieces), "stop", tokens)
    send(stop_filter.flush())
    return Written(index, "".join(pieces), "stop" if description.stopped else "length", description.tokens)
