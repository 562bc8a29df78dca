"""Paired bootstrap confidence intervals of scores, resampled over products.

Every way and measure uses the same samples of the products, so that differences are paired (P. Koehn, Statistical
significance tests for machine translation evaluation, EMNLP 2004; percentile intervals, B. Efron and R.
Tibshirani, An introduction to the bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

SAMPLES = 2000
FEWEST = 20  # products: with fewer, a bootstrap interval is not reliable
BATCH = 50  # samples in memory
SEED = 20_040_725

SIGNIFICANCE = 0.05

Score = Callable[[NDArray[np.float64]], float]


def scores_of_samples(table: NDArray[np.float64], score: Score) -> NDArray[np.float64]:
    """Return the score of each bootstrap sample of the rows of `table`, [products, figures].

    Tables with the same number of products are always sampled identically.
    """
    return np.array([score(sums) for counts in _draw_samples(len(table)) for sums in counts @ table])


def _draw_samples(count: int) -> Iterator[NDArray[np.float64]]:
    """Yield batches of how often each of `count` products is in each sample: [samples, count]."""
    rng = np.random.default_rng(SEED)
    for _ in range(SAMPLES // BATCH):
        yield rng.multinomial(count, np.full(count, 1 / count), size=BATCH).astype(np.float64)


def interval(scores: NDArray[np.float64]) -> list[float]:
    """Return the 95 % percentile interval of the scores, low and high."""
    low, high = np.percentile(scores, [2.5, 97.5])
    return [float(low), float(high)]


def sign_test(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the p-value of the two-sided exact sign test, without the products that do not differ.

    For figures of 0 or 1 this is McNemar's test. Their bootstrap interval excludes zero too easily, when only a few
    products changed and all in the same direction.
    """
    changed = after - before
    ups, downs = int((changed > 0).sum()), int((changed < 0).sum())
    many = ups + downs
    tail = sum(comb(many, fewer) for fewer in range(min(ups, downs) + 1)) / 2**many
    return float(min(1.0, 2 * tail))


def verdict(bounds: list[float], better: str | None, chance: float = 0.0) -> str:
    """Return what a difference's interval shows: "better", "worse", "changed" if neither is better, or "not shown".

    "not shown" means that the interval contains zero, or that the p-value `chance` of a test is above 5 %. It does not
    mean "the same".
    """
    low, high = bounds
    if low <= 0 <= high or chance > SIGNIFICANCE:
        return "not shown"
    if better is None:
        return "changed"
    return "better" if (low > 0) == (better == "more") else "worse"
