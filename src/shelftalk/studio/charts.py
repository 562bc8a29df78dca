"""Charts of a run and of a catalogue, drawn by the browser, with colours for the light and the dark theme.

Every series differs in dash or shape too, for colour-blind users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair
import pandas
import streamlit as st

from shelftalk.studio.language import current, text
from shelftalk.studio.options import INK

COLOURS = ["#ea580c", "#0891b2", "#8b5cf6", "#65a30d", "#db2777", "#ca8a04", "#3b82f6", "#78716c"]
HEIGHT = 260
SMOOTH = 20  # points over which a loss is averaged
# How Vega writes numbers, which does not know the language of the page.
NUMBERS = {"pt-BR": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["R$ ", ""]}}


def loss_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]], height: int = HEIGHT) -> None:
    """Draw smoothed training losses and validation losses of runs over updates; `runs` maps names to metrics."""
    rows = [row for name, metrics in runs.items() for row in _losses(name, metrics)]
    if not rows:
        st.caption(text("chart.no_points"))
        return
    frame = pandas.DataFrame(rows)
    kinds = [text("chart.training"), text("chart.validation")]
    several = len(runs) > 1
    colour = altair.Color(
        "run:N" if several else "kind:N",
        title=None,
        scale=altair.Scale(range=COLOURS),
        legend=altair.Legend(orient="top") if several or frame["kind"].nunique() > 1 else None,
    )
    base = altair.Chart(frame).encode(
        x=altair.X("step:Q", title=text("chart.updates"), axis=altair.Axis(tickMinStep=1, format="d")),
        y=altair.Y("loss:Q", title=text("chart.loss"), scale=altair.Scale(zero=False)),
        color=colour,
        tooltip=["run", "kind", "step", altair.Tooltip("loss", format=".3f")],
    )
    lines = base.mark_line(interpolate="monotone").encode(
        strokeDash=altair.StrokeDash("kind:N", title=None, sort=kinds, legend=None)
    )
    dots = base.mark_point(filled=True, size=55, aria=False).transform_filter(altair.datum.kind == kinds[1])
    _draw(lines + dots, height)


def histogram(found: Mapping[str, Any], max_tokens: int) -> None:
    """Draw a histogram of row lengths in tokens, with a line at `max_tokens`."""
    step, counts = found["step"], found["rows"]
    frame = pandas.DataFrame({"from": [step * index for index in range(len(counts))], "rows": counts})
    frame["to"] = frame["from"] + step
    bars = (
        altair.Chart(frame)
        .mark_bar(color=COLOURS[1])
        .encode(
            x=altair.X("from:Q", bin="binned", title=text("chart.tokens")),
            x2="to:Q",
            y=altair.Y("rows:Q", title=text("chart.products")),
            tooltip=["from", "to", "rows"],
        )
    )
    line = (
        altair.Chart(pandas.DataFrame({"at": [max_tokens]}))
        .mark_rule(color=COLOURS[0], strokeWidth=3, strokeDash=[6, 3])
        .encode(x="at:Q")
    )
    _draw(bars + line, HEIGHT)


def intervals(rows: Sequence[tuple[str, float, Sequence[float] | None]], format: str) -> None:
    """Draw (label, score, interval) rows as points with lines for the intervals, one below the other, in order."""
    frame = pandas.DataFrame(
        [(label, value, *(bounds or (value, value))) for label, value, bounds in rows],
        columns=["side", "value", "low", "high"],
    )
    ink = INK.get(st.context.theme.type or "light")  # Vega's default is black, also in the dark theme
    base = altair.Chart(frame).encode(
        y=altair.Y("side:N", title=None, sort=None, axis=altair.Axis(labelLimit=180, ticks=False, domain=False))
    )
    scale = altair.Scale(zero=False, nice=False, padding=24)
    x = altair.X("value:Q", title=None, scale=scale, axis=altair.Axis(format=format, tickCount=4, grid=True))
    lines = base.mark_rule(color=COLOURS[0], strokeWidth=2).encode(
        x=altair.X("low:Q", title=None, scale=scale), x2="high:Q"
    )
    points = base.mark_point(filled=True, opacity=1, size=70, color=COLOURS[0]).encode(
        x=x, tooltip=[altair.Tooltip(one, format=format) for one in ("value", "low", "high")]
    )
    labels = base.mark_text(dy=-10, fontSize=10, color=ink).encode(x=x, text=altair.Text("value:Q", format=format))
    _draw(lines + points + labels, 30 + 32 * len(rows))


def _draw(chart: Any, height: int) -> None:
    if numbers := NUMBERS.get(current()):
        chart = chart.configure(locale={"number": numbers})
    st.altair_chart(chart.properties(height=height), width="stretch")


def _losses(run: str, metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of run, kind, step and loss; training losses are a moving average of the last points."""
    train = [(one["step"], one["loss"]) for one in metrics if "loss" in one]
    window = max(1, min(SMOOTH, len(train) // 10))
    rows = []
    for index, (step, _) in enumerate(train):
        near = [loss for _, loss in train[max(0, index - window + 1) : index + 1]]
        rows.append({"run": run, "kind": text("chart.training"), "step": step, "loss": sum(near) / len(near)})
    rows += [
        {"run": run, "kind": text("chart.validation"), "step": one["step"], "loss": one["validation_loss"]}
        for one in metrics
        if "validation_loss" in one
    ]
    return rows
