"""What the public face returns, besides the records that the stages exchange: frozen, and with documented fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whose modules load numpy or torch
    from shelftalk.claims.found import Claim
    from shelftalk.evidence.influence import Influence
    from shelftalk.evidence.spans import Span
    from shelftalk.records import Reference


@dataclass(frozen=True)
class Evidence:
    """The sources of a text.

    `spans` are the passages that it copied, word for word, from training descriptions: each has `start`, `end`, `text`,
    `words`, `count` (of the descriptions that hold it) and `places` (the first of them). `claims` are its checkable
    facts: `start`, `end`, `text`, `kind`, `support` ("title", "attribute", "reference", "none" or "contradicted") and
    `where`; None in a language whose claims are not checked. `told` are the names of the attributes that it tells,
    `references` the training products nearest to the title. `influence` are the training products that moved the model
    towards the text, highest `score` first: an estimate; None unless asked for.
    """

    spans: tuple[Span, ...]
    claims: tuple[Claim, ...] | None
    told: tuple[str, ...]
    references: tuple[Reference, ...]
    influence: tuple[Influence, ...] | None


@dataclass(frozen=True)
class Measure:
    """One measure before and after fine-tuning.

    `interval` is the 95 % interval of the `difference`, and `verdict` what it shows: "better", "worse", "changed" if
    neither is better, or "not shown" where zero lies in it. Both are None for under twenty products.
    """

    before: float
    after: float
    difference: float
    interval: tuple[float, float] | None
    verdict: str | None


@dataclass(frozen=True)
class Evaluation:
    """What fine-tuning changed on `products` held-out products.

    `measures` are those that docs/guide.md explains, by name, such as "bits_per_byte" or "attributes_told". `report`
    is the page with all figures, `result` everything of it, as in report/evaluation.json, whose keys may change.
    """

    products: int
    measures: Mapping[str, Measure]
    report: Path
    result: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class DescribedFile:
    """A file of descriptions that `Run.describe_file` wrote.

    Of its `rows`, `described` have a text. `flags` counts texts that are "empty", "repetitive" or "cut", `faults` those
    with claims that are "unsupported" or "contradicted" (both None in a language whose claims are not checked),
    attributes "untold", or "broken_rules"; `left_out` counts the rows without a text, by reason.
    """

    output: Path
    rows: int
    described: int
    flags: Mapping[str, int]
    faults: Mapping[str, int | None]
    left_out: Mapping[str, int]


def evaluation_of(result: dict[str, Any], report: Path) -> Evaluation:
    """Return the result of `proof.evaluate_run`; without both sides it has no measures."""
    from shelftalk.evaluation.ways import BASE, TUNED

    found = [one["measures"] for one in result["differences"] if (one["before"], one["after"]) == (BASE, TUNED)]
    measures = {
        name: Measure(
            result[BASE][name],
            result[TUNED][name],
            one["difference"],
            tuple(one["interval"]) if one["interval"] else None,
            one["verdict"],
        )
        for name, one in (found[0] if found else {}).items()
    }
    return Evaluation(result["n"], measures, report, result)


def described_file(summary: dict[str, Any]) -> DescribedFile:
    """Return the summary of `pipeline.write_catalogue`."""
    return DescribedFile(
        Path(summary["output"]),
        summary["rows"],
        summary["described"],
        summary["flags"],
        summary["faults"],
        {reason: one["count"] for reason, one in summary["bad_rows"].items()},
    )
