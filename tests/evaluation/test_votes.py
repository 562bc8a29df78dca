"""Votes are counted, and their intervals are correct."""

from __future__ import annotations

import subprocess
import sys
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.evaluation.votes import FILE, NORMAL_95, cast_vote, tally, wilson_interval


# Newcombe, Two-sided confidence intervals for the single proportion, Stat. Med. 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx([low, high], abs=5e-5)
    assert wilson_interval(trials - successes, trials) == pytest.approx([1 - high, 1 - low], abs=5e-5)


@given(st.integers(1, 2000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_its_ends_are_the_shares_that_the_observed_one_just_does_not_contradict(pair: tuple[int, int]) -> None:
    """Wilson's definition: the distance from the observed share to each bound p is z standard errors of p."""
    successes, trials = pair
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1 or successes in (0, trials)
    for end in (low, high):
        distance = abs(successes / trials - end)
        assert distance == pytest.approx(NORMAL_95 * sqrt(end * (1 - end) / trials), abs=1e-7)


def test_votes_are_counted(tmp_path: Path) -> None:
    assert tally(tmp_path) == {
        "base": 0,
        "tuned": 0,
        "neither": 0,
        "n": 0,
        "share": None,
        "interval": None,
        "conclusive": False,
    }
    for choice in ("tuned", "base", "neither", "tuned", "tuned"):
        cast_vote(tmp_path, "Oak peg", choice)
    found = tally(tmp_path)
    assert (found["base"], found["tuned"], found["neither"], found["n"], found["share"]) == (1, 3, 1, 5, 0.75)
    assert found["interval"] is None  # four decided
    cast_vote(tmp_path, "Oak peg", "tuned")
    found = tally(tmp_path)
    assert found["interval"] == wilson_interval(4, 5)
    assert not found["conclusive"]


@pytest.mark.parametrize(("tuned", "base", "conclusive"), [(6, 0, True), (5, 0, True), (6, 2, False), (0, 6, True)])
def test_a_vote_is_conclusive_when_a_half_lies_outside(tmp_path: Path, tuned: int, base: int, conclusive: bool) -> None:
    for choice, count in (("tuned", tuned), ("base", base)):
        for _ in range(count):
            cast_vote(tmp_path, "Oak peg", choice)  # type: ignore[arg-type]
    assert tally(tmp_path)["conclusive"] is conclusive


def test_a_truncated_or_invalid_line_is_no_vote(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(
        b'{"query": "a", "choice": "tuned"}\n{"choice": "both"}\n{"choice": []}\n{"query": "b", "ch'
    )
    cast_vote(tmp_path, "c", "base")
    found = tally(tmp_path)
    assert (found["base"], found["tuned"], found["n"]) == (1, 1, 2)


def test_an_unknown_choice_raises_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="base, tuned, neither"):
        cast_vote(tmp_path, "a", "both")  # type: ignore[arg-type]
    assert not (tmp_path / FILE).exists()


def test_voting_loads_nothing_heavy() -> None:
    program = (
        "import sys, shelftalk.evaluation.votes\n"
        "assert not {'torch', 'transformers', 'sacrebleu', 'numpy', 'pyarrow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
