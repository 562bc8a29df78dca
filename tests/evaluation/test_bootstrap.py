"""Intervals have their coverage, differences are paired, and only significant differences are reported."""

from __future__ import annotations

import numpy as np
import pytest

from shelftalk.evaluation.bootstrap import SAMPLES, interval, scores_of_samples, sign_test, verdict
from shelftalk.evaluation.measures import ratio
from shelftalk.evaluation.scores import compare_likelihoods, compare_ways


def table(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones(len(values))], axis=1)


def test_each_sample_is_as_large_as_the_products_are_many() -> None:
    counts = scores_of_samples(table(np.zeros(17)), lambda sums: float(sums[1]))
    assert len(counts) == SAMPLES
    assert (counts == 17).all()
    values = table(np.arange(17.0))
    assert (scores_of_samples(values, ratio) == scores_of_samples(values, ratio)).all()  # identical for all ways


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        low, high = interval(scores_of_samples(table(rng.normal(3, 1, 40)), ratio))
        held += low <= 3 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_a_difference_is_taken_between_the_same_products() -> None:
    rng = np.random.default_rng(6)
    hard = rng.normal(0, 10, 30)  # products differ far more than ways do
    before, after = table(hard), table(hard + 1 + rng.normal(0, 0.1, 30))
    paired = scores_of_samples(after, ratio) - scores_of_samples(before, ratio)
    low, high = interval(paired)
    assert 0.9 < low < high < 1.1
    wide_low, wide_high = interval(scores_of_samples(after, ratio))
    assert wide_high - wide_low > 20 * (high - low)


@pytest.mark.parametrize(
    ("bounds", "better", "expected"),
    [
        ([0.1, 0.3], "more", "better"),
        ([0.1, 0.3], "less", "worse"),
        ([-0.3, -0.1], "less", "better"),
        ([-0.3, -0.1], "more", "worse"),
        ([-0.1, 0.3], "more", "not shown"),
        ([0.0, 0.3], "more", "not shown"),
        ([0.1, 0.3], None, "changed"),
    ],
)
def test_what_an_interval_shows(bounds: list[float], better: str | None, expected: str) -> None:
    assert verdict(bounds, better) == expected


def test_a_handful_of_changes_one_way_may_be_chance() -> None:
    before = np.zeros(43)
    after = before.copy()
    after[:4] = 1
    assert sign_test(before, after) == pytest.approx(0.125)  # 2 / 2**4
    assert sign_test(after, before) == pytest.approx(0.125)
    assert sign_test(before, before) == 1
    tables = {"base": {"stop_rate": table(before)}, "tuned": {"stop_rate": table(after)}}
    found = compare_ways(tables)["differences"][0]["measures"]["stop_rate"]
    assert found["interval"][0] > 0
    assert found["verdict"] == "not shown"
    tables["tuned"]["stop_rate"][:9, 0] = 1
    assert compare_ways(tables)["differences"][0]["measures"]["stop_rate"]["verdict"] == "better"


def test_what_would_tell_nothing_is_not_compared() -> None:
    one = {name: table(np.ones(20)) for name in ("stop_rate", "unsupported_per_100_words", "rouge_l")}
    found = compare_ways(dict.fromkeys(("base", "base_references", "tuned", "nearest_description"), one))
    compared = {(pair["before"], pair["after"]): set(pair["measures"]) for pair in found["differences"]}
    assert compared["base", "tuned"] == {"stop_rate", "unsupported_per_100_words", "rouge_l"}
    assert compared["base", "base_references"] == {"unsupported_per_100_words", "rouge_l"}
    assert compared["nearest_description", "tuned"] == {"stop_rate", "rouge_l"}


def test_no_difference_between_equals_is_ever_shown() -> None:
    same = {"chrf": np.random.default_rng(1).integers(1, 9, (20, 24)).astype(float)}
    found = compare_ways({"base": same, "tuned": same})
    assert found["differences"][0]["measures"]["chrf"] == {
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "verdict": "not shown",
    }


def test_three_products_get_no_interval_and_a_sentence() -> None:
    tables = {way: {"rouge_l": table(np.array([0.1, 0.2, 0.3]))} for way in ("base", "tuned", "repeated_title")}
    found = compare_ways(tables)
    assert found["intervals"] is None
    assert "3 products are too few for intervals" in found["too_few"]
    assert found["base"] == {"rouge_l": 0.2}
    for one in found["differences"]:
        assert one["measures"]["rouge_l"] == {"difference": 0.0, "interval": None, "verdict": None}


def test_likelihoods_are_compared_text_by_text() -> None:
    before = [(100.0 * number, 100 * number) for number in range(1, 25)]
    after = [(nats * 0.9, size) for nats, size in before]
    found = compare_likelihoods(before, after)
    assert (found["n"], found["bytes"], found["verdict"]) == (24, 30000, "better")
    assert found["base"] == pytest.approx(1.4427, abs=1e-4)
    assert found["interval"][0] == pytest.approx(-0.1443, abs=1e-3)
    assert compare_likelihoods(before[:3], after[:3])["interval"] is None
