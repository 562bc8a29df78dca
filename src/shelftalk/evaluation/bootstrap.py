"""How sure a measured score is: paired bootstrap intervals over products.

The same samples of the products are drawn for every way and measure, so that a difference is taken between the same
products (P. Koehn, Statistical significance tests for machine translation evaluation, EMNLP 2004; percentile intervals,
B. Efron and R. Tibshirani, An introduction to the bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

SAMPLES = 2000
FEWEST = 20  # products: below, resampling the few there are says next to nothing about others
AT_ONCE = 50  # samples in memory
SEED = 20_040_725

SIGNIFICANCE = 0.05

Score = Callable[[NDArray[np.float64]], float]


def scores_of_samples(table: NDArray[np.float64], score: Score) -> NDArray[np.float64]:
    """Return the score of each sample of the products whose figures are in `table`, [products, figures].

    Tables of as many products are sampled alike, every time.
    """
    return np.array([score(sums) for counts in _draw_samples(len(table)) for sums in counts @ table])


def _draw_samples(count: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each of `count` products is in each sample, some at a time: [samples, count]."""
    rng = np.random.default_rng(SEED)
    for _ in range(SAMPLES // AT_ONCE):
        yield rng.multinomial(count, np.full(count, 1 / count), size=AT_ONCE).astype(np.float64)


def interval(scores: NDArray[np.float64]) -> list[float]:
    """Return the bounds, low and high, between which the middle 95 % of the scores lie."""
    low, high = np.percentile(scores, [2.5, 97.5])
    return [float(low), float(high)]


def sign_test(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the chance that products which differ lean one way as clearly as these, were both ways as likely.

    Two-sided and exact, products that do not differ left out: McNemar's test for what is either 0 or 1. A bootstrap
    interval of such figures leaves zero out too soon, when a handful of products changed and all of them one way.
    """
    changed = after - before
    ups, downs = int((changed > 0).sum()), int((changed < 0).sum())
    many = ups + downs
    tail = sum(comb(many, fewer) for fewer in range(min(ups, downs) + 1)) / 2**many
    return float(min(1.0, 2 * tail))


def verdict(bounds: list[float], better: str | None, chance: float = 0.0) -> str:
    """Say what a difference's interval shows: better or worse, "changed" where neither is, or "not shown".

    "not shown" means that zero lies inside, or that `chance`, where a test gives one, is above 5 %: the sign that was
    found may be chance. It does not mean "the same".
    """
    low, high = bounds
    if low <= 0 <= high or chance > SIGNIFICANCE:
        return "not shown"
    if better is None:
        return "changed"
    return "better" if (low > 0) == (better == "more") else "worse"
