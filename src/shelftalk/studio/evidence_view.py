"""Show the evidence for an answer: the support of each claim, copied spans, and influential training rows."""

from __future__ import annotations

from typing import Any

import pandas
import streamlit as st

from shelftalk import proof
from shelftalk.records import Comparison
from shelftalk.runs.run import Run
from shelftalk.studio.answers import show_marked
from shelftalk.studio.language import language_name, number, text
from shelftalk.studio.session import remember, workspace
from shelftalk.studio.show import errors_shown, show_failed, watch_task
from shelftalk.studio.tasks import read_task, start_task

SUPPORTS = ("title", "attribute", "reference", "contradicted", "none")
SPANS_SHOWN = 10
ROWS_SHOWN = 10


def show_evidence(run: Run, shown: dict[str, Any]) -> None:
    """Show the evidence for the answer after fine-tuning; it is computed once and stored in `shown`."""
    comparison: Comparison = shown["comparison"]
    answer = comparison.tuned.text
    st.subheader(text("evidence.title"))
    st.caption(text("evidence.help"))
    if not answer:
        return
    if "evidence" not in shown:
        attributes = tuple(comparison.attributes.items())
        shown["evidence"] = proof.find_evidence(run, answer, comparison.query, comparison.references, attributes)
        remember("shown", shown)
    found = shown["evidence"]
    if not found["claims_checked"]:
        st.info(text("evidence.not_checked", language=language_name(found["language"])), icon=":material/translate:")
    else:
        _supports(answer, shown, comparison)
    _told(found["told"], comparison)
    _spans(found["spans"])
    with errors_shown():
        _influence(run, comparison)


def _supports(answer: str, shown: dict[str, Any], comparison: Comparison) -> None:
    """Show the answer with its claims marked, and what supports each."""
    found = shown["evidence"]
    counts = {one: sum(claim["support"] == one for claim in found["claims"]) for one in SUPPORTS}
    facts = [text(f"evidence.by_{one}", count=number(count)) for one, count in counts.items()]
    show_marked(text("evidence.claims"), _pieces(answer, found["claims"]), facts, f"claims-{shown['number']}")
    _claims(found["claims"], comparison)


def _pieces(answer: str, claims: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Split an answer into (piece, support) pairs: its claims, and the text between them with support ""."""
    pieces, position = [], 0
    for claim in claims:
        pieces += [(answer[position : claim["start"]], ""), (answer[claim["start"] : claim["end"]], claim["support"])]
        position = claim["end"]
    return [*pieces, (answer[position:], "")]


def _claims(claims: list[dict[str, Any]], comparison: Comparison) -> None:
    if not claims:
        st.write(text("evidence.no_claims"))
        return
    titles = {one.uid: one.title for one in comparison.references}
    rows = [
        {
            text("evidence.claim"): claim["text"],
            text("evidence.kind"): text(f"claim.{claim['kind']}"),
            text("evidence.support"): text(f"support.{claim['support']}"),
            text("evidence.source"): titles.get(claim["where"], claim["where"] or ""),
        }
        for claim in claims
    ]
    st.dataframe(pandas.DataFrame(rows), hide_index=True)


def _told(told: list[str], comparison: Comparison) -> None:
    """Say how many of the given attributes the answer tells, and which it does not."""
    if not comparison.attributes:
        return
    counts = {"told": number(len(told)), "all": number(len(comparison.attributes))}
    missing = ", ".join(name for name in comparison.attributes if name not in told)
    st.text(text("evidence.told_not", **counts, missing=missing) if missing else text("evidence.told", **counts))


def _spans(spans: list[dict[str, Any]]) -> None:
    st.markdown(f"**{text('evidence.spans')}**")
    if not spans:
        st.write(text("evidence.no_spans"))
        return
    rows = [
        {
            text("evidence.span"): span["text"],
            text("evidence.words"): span["words"],
            text("evidence.count"): span["count"],
            text("evidence.where"): span["places"][0]["title"],
        }
        for span in spans[:SPANS_SHOWN]
    ]
    st.dataframe(pandas.DataFrame(rows), hide_index=True)


def _influence(run: Run, comparison: Comparison) -> None:
    """Offer to estimate influence, which takes a minute in a separate process, and show the result."""
    answer = comparison.tuned.text
    about = {"query": comparison.query, "attributes": comparison.attributes, "text": answer}
    name = f"influence-{run.name}"
    task = read_task(workspace(), name)
    st.markdown(f"**{text('evidence.influence')}**")
    st.caption(text("evidence.influence_help"))
    if task.status == "running":
        watch_task(name, text("evidence.estimating"))
    elif task.status == "failed" and task.about == about:
        show_failed(name, task)
    elif task.status == "done" and task.about == about:
        rows = [
            {text("evidence.score"): f"{one['score']:+.1e}", text("evidence.where"): one["title"]}
            for one in task.result["influence"][:ROWS_SHOWN]
        ]
        st.dataframe(pandas.DataFrame(rows), hide_index=True)
    elif st.button(text("evidence.estimate"), icon=":material/network_node:"):
        # A question that starts with a hyphen would be parsed as an option; a command line cannot contain NUL.
        given = [f"--attribute={name}={value}" for name, value in comparison.attributes.items()]
        arguments = ["explain", run.name, f" {comparison.query}", f"--description={answer}", *given]
        start_task(workspace(), name, [one.replace("\0", "\ufffd") for one in arguments], about)
        st.rerun()
