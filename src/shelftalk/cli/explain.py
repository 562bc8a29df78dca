"""`shelftalk explain` and `ask --explain`: the sources of each part of a description."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    AttributeOption,
    EngineOption,
    GroundedOption,
    JsonOption,
    ReferencesOption,
    RunArgument,
    TextArgument,
    WorkspaceOption,
    open_run,
    parse_attributes,
    require_text,
    with_settings,
)
from shelftalk.errors import UserError
from shelftalk.records import Comparison, Reference
from shelftalk.settings import DecodingSettings

if TYPE_CHECKING:
    from shelftalk.runs.run import Run

SUPPORTS = {
    "title": "the title",
    "attribute": "attribute",
    "reference": "reference",
    "contradicted": "nothing; contradicted by attribute",
    "none": "nothing",
}
SHOWN = 8  # lines of each kind


@with_settings(DecodingSettings)
def explain(
    run: RunArgument,
    text: TextArgument,
    settings: DecodingSettings,
    attribute: AttributeOption = None,
    references: ReferencesOption = 3,
    description: Annotated[
        str | None, typer.Option("--description", help="Explain this description instead of writing one.")
    ] = None,
    influence: Annotated[
        bool, typer.Option("--influence/--no-influence", help="Estimate which training rows pushed the model to this.")
    ] = True,
    grounded: GroundedOption = False,
    engine: EngineOption = "automatic",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Describe a product, and show the sources of the description.

    Three separate things: similar products (near in meaning), copied spans (verbatim in training descriptions), and
    influence (an estimate from gradients). Also each checkable claim, with what supports it.
    """
    require_text(text)
    if description is not None:
        require_text(description, "--description", "the text to explain")
        if grounded:
            raise UserError("--grounded writes a description, and --description gives one; leave one of them out.")
    opened = open_run(workspace, run)
    from shelftalk import proof
    from shelftalk.cli import output

    attributes = parse_attributes(opened, attribute)
    with output.step(f"Explaining {text[:40]}") as progress:
        found = proof.explain(
            opened,
            text,
            settings,
            references,
            description,
            influence,
            grounded,
            engine,
            progress,
            output.say,
            attributes,
        )
    if as_json:
        output.print_json(found)
        return
    output.show_references([Reference(**one) for one in found["references"]])
    show_evidence(found["tuned"]["text"], found, found["attributes"])


def find_evidence(run: Run, answer: Comparison) -> dict[str, Any]:
    """Return the spans and claims of the answer after fine-tuning."""
    from shelftalk import proof

    attributes = tuple(answer.attributes.items())
    return proof.find_evidence(run, answer.tuned.text, answer.query, answer.references, attributes)


def show_evidence(text: str, evidence: dict[str, Any], attributes: Collection[str] = ()) -> None:
    """Print a description with its claims in colour, the claims, the copied spans, and the influence if known.

    `attributes` are the names of the product's attributes, of which it says how many are told.
    """
    from rich.text import Text

    from shelftalk.cli.output import CLAIM_STYLES, out, plain, show_rows
    from shelftalk.evidence.unchecked import not_checked

    shown = Text(plain(text))
    for claim in evidence["claims"]:
        shown.stylize(CLAIM_STYLES[claim["support"]], claim["start"], claim["end"])
    out.print()
    out.print(shown)
    out.print()
    show_rows(
        [{"claim": one["text"], "kind": one["kind"], "supported by": _support(one)} for one in evidence["claims"]],
        not_checked(evidence["language"]) or "No checkable claims.",
    )
    if attributes:
        untold = ", ".join(name for name in attributes if name not in evidence["told"])
        rest = f"; not told: {untold}" if untold else ""
        line = f"Attributes told: {len(evidence['told'])} of {len(attributes)}{rest}."
        out.print(plain(line), markup=False, soft_wrap=True)
    out.print()
    show_rows(
        [
            {"copied words": one["text"], "in training texts": one["count"], "for instance": one["places"][0]["title"]}
            for one in evidence["spans"][:SHOWN]
        ],
        "No spans copied from training descriptions.",
    )
    if evidence.get("influence"):
        out.print()
        show_rows(
            [
                {"influence (estimate)": f"{one['score']:+.2e}", "training product": one["title"]}
                for one in evidence["influence"][:SHOWN]
            ],
            "",
        )


def _support(claim: dict[str, Any]) -> str:
    where = f" {claim['where']}" if claim["where"] else ""
    return SUPPORTS[claim["support"]] + where
