"""The measures of written descriptions, each computed from sums over products, so that products can be resampled.

A measure turns a way's answers into a table of figures, [products, figures]; the sums of its columns give the score. So
the score of any bootstrap sample of the products follows from the table alone. Measures use no model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import CHRF

from shelftalk.evidence.words import WORD
from shelftalk.generation.flags import repetition

Table = NDArray[np.float64]  # [products, figures]
Score = Callable[[NDArray[np.float64]], float]

CHRF_PLUS_PLUS = CHRF(word_order=2)  # Popović 2017: character 6-grams, word 2-grams, beta 2


@dataclass(frozen=True, slots=True)
class Answer:
    """The text that one way wrote for one product, with its figures.

    `true` is the true description, `other` that of another product, or None where only one is measured. `nats` and
    `size` are the cross-entropy and the UTF-8 bytes of the true description. `nats` and `stopped` are None for a way
    without a model. `similarity` and `similarity_to_other` are the cosine similarities of the text with `true` and
    `other`; `rank` is that of the product's title among the titles of all measured products, by their cosine similarity
    with the text, from 1. `copied` is the share of the words in spans of training descriptions, `unsupported` the
    number of claims that neither title nor attributes nor references support, or that an attribute contradicts, None in
    a language whose claims are not checked;
    `told` and `given` are the numbers of attributes that it tells and that its product has; for `slot_errors` see
    `slots`. `broken` counts the breaches of house rules, None where the catalogue has no rules.
    """

    text: str
    true: str
    other: str | None
    stopped: bool | None
    nats: float | None
    size: int
    similarity: float
    similarity_to_other: float
    rank: int
    copied: float
    unsupported: int | None
    told: int
    given: int
    slot_errors: int
    broken: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: its table of figures from the answers, and its score from the column sums; see also `directions`."""

    digits: int
    table: Callable[[Sequence[Answer]], Table]
    score: Score


def ratio(sums: NDArray[np.float64]) -> float:
    """Return the first sum divided by the second; 0 if the second is 0."""
    return float(sums[0] / sums[1]) if sums[1] else 0.0


def bits(sums: NDArray[np.float64]) -> float:
    """Convert sums of nats and bytes to bits per byte."""
    return ratio(sums) / math.log(2)


def chrf(sums: NDArray[np.float64]) -> float:
    """Return the corpus chrF++, from 0 to 100, from sacreBLEU's summed statistics."""
    return float(CHRF_PLUS_PLUS._compute_f_score(list(sums)))


def above(score: Score) -> Score:
    """Return the score of the first half of the sums minus that of the second half."""
    return lambda sums: score(sums[: len(sums) // 2]) - score(sums[len(sums) // 2 :])


def words(text: str) -> list[str]:
    """Return the words of a text of any script, in lower case; see `evidence.words`."""
    return WORD.findall(text.lower())


def rouge_l(written: str, true: str) -> float:
    """Return ROUGE-L, the F-measure of the longest common subsequence of words, from 0 to 1.

    C.-Y. Lin, ROUGE: a package for automatic evaluation of summaries (2004), equations 2 to 4 with beta 1, on words of
    any script.
    """
    mine, theirs = words(written), words(true)
    if not mine or not theirs:
        return 0.0
    common = _longest_common_subsequence(mine, theirs)
    return 2 * common / (len(mine) + len(theirs))


def _longest_common_subsequence(mine: Sequence[str], theirs: Sequence[str]) -> int:
    """Return its length; one bit for each word of `theirs` (Hyyrö 2004), so that long texts take milliseconds."""
    positions: dict[str, int] = {}
    for position, word in enumerate(theirs):
        positions[word] = positions.get(word, 0) | 1 << position
    everything = (1 << len(theirs)) - 1
    unmatched = everything
    for word in mine:
        matched = unmatched & positions.get(word, 0)
        unmatched = ((unmatched + matched) | (unmatched - matched)) & everything
    return len(theirs) - unmatched.bit_count()


def _pairs(of: Callable[[Answer], tuple[float, float]]) -> Callable[[Sequence[Answer]], Table]:
    return lambda answers: np.array([of(one) for one in answers], dtype=np.float64)


def _chrf_table(answers: Sequence[Answer]) -> Table:
    statistics = CHRF_PLUS_PLUS._extract_corpus_statistics(
        [one.text for one in answers], [[one.true for one in answers]]
    )
    return np.array(statistics, dtype=np.float64)


def _against_both(table: Callable[[Sequence[Answer]], Table]) -> Callable[[Sequence[Answer]], Table]:
    """Return the function that puts the table against other products' descriptions to the right of `table`."""

    def both(answers: Sequence[Answer]) -> Table:
        others = [replace(one, true=one.other or "", similarity=one.similarity_to_other) for one in answers]
        return np.hstack([table(answers), table(others)])

    return both


def _distinct_table(answers: Sequence[Answer]) -> Table:
    """Return each text's share of the distinct word pairs of all texts, and its number of pairs.

    A pair that several texts contain is divided equally among them, also in a resample: its own number of distinct
    pairs would fall only because it contains texts twice.
    """
    pairs = [_word_pairs(one.text) for one in answers]
    holders = Counter(pair for one in pairs for pair in set(one))
    return np.array([(sum(1 / holders[pair] for pair in set(one)), len(one)) for one in pairs], dtype=np.float64)


def _word_pairs(text: str) -> list[tuple[str, str]]:
    found = words(text)
    return list(pairwise(found))


def _word_count(answer: Answer) -> int:
    return len(words(answer.text))


_rouge_l_table = _pairs(lambda one: (rouge_l(one.text, one.true), 1))
_similarity_table = _pairs(lambda one: (one.similarity, 1))

# First what is said of this very product, then whether it holds, then how it is written.
MEASURES: dict[str, Measure] = {
    "title_rank": Measure(4, _pairs(lambda one: (1 / one.rank, 1)), ratio),
    "chrf_above": Measure(2, _against_both(_chrf_table), above(chrf)),
    "rouge_l_above": Measure(4, _against_both(_rouge_l_table), above(ratio)),
    "similarity_above": Measure(4, _against_both(_similarity_table), above(ratio)),
    "unsupported_per_100_words": Measure(
        2, _pairs(lambda one: (100 * (one.unsupported or 0), _word_count(one))), ratio
    ),
    "attributes_told": Measure(4, _pairs(lambda one: (one.told, one.given)), ratio),
    "slot_errors": Measure(4, _pairs(lambda one: (one.slot_errors, one.given)), ratio),
    "rules_broken": Measure(2, _pairs(lambda one: (one.broken or 0, 1)), ratio),
    "bits_per_byte": Measure(4, _pairs(lambda one: (one.nats or 0.0, one.size)), bits),
    "chrf": Measure(2, _chrf_table, chrf),
    "rouge_l": Measure(4, _rouge_l_table, ratio),
    "similarity": Measure(4, _similarity_table, ratio),
    "stop_rate": Measure(4, _pairs(lambda one: (bool(one.stopped), 1)), ratio),
    "length_ratio": Measure(4, _pairs(lambda one: (_word_count(one), len(words(one.true)))), ratio),
    "repetition": Measure(4, _pairs(lambda one: (repetition(one.text), 1)), ratio),
    "distinct_2": Measure(4, _distinct_table, ratio),
    "verbatim_share": Measure(4, _pairs(lambda one: (one.copied * _word_count(one), _word_count(one))), ratio),
}

# Each difference to the score against other products' descriptions, and the score that it is of.
ABOVE = {"chrf_above": "chrf", "rouge_l_above": "rouge_l", "similarity_above": "similarity"}
AGAINST_TRUE = {*ABOVE, *ABOVE.values(), "length_ratio"}
WITH_ATTRIBUTES = {"attributes_told", "slot_errors"}


def measures_of(answers: Sequence[Answer]) -> list[str]:
    """Return the names of the measures that apply to these answers.

    A way without a model has no probabilities and does not stop; the true descriptions are not compared with
    themselves; one product alone has no other; a catalogue without attributes has none to tell, and one without house
    rules none to break; in some languages claims are not checked.
    """
    missing = AGAINST_TRUE if all(one.text == one.true for one in answers) else set()
    if any(one.nats is None for one in answers):
        missing = missing | {"bits_per_byte"}
    if any(one.stopped is None for one in answers):
        missing = missing | {"stop_rate"}
    if any(one.other is None for one in answers):
        missing = missing | set(ABOVE)
    if not any(one.given for one in answers):
        missing = missing | WITH_ATTRIBUTES
    if any(one.unsupported is None for one in answers):
        missing = missing | {"unsupported_per_100_words"}
    if all(one.broken is None for one in answers):
        missing = missing | {"rules_broken"}
    return [name for name in MEASURES if name not in missing]


def mean_words(texts: Sequence[str]) -> float:
    """Return the mean number of words of the texts."""
    return sum(len(words(text)) for text in texts) / len(texts)


def tables_of(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the table of each measure that applies to these answers."""
    return {name: MEASURES[name].table(answers) for name in measures_of(answers)}
