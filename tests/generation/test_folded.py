"""Folding of texts that repeat themselves."""

from __future__ import annotations

from shelftalk.generation.folded import Folded, fold


def test_empty_and_repeated_lines_are_counted_and_not_shown() -> None:
    assert fold("Slate labels.\n" + "\n*" * 50) == Folded("Slate labels.\n*", 1, 49)
    assert fold("A.\nB.\nA.\nB.\nA.") == Folded("A.\nB.", 0, 3)


def test_repeated_sentences_of_one_line_are_folded_too() -> None:
    assert fold("It is red. It is big. " + "It is red. " * 3) == Folded("It is red. It is big.", 0, 3)


def test_a_text_that_hardly_repeats_itself_stays_as_it_is() -> None:
    text = "One.\n\nTwo. One."
    assert fold(text) == Folded(text, 0, 0)
    assert fold("") == Folded("", 0, 0)
