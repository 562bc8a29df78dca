"""Compare measured ways of writing: scores, intervals, and verdicts on their differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelftalk.evaluation.bootstrap import FEWEST, interval, scores_of_samples, sign_test, verdict
from shelftalk.evaluation.directions import DIRECTIONS
from shelftalk.evaluation.measures import MEASURES, bits
from shelftalk.evaluation.ways import BASE, COMPARED, NOT_COMPARABLE, TUNED

Likelihood = tuple[float, int]  # nats, UTF-8 bytes
Tables = dict[str, dict[str, NDArray[np.float64]]]  # by way, by measure


def compare_ways(tables: Tables) -> dict[str, Any]:
    """Return scores, intervals and differences of ways from their tables by measure."""
    count = len(next(iter(next(iter(tables.values())).values())))
    scores = {
        way: {
            name: round(MEASURES[name].score(table.sum(axis=0)), MEASURES[name].digits) for name, table in own.items()
        }
        for way, own in tables.items()
    }
    found: dict[str, Any] = {"order": list(tables), **scores, "intervals": None, "too_few": None}
    if count < FEWEST:
        found["too_few"] = (
            f"{count} products are too few for intervals, which need {FEWEST}: "
            "the figures describe these products only."
        )
        resampled = None
    else:
        resampled = {
            way: {name: scores_of_samples(table, MEASURES[name].score) for name, table in own.items()}
            for way, own in tables.items()
        }
        found["intervals"] = {
            way: {name: _rounded(interval(values), MEASURES[name].digits) for name, values in own.items()}
            for way, own in resampled.items()
        }
    found["differences"] = [
        {"before": before, "after": after, "measures": _differences(scores, resampled, tables, before, after)}
        for before, after in COMPARED
        if before in tables and after in tables
    ]
    return found


def _differences(
    scores: dict[str, Any], resampled: dict[str, Any] | None, tables: Tables, before: str, after: str
) -> dict[str, Any]:
    found = {}
    for name in MEASURES:
        if name not in scores[before] or name not in scores[after] or name in NOT_COMPARABLE.get((before, after), ()):
            continue
        measure = MEASURES[name]
        bounds = interval(resampled[after][name] - resampled[before][name]) if resampled else None
        sides = [tables[way][name][:, 0] for way in (before, after)]
        chance = sign_test(*sides) if name == "stop_rate" else 0.0  # its figures are 0 or 1
        found[name] = {
            "difference": round(scores[after][name] - scores[before][name], measure.digits),
            "interval": _rounded(bounds, measure.digits) if bounds else None,
            "verdict": verdict(bounds, DIRECTIONS[name], chance) if bounds else None,
        }
    return found


def compare_likelihoods(before: Sequence[Likelihood], after: Sequence[Likelihood]) -> dict[str, Any]:
    """Return the bits per byte of the same texts under two models.

    Returns:
        `n`, `bytes`, `base`, `tuned`, `difference`, `interval` and `verdict`; the last two are None for under
        twenty texts.
    """
    base, tuned, digits = np.array(before), np.array(after), MEASURES["bits_per_byte"].digits
    first, second = bits(base.sum(axis=0)), bits(tuned.sum(axis=0))
    bounds = None
    if len(base) >= FEWEST:
        bounds = interval(scores_of_samples(tuned, bits) - scores_of_samples(base, bits))
    return {
        "n": len(base),
        "bytes": int(base[:, 1].sum()),
        BASE: round(first, digits),
        TUNED: round(second, digits),
        "difference": round(second - first, digits),
        "interval": _rounded(bounds, digits) if bounds else None,
        "verdict": verdict(bounds, DIRECTIONS["bits_per_byte"]) if bounds else None,
    }


def _rounded(bounds: Sequence[float], digits: int) -> list[float]:
    return [round(bound, digits) for bound in bounds]
