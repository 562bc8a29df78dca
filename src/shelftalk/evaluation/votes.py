"""Blind votes: which of two answers, shown without saying whose each is, people prefer.

votes.jsonl in the run's folder holds a line {"query", "choice"} for each vote.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any, Literal, get_args

from shelftalk.lines import append_record, read_records

Choice = Literal["base", "tuned", "neither"]

FILE = "votes.jsonl"
FEWEST = 5  # decided votes, below which an interval says next to nothing
NORMAL_95 = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


def cast_vote(folder: Path, query: str, choice: Choice) -> None:
    """Add a vote to those in a run's folder.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    if choice not in get_args(Choice):
        raise ValueError(f"choice must be one of {', '.join(get_args(Choice))}, got {choice!r}")
    append_record(folder / FILE, {"query": query, "choice": choice})


def tally(folder: Path) -> dict[str, Any]:
    """Count the votes in a run's folder, ready for JSON.

    Returns:
        `base`, `tuned`, `neither` and `n`, all votes together; `share` of tuned among those that decided, None where
        there is none; `interval`, the 95 % interval of that share, None under five decided votes; `conclusive`: whether
        one half lies outside of it.
    """
    choices = [record.get("choice") for record in read_records(folder / FILE)]
    base, tuned, neither = (choices.count(choice) for choice in get_args(Choice))
    decided = base + tuned
    interval = wilson_interval(tuned, decided) if decided >= FEWEST else None
    return {
        "base": base,
        "tuned": tuned,
        "neither": neither,
        "n": decided + neither,
        "share": tuned / decided if decided else None,
        "interval": interval,
        "conclusive": interval is not None and not interval[0] <= 0.5 <= interval[1],
    }


def wilson_interval(successes: int, trials: int) -> list[float]:
    """Return the 95 % score interval, low and high, of a share of `trials`, at least one.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212.
    """
    share, spread = successes / trials, NORMAL_95**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    reach = sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return [max(0.0, centre - reach), min(1.0, centre + reach)]
