"""Blind votes: which of two answers people prefer without knowing which model wrote which.

votes.jsonl in the run's folder has one line {"query", "choice"} for each vote.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any, Literal, get_args

from shelftalk.lines import append_record, read_records

Choice = Literal["base", "tuned", "neither"]

FILE = "votes.jsonl"
FEWEST = 5  # decided votes: with fewer, an interval is not useful
NORMAL_95 = 1.959963984540054  # half-width of a normal distribution's 95 % interval, in standard deviations


def cast_vote(folder: Path, query: str, choice: Choice) -> None:
    """Append a vote to the file in a run's folder.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    if choice not in get_args(Choice):
        raise ValueError(f"choice must be one of {', '.join(get_args(Choice))}, got {choice!r}")
    append_record(folder / FILE, {"query": query, "choice": choice})


def tally(folder: Path) -> dict[str, Any]:
    """Count the votes in a run's folder, ready for JSON.

    Returns:
        `base`, `tuned`, `neither` and `n`, the number of all votes; `share` of tuned among the decided votes, None if
        there are none; `interval`, the 95 % interval of that share, None with under five decided votes; `conclusive`:
        whether 0.5 lies outside the interval.
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
    """Return the 95 % Wilson score interval, low and high, of a share; `trials` is at least 1.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212.
    """
    share, spread = successes / trials, NORMAL_95**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    reach = sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return [max(0.0, centre - reach), min(1.0, centre + reach)]
