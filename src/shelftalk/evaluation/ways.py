"""The names of the ways of writing and baselines that an evaluation compares."""

from __future__ import annotations

BASE, SOURCE, TUNED, GROUNDED = "base", "source", "tuned", "tuned_grounded"
WAYS = (BASE, "base_references", SOURCE, TUNED, "tuned_references", GROUNDED)  # of writing
USUAL = (BASE, "base_references", TUNED, "tuned_references")  # and SOURCE for a run that began from another
BASELINES = (  # without a model
    "nearest_description",
    "random_description",
    "unrelated_text",
    "repeated_title",
    "listed_attributes",
)
GENERAL = "general text"  # of another kind, whose bits per byte show what was forgotten
TRUE = "true_description"  # written by people; only some measures apply
COMPARED = (  # before and after
    (BASE, TUNED),
    (SOURCE, TUNED),
    ("base_references", "tuned_references"),
    (BASE, "base_references"),
    (TUNED, "tuned_references"),
    (TUNED, GROUNDED),
    ("nearest_description", TUNED),
    ("random_description", TUNED),
    ("unrelated_text", TUNED),
    ("repeated_title", TUNED),
    ("listed_attributes", TUNED),
)
# Measures whose difference has no meaning. With references a text is cut where the next product begins, which counts as
# its end. Some baselines consist of the texts that support claims, or of the title that is searched.
_COPIED = ("unsupported_per_100_words", "verbatim_share")
NOT_COMPARABLE = {
    (BASE, "base_references"): ("stop_rate",),
    (TUNED, "tuned_references"): ("stop_rate",),
    ("nearest_description", TUNED): _COPIED,
    ("random_description", TUNED): ("verbatim_share",),
    ("repeated_title", TUNED): (*_COPIED, "title_rank"),
    ("listed_attributes", TUNED): (*_COPIED, "title_rank", "attributes_told", "slot_errors"),
}
