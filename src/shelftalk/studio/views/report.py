"""Report: what fine-tuning changed, as pictures and tables that can be printed."""

from __future__ import annotations

from typing import Any

import pandas
import streamlit as st

from shelftalk import pipeline
from shelftalk.settings import TrainingSettings
from shelftalk.studio import charts
from shelftalk.studio.answers import facts_of, show_answer
from shelftalk.studio.forms import written
from shelftalk.studio.language import number, percent, setting_label, text
from shelftalk.studio.session import choose, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error, show_quote, watch_task
from shelftalk.studio.tasks import read_task, start_task
from shelftalk.studio.training_view import POINTS, finished_runs
from shelftalk.training.run import Run
from shelftalk.training.state import read_metrics
from shelftalk.workspace import read_json

# Of each measure: Vega's format for the picture, and whether less is better; what is neither is None.
MEASURES = {
    "bits_per_byte": (".3f", True),
    "chrf": (".1f", False),
    "stop_rate": (".0%", False),
    "repetition": (".1%", True),
    "mean_words": (".0f", None),
}
# On paper: the report alone, on white, no card torn between two pages. A constant, never a text of the data.
PRINT = """<style>@page { margin: 15mm; }
@media print {
[data-testid=stSidebar], [data-testid=stHeader], .st-key-screen, .st-key-screen-end { display: none !important; }
[data-testid=stApp] { background: white; }
[data-testid=stMainBlockContainer] { padding: 0; max-width: none; }
[data-testid=stVerticalBlock], [data-testid=stElementContainer] { break-inside: auto; }
[data-testid=stHeading] { break-after: avoid; }
}</style>"""
PRODUCTS = (20, 50, 100, 200)


def show() -> None:
    """Draw the page."""
    st.html(PRINT)
    st.write(text("report.intro"))
    finished = finished_runs()
    if not finished:
        show_empty("report.no_run", "fine_tune")
        return
    with st.container(key="screen"):
        run = Run.open(workspace(), choose("run", text("runs.choose"), finished))
        with errors_shown():
            _evaluate(run)
    result = pipeline.read_evaluation(run.folder)
    st.header(text("report.of", run=run.name))
    st.text(text("report.what", catalogue=run.description["catalogue"], base=run.description["base"]["name"]))
    if result:
        _measures(result)
    _examples(run)
    st.subheader(text("report.curve"))
    charts.loss_curves({run.name: read_metrics(run.folder, POINTS)})
    _votes(run)
    _settings(run)
    with st.container(key="screen-end"):
        st.caption(text("report.print"))


def _evaluate(run: Run) -> None:
    """Offer to measure, and show how far a measurement is."""
    name = f"evaluate-{run.name}"
    task = read_task(workspace(), name)
    if task.status == "running":
        watch_task(name, text("report.measuring"))
        return
    if task.status == "failed":
        show_error(task.error or text("error.ended"))
    none = pipeline.read_evaluation(run.folder) is None
    with st.container(border=True):
        if none:
            st.markdown(f"**{text('report.none')}**")
        count_place, button_place = st.columns([2, 1], vertical_alignment="bottom")
        available = run.catalogue().count("test")
        counts = [*[count for count in PRODUCTS if count < available][:3], available]
        count = counts[0]
        if len(counts) > 1:
            count = count_place.select_slider(text("report.count"), counts, counts[1])
        label = text("report.measure") if none else text("report.again")
        if button_place.button(label, type="primary" if none else "secondary", width="stretch"):
            start_task(workspace(), name, ["evaluate", run.name, "--max-products", str(count)])
            st.rerun()


def _measures(result: dict[str, Any]) -> None:
    st.caption(text("report.n", n=number(result["n"])))
    for start in range(0, len(MEASURES), 3):
        for place, measure in zip(st.columns(3), list(MEASURES)[start : start + 3], strict=False):
            with place, st.container(border=True):
                format, less = MEASURES[measure]
                st.markdown(f"**{text(f'measure.{measure}')}**")
                charts.two_bars(result["base"][measure], result["tuned"][measure], format)
                better = "measure.less" if less else "measure.more" if less is not None else "measure.neither"
                words = {"words": number(result["reference_words"])} if less is None else {}
                st.caption(f"{text(f'measure.{measure}_help')} {text(better, **words)}")
    rows = {
        text(f"measure.{measure}"): {
            text("compare.before"): _written(format, result["base"][measure]),
            text("compare.after"): _written(format, result["tuned"][measure]),
            text("report.change"): _change(format, result["base"][measure], result["tuned"][measure]),
        }
        for measure, (format, _) in MEASURES.items()
    }
    st.table(pandas.DataFrame(rows).T)
    st.caption(text("report.no_interval"))


def _written(format: str, value: float) -> str:
    digits = int(format[1])
    return percent(value, digits) if format.endswith("%") else number(value, digits)


def _change(format: str, before: float, after: float) -> str:
    """Return the difference of two shares in points, of other figures as a part of the first one."""
    sign = "+" if after > before else ""
    if format.endswith("%"):
        return sign + text("report.points", points=number(100 * (after - before), int(format[1])))
    return f"{sign}{percent(after / before - 1, 1)}" if before else "–"


def _examples(run: Run) -> None:
    """Show the held-out products that the demo kept, where this run is the demo's."""
    path = run.folder / "report" / "demo.json"
    if not path.is_file():
        return
    st.subheader(text("report.examples"))
    for number_, one in enumerate(read_json(path)["pairs"]):
        product, comparison = one["product"], one["comparison"]
        st.text(product["title"])
        for column, side, name in zip(st.columns(2), ("base", "tuned"), ("before", "after"), strict=True):
            with column:
                facts = facts_of(comparison[side], product["title"])
                show_answer(text(f"compare.{name}"), comparison[side]["text"], None, facts, f"example-{number_}-{side}")
        show_quote(product["description"], text("compare.true"))


def _votes(run: Run) -> None:
    tally = pipeline.tally_votes(run)
    if not tally["n"]:
        return
    st.subheader(text("report.votes"))
    counts = {side: number(tally[side]) for side in ("base", "tuned", "neither")}
    st.write(text("compare.tally", **counts))
    if tally["interval"]:
        low, high = (percent(bound) for bound in tally["interval"])
        st.write(text("compare.interval", share=percent(tally["share"]), low=low, high=high))


def _settings(run: Run) -> None:
    st.subheader(text("report.settings"))
    values = run.settings.as_mapping()
    rows = {setting_label(TrainingSettings, name): written(name, value) for name, value in values.items()}
    table = pandas.DataFrame({text("runs.setting"): rows.keys(), text("runs.value"): rows.values()})
    st.dataframe(table, hide_index=True, height="content")
