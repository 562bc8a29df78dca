"""Compose the report of an evaluation, independently of its output format.

A report is a list of blocks, see `blocks`, which `render` turns into one HTML file or into Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shelftalk.claims.find import UNSUPPORTED
from shelftalk.evaluation.blocks import Block, Heading, Mark, Paragraph, Plot, Quote, Table
from shelftalk.evaluation.directions import DIRECTIONS
from shelftalk.evaluation.measures import ABOVE, MEASURES
from shelftalk.evaluation.ways import BASE, BASELINES, TRUE, TUNED
from shelftalk.evidence.unchecked import not_checked
from shelftalk.generation.folded import fold
from shelftalk.generation.history import attributes_in_line

WAYS = {
    "base": "before",
    "base_references": "before + references",
    "source": "the run it began from",
    "tuned": "after",
    "tuned_references": "after + references",
    "tuned_grounded": "after, grounded",
    "nearest_description": "nearest product's text",
    "random_description": "a random product's text",
    "unrelated_text": "unrelated text, as long",
    "repeated_title": "the title repeated",
    "listed_attributes": "the attributes listed",
    "true_description": "the true description",
}
NAMES = {
    "title_rank": "about its own product",
    "chrf_above": "chrF++ above other products",
    "rouge_l_above": "ROUGE-L above other products",
    "similarity_above": "meaning above other products",
    "unsupported_per_100_words": "unsupported claims per 100 words",
    "attributes_told": "attributes told",
    "slot_errors": "errors per attribute",
    "rules_broken": "house rules broken",
    "bits_per_byte": "bits per byte",
    "chrf": "chrF++",
    "rouge_l": "ROUGE-L",
    "similarity": "similarity of meaning",
    "stop_rate": "stops by itself",
    "length_ratio": "length ratio",
    "repetition": "repeated four-word runs",
    "distinct_2": "different word pairs",
    "verbatim_share": "copied from training texts",
}
_ABOVE = (
    "{} with the product's true description, minus that with another one's of about the same length, which is the "
    "floor: a text that says nothing of its own product has 0"
)
MEANINGS = {
    "title_rank": "mean of 1 / rank of the product's title among the titles of all measured products, the most similar "
    "to the text first (all-MiniLM-L6-v2): 1 if every text is nearest to its own title",
    "chrf_above": _ABOVE.format("chrF++"),
    "rouge_l_above": _ABOVE.format("ROUGE-L"),
    "similarity_above": _ABOVE.format("similarity of meaning"),
    "unsupported_per_100_words": "sizes, counts, materials, colours, names and the like that neither title nor "
    "attributes nor references state, or that an attribute contradicts",
    "attributes_told": "share of the products' attributes whose value the text states",
    "slot_errors": "values of the product's attributes that the text lacks, word for word, and values of other "
    "products that it has, for each attribute; it uses no rule of the claims' check",
    "rules_broken": "places where a text breaks a house rule of the catalogue, for each text",
    "bits_per_byte": "cross-entropy of the true descriptions, given their titles and attributes",
    "chrf": "characters and words shared with the true description, 0 to 100; grows with the text's length",
    "rouge_l": "the longest common sequence of words with the true description, 0 to 1",
    "similarity": "cosine of the text and the true description under all-MiniLM-L6-v2",
    "stop_rate": "share of texts that the model ended itself; with references also by beginning the next product",
    "length_ratio": "words written for each word of the true descriptions",
    "repetition": "share of runs of four words that occurred before in the same text",
    "distinct_2": "share of distinct pairs of words among all pairs in a way's texts; longer texts have fewer",
    "verbatim_share": "share of the words in spans that occur verbatim in a training description",
}
_CLAIMS_EXPLAINED = (
    " Unsupported claims are found by rules, without a judge model. A claim that a reference supports may be false of "
    "this product. Grounded texts were selected for few unsupported claims: that figure only shows that the selection "
    "works."
)
BETTER = {"less": "less is better", "more": "more is better", None: "neither is better"}


def report(run: str, what: Mapping[str, str], result: Mapping[str, Any], warnings: Sequence[str] = ()) -> list[Block]:
    """Return the report of the run named `run`.

    `what` are its first rows, by label; `result` is from `evaluate`; the `warnings` stand before everything else.
    """
    order = result["order"]
    measured = [name for name in MEASURES if any(name in result[way] for way in order)]
    return [
        Heading(f"What fine-tuning changed: {run}", 1),
        *map(Paragraph, warnings),
        Table(["", ""], [*what.items(), *_circumstances(result).items()]),
        *_in_short(result),
        *_verdicts(result),
        *_baselines(result),
        Heading("Every way of writing"),
        Paragraph(_intervals_explained(result)),
        Table(["", *(WAYS[way] for way in order)], _scores(result, measured)),
        *(_plot(result, name) for name in measured),
        Heading("Differences"),
        *(block for one in result["differences"] for block in _difference(one)),
        *_elsewhere(result),
        *_leaks(result),
        *_examples(result),
        Heading("How to read the measures"),
        Table(
            ["measure", "what it is", ""],
            [(NAMES[name], MEANINGS[name], BETTER[DIRECTIONS[name]]) for name in measured],
        ),
        *_language(result),
        Paragraph(
            "A text with good scores may still be wrong: no measure here checks the facts."
            + ("" if claims_not_checked(result) else _CLAIMS_EXPLAINED)
        ),
    ]


def _language(result: Mapping[str, Any]) -> list[Block]:
    if said := claims_not_checked(result):
        return [Paragraph(said)]
    # Of earlier versions: `english`, or nothing.
    if result.get("language", "en" if result.get("english", True) else ""):
        return []
    return [
        Paragraph(
            "These descriptions do not look English, and no other language is known of them: unsupported claims are "
            "found by rules for English, so their number says little here."
        )
    ]


def claims_not_checked(result: Mapping[str, Any]) -> str | None:
    """Return a sentence on a result in whose language claims are not checked; None for others."""
    return not_checked(result.get("language") or "en")


def _circumstances(result: Mapping[str, Any]) -> dict[str, str]:
    decoding = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result["decoding"].items())
    return {
        "held-out products": str(result["n"]),
        "references for each": str(result["references"]),
        "mean words of the true descriptions": f"{result['reference_words']:g}",
        "written by": result["engine"],
        "decoding": decoding,
    }


def _in_short(result: Mapping[str, Any]) -> list[Block]:
    """Return the main figures before and after as sentences, with those of people's own texts, where they exist."""
    if not {BASE, TUNED, TRUE} <= set(result["order"]):
        return []
    before, after, people = (result[way] for way in (BASE, TUNED, TRUE))
    lines = []
    if "unsupported_per_100_words" in after:
        lines.append(
            f"In 100 words there were {before['unsupported_per_100_words']:.1f} claims before fine-tuning that no "
            f"source states, and {after['unsupported_per_100_words']:.1f} after; people's own texts have "
            f"{people['unsupported_per_100_words']:.1f}."
        )
    if "attributes_told" in after:
        lines.append(
            f"The texts told {before['attributes_told']:.1%} of the attributes before, and "
            f"{after['attributes_told']:.1%} after; people's own tell {people['attributes_told']:.1%}."
        )
    if "chrf_above" in after:
        lines.append(
            f"After fine-tuning a text shares {after['chrf']:.1f} of 100 (chrF++) with its own product's true "
            f"description, and {after['chrf'] - after['chrf_above']:.1f} with another product's."
        )
    return [Paragraph(" ".join(lines))] if lines else []


def _baselines(result: Mapping[str, Any]) -> list[Block]:
    """Return a table of the measures in which fine-tuning beats each baseline, and in which it does not."""
    rows = []
    for one in result["differences"]:
        if one["before"] not in BASELINES or result["too_few"]:
            continue
        found = (
            ", ".join(NAMES[name] for name, change in one["measures"].items() if change["verdict"] == verdict)
            for verdict in ("better", "worse")
        )
        rows.append([WAYS[one["before"]], *(names or "nothing" for names in found)])
    return [Table(["against texts without a model", "after is better in", "worse in"], rows)] if rows else []


def _verdicts(result: Mapping[str, Any]) -> list[Block]:
    """Return sentences about which differences between before and after are shown, and which are not."""
    if result["too_few"]:
        return [Paragraph(result["too_few"])]
    found = next((one for one in result["differences"] if (one["before"], one["after"]) == (BASE, TUNED)), None)
    if found is None:
        return []
    by_verdict: dict[str, list[str]] = {"better": [], "worse": [], "changed": [], "not shown": []}
    for name, one in found["measures"].items():
        by_verdict[one["verdict"]].append(NAMES[name])
    begin = {
        "better": "Shown to be better after fine-tuning",
        "worse": "Shown to be worse",
        "changed": "Shown to have changed, which is neither better nor worse",
        "not shown": "Not shown to differ (zero lies inside the interval)",
    }
    return [Paragraph(f"{begin[key]}: {', '.join(names)}.") for key, names in by_verdict.items() if names]


def _intervals_explained(result: Mapping[str, Any]) -> str:
    if result["too_few"]:
        return f"Scores over n = {result['n']} held-out products, without intervals."
    return (
        f"Scores over n = {result['n']} held-out products, with the interval in which 95 % of {result['samples']} "
        "resamplings of the products lie (paired bootstrap). The intervals do not include the variation between seeds "
        "and trainings. Many differences are tested, without correction: of twenty differences that do not exist, "
        "about one will appear as shown."
    )


def _scores(result: Mapping[str, Any], measured: Sequence[str]) -> list[list[str]]:
    rows = []
    for name in measured:
        measure, cells = MEASURES[name], []
        for way in result["order"]:
            bounds = (result["intervals"] or {}).get(way, {}).get(name)
            score = result[way].get(name)
            cells.append("–" if score is None else number(score, measure.digits) + span(bounds, measure.digits))
            if score is not None and name in ABOVE:
                cells[-1] += f", floor {number(result[way][ABOVE[name]] - score, measure.digits)}"
        rows.append([f"{NAMES[name]} ({BETTER[DIRECTIONS[name]]})", *cells])
    return rows


def _plot(result: Mapping[str, Any], name: str) -> Plot:
    rows = [
        (WAYS[way], result[way][name], (result["intervals"] or {}).get(way, {}).get(name))
        for way in result["order"]
        if name in result[way]
    ]
    return Plot(f"{NAMES[name]} ({BETTER[DIRECTIONS[name]]})", rows, min(3, MEASURES[name].digits))


def _difference(one: Mapping[str, Any]) -> list[Block]:
    rows = [
        [
            NAMES[name],
            f"{found['difference']:+.{MEASURES[name].digits}f}",
            span(found["interval"], MEASURES[name].digits).strip() or "–",
            found["verdict"] or "too few products",
        ]
        for name, found in one["measures"].items()
    ]
    sides = f"from {WAYS[one['before']]} to {WAYS[one['after']]}"
    return [Table([sides, "difference", "95 % interval", "what is shown"], rows)]


def _elsewhere(result: Mapping[str, Any]) -> list[Block]:
    rows = [
        [
            one["name"],
            str(one["n"]),
            number(one["base"], 4),
            number(one["tuned"], 4),
            f"{one['difference']:+.4f}{span(one['interval'], 4)}",
            one["verdict"] or "too few texts",
        ]
        for one in result["elsewhere"]
    ]
    return [
        Heading("What it cost elsewhere"),
        Paragraph("Bits per byte, less is better, of texts of other kinds, which show what the model has forgotten."),
        Table(["text", "pieces", "before", "after", "difference", "what is shown"], rows),
    ]


def _leaks(result: Mapping[str, Any]) -> list[Block]:
    leaks, earlier = result["leaks"], earlier_seen(result)
    first: list[Block] = [Heading("Leak check"), *([Paragraph(earlier)] if earlier else [])]
    if not leaks:
        found = (
            "No held-out product repeats a training product: none shares 0.8 of the words of both titles, or has 0.8 "
            "of its description's sequences of three words in one training description."
        )
        return [*first, Paragraph(found)]
    return [
        *first,
        Paragraph(
            f"Set aside, and in no figure here: {len(leaks)} of the test split that repeat, or nearly repeat, what the "
            "run trained on."
        ),
        Table(
            ["product", "repeats", "in its", "similarity"],
            [[one["uid"], one["trained"], one["field"], f"{one['similarity']:.2f}"] for one in leaks],
        ),
    ]


def earlier_seen(result: Mapping[str, Any]) -> str | None:
    """Return what is known of held-out products that an earlier run trained on, in sentences; None without one."""
    found = result.get("earlier") or {"seen": 0}  # results of earlier versions do not say
    sentences = []
    if found["seen"]:
        sentences.append(
            f"{found['seen']} of {found['held_out']} held-out products were trained on by an earlier run in this base. "
            "They were set aside, and are in no figure here."
        )
    if not found.get("known", True):
        sentences.append(
            "What an earlier run in this base trained on is not known, so products that are measured here may be among "
            "it. Export that base again from its run, and evaluate again."
        )
    return " ".join(sentences) or None


def _examples(result: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = [
        Heading("Examples"),
        Paragraph(
            "The first measured products, without selection. "
            + (claims_not_checked(result) or "Unsupported claims are marked.")
        ),
    ]
    for one in result["examples"]:
        blocks.append(Quote("title", one["title"], is_title=True))
        if attributes := attributes_in_line(one):
            blocks.append(Quote("attributes", attributes))
        blocks.append(Quote("true description", one["true"]))
        for way, written in one["written"].items():
            if way in (*BASELINES, TRUE):
                continue
            shown, empty, repeated = fold(written["text"])
            if empty + repeated:
                blocks.append(Quote(WAYS[way], f"{shown} [{empty + repeated} empty or repeated lines not shown]", []))
                continue
            marked = [
                Mark(claim["start"], claim["end"]) for claim in written["claims"] if claim["support"] in UNSUPPORTED
            ]
            blocks.append(Quote(WAYS[way], written["text"], marked))
    return blocks if len(blocks) > 2 else []


def number(value: float, digits: int) -> str:
    """Format a score."""
    return f"{value:.{digits}f}"


def span(bounds: Sequence[float] | None, digits: int) -> str:
    """Format an interval, with a space before it; an empty string if there is none."""
    return f" [{number(bounds[0], digits)}, {number(bounds[1], digits)}]" if bounds else ""
