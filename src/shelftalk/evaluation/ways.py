"""The ways of describing a product that are measured side by side, by name."""

from __future__ import annotations

BASE, TUNED, GROUNDED = "base", "tuned", "tuned_grounded"
WAYS = (BASE, "base_references", TUNED, "tuned_references", GROUNDED)  # of writing
USUAL = WAYS[:4]
BASELINES = ("nearest_description", "repeated_title")  # that write nothing, and must be beaten
TRUE = "true_description"  # what people wrote: measured too, where there is something to measure
COMPARED = (  # before and after, of which the difference is told
    (BASE, TUNED),
    ("base_references", "tuned_references"),
    (BASE, "base_references"),
    (TUNED, "tuned_references"),
    (TUNED, GROUNDED),
    ("nearest_description", TUNED),
    ("repeated_title", TUNED),
)
# Measures of which a difference would tell nothing: with references a text is cut where the next product begins, which
# counts as its end; what baselines are made of is what supports claims.
UNFAIR = {
    (BASE, "base_references"): ("stop_rate",),
    (TUNED, "tuned_references"): ("stop_rate",),
    ("nearest_description", TUNED): ("unsupported_per_100_words", "verbatim_share"),
    ("repeated_title", TUNED): ("unsupported_per_100_words", "verbatim_share"),
}
