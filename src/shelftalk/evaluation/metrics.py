"""The measures of a set of descriptions against the true ones. They know text and numbers, no model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sacrebleu.metrics import CHRF

from shelftalk.generation.flags import WORD
from shelftalk.generation.flags import repetition as repetition


def bits_per_byte(nats: float, size: int) -> float:
    """Return a summed cross-entropy in nats as bits per UTF-8 byte of the text it is of."""
    return nats / math.log(2) / size


def chrf(written: Sequence[str], true: Sequence[str]) -> float:
    """Return the corpus chrF++ (Popović 2017: character 6-grams, word 2-grams, beta 2), from 0 to 100, by sacreBLEU."""
    return float(CHRF(word_order=2).corpus_score(list(written), [list(true)]).score)


def mean_words(texts: Sequence[str]) -> float:
    """Return the mean number of words of the texts."""
    return sum(len(WORD.findall(text)) for text in texts) / len(texts)
