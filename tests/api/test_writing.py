"""Texts end at stop texts, and the pieces of a stream joined are the whole text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shelftalk.api.writing import Piece, StopFilter, WriteRequest, Written, write
from shelftalk.settings import DecodingSettings
from tests.api.served import WatchedEngine

LETTERS = some.text("ab \n", max_size=12)


def cut(pieces: list[str], stops: list[str]) -> tuple[list[str], bool]:
    stop_filter, out = StopFilter(stops), []
    for piece in pieces:
        out.append(stop_filter.feed(piece))
        if stop_filter.stopped:
            return out, True
    return [*out, stop_filter.flush()], False


@given(some.lists(LETTERS), some.text("ab \n", min_size=1, max_size=4))
def test_a_text_ends_before_its_stop_text_however_it_is_cut_into_pieces(pieces: list[str], stop: str) -> None:
    whole = "".join(pieces)
    out, stopped = cut(pieces, [stop])
    assert stopped == (stop in whole)
    assert "".join(out) == whole.partition(stop)[0].strip()


@given(some.lists(LETTERS))
def test_without_stop_texts_nothing_but_outer_white_space_is_lost(pieces: list[str]) -> None:
    assert "".join(cut(pieces, [])[0]) == "".join(pieces).strip()


def test_words_are_released_as_soon_as_they_are_certain() -> None:
    out, _ = cut(["Oak ", "peg,", " st", "ained"], [" stop"])
    assert out == ["Oak", " peg,", "", " stained", ""]


@pytest.mark.parametrize(("stops", "text"), [(["with"], "After, a peg"), (["own", "voice"], "After, a peg with a")])
def test_the_first_of_several_stop_texts_ends_the_computing(stops: list[str], text: str) -> None:
    engine, events = WatchedEngine(), list[object]()
    (written,) = write(engine, WriteRequest(["x"], True, DecodingSettings(), stops=stops), events.append)
    assert written == Written(0, text, "stop", len(text.split()) + 1)
    assert "".join(event.text for event in events if isinstance(event, Piece)) == text


def test_the_texts_of_a_prompt_differ_by_their_seeds() -> None:
    engine = WatchedEngine()
    settings = DecodingSettings(seed=2**31 - 1, max_new_tokens=3)
    written = write(engine, WriteRequest(["x", "y"], False, settings, choices=2), lambda event: None)
    assert [(prompt, options.seed) for prompt, _, options in engine.calls] == [
        ("x", 2**31 - 1),
        ("x", 0),
        ("y", 2**31 - 1),
        ("y", 0),
    ]
    assert [(one.index, one.text, one.finish_reason, one.tokens) for one in written] == [
        (number, "Before, a plain", "length", 3) for number in range(4)
    ]
