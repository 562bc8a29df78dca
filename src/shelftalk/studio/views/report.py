"""The page Report: what fine-tuning changed, as charts and tables that can be printed."""

from __future__ import annotations

from typing import Any

import pandas
import streamlit as st

from shelftalk import proof
from shelftalk.evaluation import votes
from shelftalk.evaluation.directions import DIRECTIONS, FORMATS
from shelftalk.runs.metrics import read_metrics
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.studio import charts
from shelftalk.studio.answers import facts_of, show_answer
from shelftalk.studio.dossier_view import show_dossier
from shelftalk.studio.forms import written
from shelftalk.studio.language import language_name, number, percent, setting_label, text, words
from shelftalk.studio.session import choose, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error, show_quote, watch_task
from shelftalk.studio.tasks import read_task, start_task
from shelftalk.studio.training_view import POINTS, finished_runs, show_warnings
from shelftalk.workspace import read_json

COLUMNS = 2
VERDICTS = ("better", "worse", "changed", "not shown")
FILES = {"report.html": "text/html", "report.md": "text/markdown", "evaluation.json": "application/json"}
# In print: only the report, on white, with no page break inside a card. A constant, never a text of the data.
PRINT = """<style>@page { margin: 15mm; }
@media print {
[data-testid=stSidebar], [data-testid=stHeader], [class*=st-key-screen] { display: none !important; }
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
            show_dossier(run)
    result = proof.read_evaluation(run.folder)
    st.header(text("report.of", run=run.name))
    st.text(text("report.what", catalogue=run.description["catalogue"], base=run.description["base"]["name"]))
    show_warnings(run)
    if result:
        _measures(run, result)
    _examples(run)
    st.subheader(text("report.curve"))
    charts.loss_curves({run.name: read_metrics(run.folder, POINTS)})
    _votes(run)
    _settings(run)
    with st.container(key="screen-end"):
        st.caption(text("report.print"))


def _evaluate(run: Run) -> None:
    """Offer to evaluate the run, and show the progress of an evaluation."""
    name = f"evaluate-{run.name}"
    task = read_task(workspace(), name)
    if task.status == "running":
        watch_task(name, text("report.measuring"))
        return
    if task.status == "failed":
        show_error(task.error or text("error.ended"))
    none = proof.read_evaluation(run.folder) is None
    with st.container(border=True):
        if none:
            st.markdown(f"**{text('report.none')}**")
        count_column, button_column = st.columns([2, 1], vertical_alignment="bottom")
        available = run.catalogue().count("test")
        counts = [*[count for count in PRODUCTS if count < available][:3], available]
        count = counts[0]
        if len(counts) > 1:
            count = count_column.select_slider(text("report.count"), counts, counts[1])
        label = text("report.measure") if none else text("report.again")
        if button_column.button(label, type="primary" if none else "secondary", width="stretch"):
            start_task(workspace(), name, ["evaluate", run.name, "--max-products", str(count)])
            st.rerun()


def _measures(run: Run, result: dict[str, Any]) -> None:
    st.caption(text("report.n", n=number(result["n"])))
    if not result.get("claims_checked", True):
        st.info(text("evidence.not_checked", language=language_name(result["language"])), icon=":material/translate:")
    _verdicts(result)
    names = [name for name in FORMATS if any(name in result[way] for way in result["order"])]
    for start in range(0, len(names), COLUMNS):
        for column, name in zip(st.columns(COLUMNS), names[start : start + COLUMNS], strict=False):
            with column, st.container(border=True, height="stretch"):
                _chart(result, name)
    for one in result["differences"]:
        first = (one["before"], one["after"]) == ("base", "tuned")
        pair = " → ".join(text(f"way.{one[side]}") for side in ("before", "after"))
        with st.container() if first else st.expander(pair):
            st.markdown(f"**{pair}**")
            _differences(one["measures"], result, one["before"], one["after"])
    _other_texts(result)
    _leaks(result)
    with st.container(horizontal=True, key="screen-files"):
        for file, kind in FILES.items():
            path = run.folder / proof.REPORT / file
            if path.is_file():
                st.download_button(file, path.read_bytes(), f"{run.name}-{file}", kind, icon=":material/download:")


def _verdicts(result: dict[str, Any]) -> None:
    """List the measures by verdict of before and after: better, worse, changed, not shown."""
    if result["too_few"]:
        st.warning(text("report.too_few", n=number(result["n"])))
        return
    for one in result["differences"]:
        if (one["before"], one["after"]) == ("base", "tuned"):
            for kind in VERDICTS:
                found = [text(f"measure.{name}") for name, of in one["measures"].items() if of["verdict"] == kind]
                if found:
                    st.markdown(f"**{_shown(kind)}**: {', '.join(found)}")


def _chart(result: dict[str, Any], name: str) -> None:
    """Draw one measure of every way of writing, with intervals."""
    format = FORMATS[name]
    intervals = result["intervals"] or {}
    rows = [
        (text(f"way.{way}"), result[way][name], intervals.get(way, {}).get(name))
        for way in result["order"]
        if name in result[way]
    ]
    st.markdown(f"**{text(f'measure.{name}')}**")
    charts.intervals(rows, format)
    better = DIRECTIONS[name] or "neither"
    st.caption(f"{text(f'measure.{name}_help')} {text(f'measure.{better}')}")


def _differences(measures: dict[str, Any], result: dict[str, Any], before: str, after: str) -> None:
    rows = {}
    for name, of in measures.items():
        format = FORMATS[name]
        low_high = [words().score(format, bound) for bound in of["interval"] or ()]
        rows[text(f"measure.{name}")] = {
            text(f"way.{before}"): words().score(format, result[before][name]),
            text(f"way.{after}"): words().score(format, result[after][name]),
            text("report.interval"): text("report.bounds", low=low_high[0], high=low_high[1]) if low_high else "–",
            text("report.shown"): _shown(of["verdict"]),
        }
    st.table(pandas.DataFrame(rows).T)


def _other_texts(result: dict[str, Any]) -> None:
    st.subheader(text("report.elsewhere"))
    st.caption(text("report.elsewhere_help"))
    for one in result["elsewhere"]:
        name = text("report.general") if one["name"] == "general text" else one["name"]
        low_high = [number(bound, 3) for bound in one["interval"] or ()]
        bounds = text("report.bounds", low=low_high[0], high=low_high[1]) if low_high else "–"
        line = text(
            "report.elsewhere_line",
            before=number(one["base"], 3),
            after=number(one["tuned"], 3),
            bounds=bounds,
            verdict=_shown(one["verdict"]),
        )
        st.text(f"{name}: {line}")


def _leaks(result: dict[str, Any]) -> None:
    st.subheader(text("report.leaks"))
    if (earlier := result.get("earlier", {})).get("seen"):
        st.write(text("report.seen", count=number(earlier["seen"]), all=number(earlier["held_out"])))
    if not earlier.get("known", True):
        st.write(text("report.earlier_unknown"))
    if not result["leaks"]:
        st.write(text("report.no_leaks"))
        return
    st.write(text("report.leaked", count=number(len(result["leaks"]))))
    columns = {"uid": "leak_product", "trained": "leak_repeats", "similarity": "leak_similarity"}
    table = pandas.DataFrame(result["leaks"])[list(columns)]
    st.dataframe(table.rename(columns={one: text(f"report.{key}") for one, key in columns.items()}), hide_index=True)


def _shown(verdict: str | None) -> str:
    """Return a verdict in the current language; None means too few products."""
    return text(f"verdict.{(verdict or 'too few').replace(' ', '_')}")


def _examples(run: Run) -> None:
    """Show the held-out products that the demo saved, if this is the demo's run."""
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
    tally = votes.tally(run.folder)
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
