"""Which scores of each measure are better: more, less, or neither; and how they are written.

This module imports no measure, so it loads fast.
"""

from __future__ import annotations

from typing import Literal

Direction = Literal["more", "less"] | None

DIRECTIONS: dict[str, Direction] = {
    "title_rank": "more",
    "chrf_above": "more",
    "rouge_l_above": "more",
    "similarity_above": "more",
    "unsupported_per_100_words": "less",
    "attributes_told": "more",
    "slot_errors": "less",
    "rules_broken": "less",
    "bits_per_byte": "less",
    "chrf": "more",
    "rouge_l": "more",
    "similarity": "more",
    "stop_rate": "more",
    "length_ratio": None,
    "repetition": "less",
    "distinct_2": None,
    "verbatim_share": None,
}
# How a score of each measure is written, as Vega's number formats, in the order in which people read them.
FORMATS = {
    "title_rank": ".2f",
    "chrf_above": ".1f",
    "unsupported_per_100_words": ".2f",
    "attributes_told": ".1%",
    "slot_errors": ".2f",
    "rules_broken": ".2f",
    "similarity_above": ".3f",
    "rouge_l_above": ".3f",
    "bits_per_byte": ".3f",
    "chrf": ".1f",
    "rouge_l": ".3f",
    "similarity": ".3f",
    "verbatim_share": ".1%",
    "stop_rate": ".0%",
    "length_ratio": ".2f",
    "repetition": ".1%",
    "distinct_2": ".1%",
}
