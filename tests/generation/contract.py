"""Checks that every engine must pass."""

from __future__ import annotations

import pytest

from shelftalk.generation.engine import Engine
from shelftalk.prompts import prompt_for
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

    prompt, long = prompt_for("Oak peg 3 cm"), DecodingSettings(max_new_tokens=longest, temperature=0)
    with pytest.raises(Cancelled):
        engine.complete(prompt, tuned=tuned, settings=long, on_text=listen)
    assert len(heard) == 3
    assert engine.complete(prompt, tuned=True, settings=long.replace({"max_new_tokens": 24})).tokens
