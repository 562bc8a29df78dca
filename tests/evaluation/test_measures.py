"""Measures equal their definitions."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from shelftalk.evaluation.measures import (
    ABOVE,
    MEASURES,
    Answer,
    bits,
    mean_words,
    measures_of,
    rouge_l,
    tables_of,
    words,
)

ANSWER = Answer(
    text="Holds a coat.",
    true="Holds a heavy coat.",
    other="Rolls thin dough.",
    stopped=True,
    nats=8 * math.log(2),
    size=4,
    similarity=0.5,
    similarity_to_other=0.1,
    rank=2,
    copied=1.0,
    unsupported=1,
    told=3,
    given=4,
    slot_errors=2,
    broken=0,
)
WORDS = st.lists(st.sampled_from(["a", "peg", "Eiche", "дуб", "7"]), max_size=9).map(" ".join)


def score(name: str, answers: list[Answer]) -> float:
    return MEASURES[name].score(MEASURES[name].table(answers).sum(axis=0))


def test_bits_per_byte_of_a_fair_coin() -> None:
    assert bits(np.array([8 * math.log(2), 1])) == pytest.approx(8)
    assert score("bits_per_byte", [ANSWER, replace(ANSWER, nats=0.0, size=4)]) == pytest.approx(1)


def test_chrf_of_a_table_is_sacrebleus_of_the_corpus() -> None:
    answers = [ANSWER, replace(ANSWER, text="zzz"), replace(ANSWER, text="", true="Дуб и ещё дуб")]
    expected = CHRF(word_order=2).corpus_score([one.text for one in answers], [[one.true for one in answers]])
    assert score("chrf", answers) == pytest.approx(expected.score)
    assert score("chrf", [replace(ANSWER, text=ANSWER.true)]) == pytest.approx(100)


def longest_common(mine: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    @cache
    def longest(row: int, column: int) -> int:
        if row == len(mine) or column == len(theirs):
            return 0
        if mine[row] == theirs[column]:
            return 1 + longest(row + 1, column + 1)
        return max(longest(row + 1, column), longest(row, column + 1))

    return longest(0, 0)


@given(WORDS, WORDS)
def test_rouge_l_is_that_of_the_textbook(written: str, true: str) -> None:
    mine, theirs = tuple(words(written)), tuple(words(true))
    expected = 0.0
    if common := longest_common(mine, theirs):
        precision, recall = common / len(mine), common / len(theirs)
        expected = 2 * precision * recall / (precision + recall)
    assert rouge_l(written, true) == pytest.approx(expected)


def test_rouge_l_reads_any_script() -> None:
    assert rouge_l("крепкий ДУБ", "дуб") == pytest.approx(2 / 3)
    assert rouge_l("", "дуб") == rouge_l("...", "дуб") == 0


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_variety_is_the_share_of_different_pairs_among_all(texts: list[str]) -> None:
    found = [words(text) for text in texts]
    pairs = [pair for one in found for pair in pairwise(one)]
    expected = len(set(pairs)) / len(pairs) if pairs else 0
    assert score("distinct_2", [replace(ANSWER, text=text) for text in texts]) == pytest.approx(expected)


def test_shares_are_of_all_words_and_not_of_texts() -> None:
    long = replace(ANSWER, text="one two three four five six seven", copied=0.0, unsupported=0)
    assert score("verbatim_share", [ANSWER, long]) == pytest.approx(3 / 10)
    assert score("unsupported_per_100_words", [ANSWER, long]) == pytest.approx(100 * 1 / 10)
    assert score("length_ratio", [ANSWER, long]) == pytest.approx(10 / 8)


def test_what_has_no_model_has_no_probabilities_and_does_not_stop() -> None:
    assert measures_of([ANSWER]) == list(MEASURES)
    missing = set(MEASURES) - set(measures_of([replace(ANSWER, nats=None, stopped=None)]))
    assert missing == {"bits_per_byte", "stop_rate"}
    assert not {"chrf", "length_ratio"} & set(measures_of([replace(ANSWER, text=ANSWER.true)]))


@pytest.mark.parametrize("text", ["", "...", "1234567 890", "你好世界", "a" * 100_000])
def test_any_text_has_figures(text: str) -> None:
    for table in tables_of([replace(ANSWER, text=text), ANSWER]).values():
        assert np.isfinite(table).all()


def test_mean_words_counts_words_of_any_script() -> None:
    assert mean_words(["crème brûlée", "два слова и ещё"]) == 3


def test_attributes_told_is_a_share_of_all_attributes_where_there_are_any() -> None:
    assert score("attributes_told", [ANSWER, replace(ANSWER, told=0, given=2)]) == pytest.approx(3 / 6)
    assert "attributes_told" in measures_of([ANSWER, replace(ANSWER, told=0, given=0)])
    assert "attributes_told" not in measures_of([replace(ANSWER, told=0, given=0)])


def test_errors_are_for_each_attribute_that_any_product_has() -> None:
    assert score("slot_errors", [ANSWER, replace(ANSWER, slot_errors=1, given=0)]) == pytest.approx(3 / 4)
    assert "slot_errors" not in measures_of([replace(ANSWER, given=0)])


def test_broken_house_rules_are_counted_where_there_are_rules() -> None:
    assert "rules_broken" not in measures_of([replace(ANSWER, broken=None)])
    assert score("rules_broken", [replace(ANSWER, broken=3), replace(ANSWER, broken=0)]) == pytest.approx(1.5)


def test_the_rank_of_the_own_title_is_inverted() -> None:
    assert score("title_rank", [ANSWER, replace(ANSWER, rank=1), replace(ANSWER, rank=4)]) == pytest.approx(1.75 / 3)


def test_what_is_above_other_products_is_the_difference_of_both_scores() -> None:
    answers = [ANSWER, replace(ANSWER, text="A dough of rye.", other="A heavy coat.")]
    own, others = ([[getattr(one, side) for one in answers]] for side in ("true", "other"))
    texts = [one.text for one in answers]
    chrf = CHRF(word_order=2)
    expected = chrf.corpus_score(texts, own).score - chrf.corpus_score(texts, others).score
    assert score("chrf_above", answers) == pytest.approx(expected)
    assert score("similarity_above", answers) == pytest.approx(0.4)
    others_rouge = [rouge_l(one.text, one.other or "") for one in answers]
    assert score("rouge_l_above", answers) == pytest.approx(score("rouge_l", answers) - np.mean(others_rouge))


def test_a_text_that_fits_any_product_is_above_none() -> None:
    alike = [replace(ANSWER, true="Holds a hat.", other="Holds a hat.", similarity_to_other=0.5)] * 2
    for name, of in ABOVE.items():
        assert score(name, alike) == pytest.approx(0)
        assert score(of, alike) > 0


def test_one_product_alone_has_no_other() -> None:
    assert not set(ABOVE) & set(measures_of([replace(ANSWER, other=None)]))
