"""Checks that every engine must pass."""

from __future__ import annotations

import pytest

from shelftalk.errors import InvalidSettings
from shelftalk.generation.engine import Engine
from shelftalk.prompts import ENGLISH
from shelftalk.settings import DecodingSettings


def check_that_an_exception_of_the_callback_stops_the_text(engine: Engine, tuned: bool, longest: int) -> None:
    """Check that an exception of the callback stops the text at that token, and that the next text works."""

    class Cancelled(Exception):
        pass

    heard: list[str] = []

    def listen(text: str) -> None:
        heard.append(text)
        if len(heard) == 3:
            raise Cancelled

    prompt, long = ENGLISH.prompt_for("Oak peg 3 cm"), DecodingSettings(max_new_tokens=longest, temperature=0)
    with pytest.raises(Cancelled):
        engine.complete(prompt, tuned=tuned, settings=long, on_text=listen)
    assert len(heard) == 3
    assert engine.complete(prompt, tuned=True, settings=long.replace({"max_new_tokens": 24})).tokens


def check_that_no_text_passes_the_models_positions(engine: Engine) -> None:
    """Check that the tiny model's context is its 1,024 positions, and that a text may fill it and not pass it."""
    assert engine.context == 1024
    prompt = "y" * 1000
    room = 1024 - len(engine.tokenize(prompt))
    settings = DecodingSettings(max_new_tokens=room, temperature=0)
    assert 0 < engine.complete(prompt, tuned=True, settings=settings).tokens <= room
    with pytest.raises(InvalidSettings, match="together they must be at most 1024"):
        engine.complete(prompt, tuned=True, settings=settings.replace({"max_new_tokens": room + 1}))


def check_that_only_stated_digits_are_written_on_request(engine: Engine) -> None:
    """Check that a text has no digit that its prompt lacks, for each prompt of a batch, and that it would have some."""
    prompts = [ENGLISH.prompt_for("Oak peg 3 cm"), ENGLISH.prompt_for("Oak rail")]
    wild = DecodingSettings(max_new_tokens=60, temperature=3.0, top_k=0)

    def digits(settings: DecodingSettings) -> list[set[str]]:
        written = [engine.complete_all(prompts, tuned=True, settings=settings.replace({"seed": n})) for n in range(4)]
        return [{letter for texts in written for letter in texts[row].text if letter.isdecimal()} for row in (0, 1)]

    free, bound = digits(wild), digits(wild.replace({"digits": "stated"}))
    assert len(free[0]) > 1 and free[1]
    assert bound[0] <= {"3"} and not bound[1]
    every = ENGLISH.prompt_for("Oak peg 0123456789")  # nothing is banned
    assert engine.complete(every, tuned=True, settings=wild.replace({"digits": "stated"})).tokens
