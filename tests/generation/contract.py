"""What every engine must do, asked of each."""

from __future__ import annotations

import pytest

from shelftalk.generation.engine import Engine
from shelftalk.prompts import prompt_for
from shelftalk.settings import DecodingSettings


def check_that_a_raising_listener_ends_the_writing(engine: Engine, tuned: bool, longest: int) -> None:
    """An exception of the listener stops the text at that very token, and the next text gets its turn."""

    class GoneAway(Exception):
        pass

    heard: list[str] = []

    def listen(text: str) -> None:
        heard.append(text)
        if len(heard) == 3:
            raise GoneAway

    prompt, long = prompt_for("Oak peg 3 cm"), DecodingSettings(max_new_tokens=longest, temperature=0)
    with pytest.raises(GoneAway):
        engine.complete(prompt, tuned=tuned, settings=long, on_text=listen)
    assert len(heard) == 3
    assert engine.complete(prompt, tuned=True, settings=long.replace({"max_new_tokens": 24})).tokens
