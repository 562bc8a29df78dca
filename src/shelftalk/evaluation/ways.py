"""The names of the ways of writing and baselines that an evaluation compares."""

from __future__ import annotations

BASE, TUNED, GROUNDED = "base", "tuned", "tuned_grounded"
WAYS = (BASE, "base_references", TUNED, "tuned_references", GROUNDED)  # of writing
USUAL = WAYS[:4]
BASELINES = ("nearest_description", "repeated_title", "listed_attributes")  # without a model
TRUE = "true_description"  # written by people; only some measures apply
COMPARED = (  # before and after
    (BASE, TUNED),
    ("base_references", "tuned_references"),
    (BASE, "base_references"),
    (TUNED, "tuned_references"),
    (TUNED, GROUNDED),
    ("nearest_description", TUNED),
    ("repeated_title", TUNED),
    ("listed_attributes", TUNED),
)
# Measures whose difference has no meaning. With references a text is cut where the next product begins, which counts as
# its end. The baselines consist of the same texts that support claims.
NOT_COMPARABLE = {
    (BASE, "base_references"): ("stop_rate",),
    (TUNED, "tuned_references"): ("stop_rate",),
    ("nearest_description", TUNED): ("unsupported_per_100_words", "verbatim_share"),
    ("repeated_title", TUNED): ("unsupported_per_100_words", "verbatim_share"),
    ("listed_attributes", TUNED): ("unsupported_per_100_words", "verbatim_share", "attributes_told"),
}
