"""The differences between two answers, and the facts about one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.records import Description
from shelftalk.studio import language
from shelftalk.studio.answers import differences, facts_of


@given(st.text(), st.text())
def test_the_pieces_joined_are_the_text(body: str, other: str) -> None:
    assert "".join(piece for piece, _ in differences(body, other)) == body


@given(st.text())
def test_nothing_is_marked_in_a_text_beside_itself(body: str) -> None:
    assert not any(marked for _, marked in differences(body, body))


def test_the_words_of_one_answer_only_are_marked() -> None:
    marked = [piece for piece, differs in differences("An oak peg, oiled twice.", "A Oak peg, waxed twice.") if differs]
    assert marked == ["An", "oiled"]


def test_facts_count_words_the_title_and_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "current", lambda: "en")
    facts = facts_of(Description("An oak peg, 12 cm.", True, 7), "Oak Peg, 12 cm, White")
    assert facts == ["5 words", "ends by itself", "4 of the title's 5 words"]
    assert facts_of({"text": "", "stopped": False}, "Peg")[1] == "does not end"
