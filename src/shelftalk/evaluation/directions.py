"""Which scores of each measure are better: more, less, or neither. This module imports no measure, so it loads fast."""

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
