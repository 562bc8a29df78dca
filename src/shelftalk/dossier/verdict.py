"""Say in one sentence whether the texts of a measured run may be used."""

from __future__ import annotations

from typing import Any

from shelftalk.dossier.facts import changes, is_checked_in
from shelftalk.evaluation.ways import TUNED
from shelftalk.translations.words import Words

OWN = ("chrf_above", "similarity_above", "rouge_l_above", "title_rank")  # what a text says of its own product
OFTEN = 0.5  # unsupported claims in a text, from which a person has to correct every other one


def verdict(result: dict[str, Any], words: Words) -> str:
    """Return whether the texts may be used, from the first measure of `OWN` there is, and from unsupported claims."""
    if result["too_few"]:
        return words.text("dossier.measures.too_few", n=words.number(result["n"]))
    found = changes(result)
    shown = next((found[name]["verdict"] for name in OWN if name in found), "not shown")
    if shown == "worse":
        return words.text("dossier.measures.worse")
    if shown != "better":
        return words.text("dossier.measures.no_gain")
    after = result[TUNED]
    if not is_checked_in(result) or "unsupported_per_100_words" not in after:
        return words.text("dossier.measures.drafts_unknown")
    per_100 = after["unsupported_per_100_words"]
    each = per_100 / 100 * result["reference_words"] * after.get("length_ratio", 1.0)
    rate = words.number(per_100, 2)
    if not each:
        return words.text("dossier.measures.drafts_none", n=words.number(result["n"]))
    if each > OFTEN:
        return words.text("dossier.measures.drafts_many", rate=rate, each=words.number(each, 1))
    return words.text("dossier.measures.drafts_few", rate=rate, texts=words.number(round(1 / each)))
