"""Test cutting texts into sentences, and sentences out of texts."""

from __future__ import annotations

import pytest

from shelftalk.sentences import split_sentences, text_before, without_sentence

TEXT = "An oak peg. It is oiled twice! It holds approx. 3 kg."


def test_sentences_are_known_by_their_ends() -> None:
    assert [one for _, one in split_sentences(TEXT)] == ["An oak peg.", "It is oiled twice!", "It holds approx. 3 kg."]


@pytest.mark.parametrize(
    ("place", "before", "without"),
    [
        (3, "", "It is oiled twice! It holds approx. 3 kg."),
        (18, "An oak peg.", "An oak peg. It holds approx. 3 kg."),
        (len(TEXT) - 1, "An oak peg. It is oiled twice!", "An oak peg. It is oiled twice!"),
    ],
)
def test_a_sentence_is_cut_out_and_those_before_it_are_kept(place: int, before: str, without: str) -> None:
    assert (text_before(TEXT, place), without_sentence(TEXT, place)) == (before, without)


def test_the_only_sentence_leaves_nothing() -> None:
    assert (text_before("One.", 2), without_sentence("One.", 2), without_sentence("", 0)) == ("", "", "")
