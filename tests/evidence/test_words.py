from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.evidence.words import WORD, cut, cut_chunk, start_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop -- it's 3.5 kg!", ["Don't", "stop", "it's", "3", "5", "kg"]),
        ("l’heure d'or, 'tis the dogs'", ["l’heure", "d'or", "tis", "the", "dogs"]),
        ("o cafe\u0301 da manhã", ["o", "cafe\u0301", "da", "manhã"]),
        ("हिन्दी में किताब", ["हिन्दी", "में", "किताब"]),
        ("کتاب‌ها", ["کتاب‌ها"]),
        ("iPhone手机 你好", ["iPhone", "手", "机", "你", "好"]),
        ("ภาษา", ["ภ", "า", "ษ", "า"]),
        ("日本語テスト", ["日", "本", "語", "テ", "ス", "ト"]),
        ("한국어 책", ["한국어", "책"]),
        ("🙂 — … ''", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert WORD.findall(text) == words
    assert [symbol.text for symbol in cut(text) if symbol.is_word] == words


def test_only_one_space_between_words_is_no_symbol() -> None:
    def symbols(text: str) -> list[str]:
        return [symbol.text for symbol in cut(text)]

    assert symbols("a b\n c") == ["a", "b", "c"]
    assert symbols("a, b") == ["a", ", ", "b"]
    assert symbols("a,b") == ["a", ",", "b"]
    assert symbols("a ,b") == ["a", " ,", "b"]
    assert symbols("a - b") == ["a", " - ", "b"]
    assert symbols("你好 吗") == ["你", "", "好", "吗"]


@given(st.text() | st.text("ab'’,- \n\u3000你ก\u0301"))
def test_symbols_are_the_text_and_have_their_offsets(text: str) -> None:
    rebuilt, after_word = "", False
    for symbol in cut(text):
        rebuilt += " " * (after_word and symbol.is_word) + symbol.text
        after_word = symbol.is_word
        assert text[symbol.start : symbol.end] == symbol.text.strip(" ")
    assert re.sub(" +", " ", rebuilt).strip(" ") == " ".join(text.split())


@given(st.text() | st.text("ab'’,.!- \n\u3000你ก\u0301"))
def test_a_chunk_is_cut_alone_as_in_its_text(text: str) -> None:
    symbols = list(cut(text))
    assert [one.text for one in symbols] == [one for chunk in text.split() for one in cut_chunk(chunk)]
    assert [one.start for one in symbols] == [start_of(text, number) for number in range(len(symbols))]
    with pytest.raises(IndexError):
        start_of(text, len(symbols))


@pytest.mark.parametrize("chunk", ["", "peg", "peg,", "'peg.", "peg's!?", "peg'.", "...", "_7", "7;:", "é.", "p.e.g."])
def test_short_cuts_change_nothing(chunk: str) -> None:
    assert cut_chunk(chunk) == [symbol.text for symbol in cut(chunk)]


def test_whitespace_is_exactly_what_chunks_do_not_contain() -> None:
    assert [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace() == bool(re.match(r"\S", c))] == []
