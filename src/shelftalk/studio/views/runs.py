"""The page Runs: a table of all runs, their loss curves in one chart, and the actions for each run."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas
import streamlit as st

from shelftalk import proof
from shelftalk.export.archive import zip_adapter
from shelftalk.runs.describe import list_runs
from shelftalk.runs.folders import delete_run, rename_run
from shelftalk.runs.metrics import read_metrics
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.studio import charts
from shelftalk.studio.forms import written
from shelftalk.studio.language import number, setting_label, text
from shelftalk.studio.navigation import go
from shelftalk.studio.session import choose, remember, workspace
from shelftalk.studio.show import errors_shown, show_empty
from shelftalk.studio.tasks import forget_tasks_of
from shelftalk.studio.training_view import ACTIVE, POINTS, use_settings


def show() -> None:
    """Draw the page."""
    st.write(text("runs.intro"))
    found = list_runs(workspace())
    if not found:
        show_empty("runs.none", "fine_tune")
        return
    _table(found)
    names = [run["name"] for run in found if run["status"] not in ("damaged", "newer")]
    valid = {name: Run.open(workspace(), name) for name in names}
    with errors_shown():
        _curves(valid)
    st.header(text("runs.one"))
    name = choose("any_run", text("runs.choose"), [run["name"] for run in found])
    status = next(run["status"] for run in found if run["name"] == name)
    with errors_shown():
        _actions(name, valid.get(name), status)
    if name in valid:
        _settings_table({name: valid[name]})


def _table(found: list[dict[str, Any]]) -> None:
    rows = []
    for run in found:
        folder = workspace().run(run["name"])
        result = proof.read_evaluation(folder) or {}
        rows.append(
            {
                text("runs.name"): run["name"],
                text("runs.status"): text(f"status.{run['status']}"),
                text("runs.catalogue"): run["catalogue"],
                text("runs.base_model"): run["base_model"],
                text("runs.updates"): f"{number(run['step'] or 0)} / {number(run['steps']) if run['steps'] else '?'}",
                text("watch.loss"): _newest_loss(folder),
                text("measure.bits_per_byte"): _before_after(result, "bits_per_byte", 3),
                text("measure.chrf"): _before_after(result, "chrf", 1),
                text("runs.date"): datetime.fromtimestamp((folder / "run.json").stat().st_mtime, timezone.utc)
                .astimezone()
                .strftime("%Y-%m-%d %H:%M"),
            }
        )
    st.dataframe(pandas.DataFrame(rows), hide_index=True)


def _before_after(result: dict[str, Any], measure: str, digits: int) -> str:
    sides = [result.get(side, {}).get(measure) for side in ("base", "tuned")]
    return "–" if None in sides else " → ".join(number(value, digits) for value in sides)


def _newest_loss(folder: Path) -> str:
    losses = [one["loss"] for one in read_metrics(folder, 2) if "loss" in one]
    return number(losses[-1], 3) if losses else "–"


def _curves(runs: dict[str, Run]) -> None:
    st.header(text("runs.curves"))
    names = list(runs)
    chosen = st.multiselect(text("runs.compare"), names, default=names[:4], placeholder=text("runs.compare_hint"))
    if not chosen:
        return
    charts.loss_curves({name: read_metrics(runs[name].folder, POINTS) for name in chosen}, 320)
    if len(chosen) > 1:
        with st.expander(text("runs.differences")):
            _settings_table({name: runs[name] for name in chosen})


def _settings_table(runs: dict[str, Run]) -> None:
    """Show the settings of one run, or the settings that differ between several."""
    columns = {
        name: {"catalogue": run.description["catalogue"], **run.settings.as_mapping()} for name, run in runs.items()
    }
    names = ["catalogue", *TrainingSettings().as_mapping()]
    differ = [one for one in names if len({str(values[one]) for values in columns.values()}) > 1]
    shown = differ if len(runs) > 1 else names
    if not shown:
        st.caption(text("runs.same"))
        return
    labels = [text("runs.catalogue") if one == "catalogue" else setting_label(TrainingSettings, one) for one in shown]
    table = {name: [written(one, values[one]) for one in shown] for name, values in columns.items()}
    st.dataframe(pandas.DataFrame({text("runs.setting"): labels, **table}), hide_index=True, height="content")


def _actions(name: str, run: Run | None, status: str) -> None:
    busy = status in ACTIVE
    with st.container(horizontal=True):
        if run is not None:
            _watch_or_duplicate(run)
            with st.popover(text("runs.rename"), disabled=busy):
                _rename(name)
            _download(run)
        if st.button(text("runs.delete"), icon=":material/delete:", disabled=busy):
            _confirm_delete(name)
    if busy:
        st.caption(text("runs.busy"))


def _watch_or_duplicate(run: Run) -> None:
    if st.button(text("runs.watch"), icon=":material/visibility:"):
        remember("watched", run.name)
        go("fine_tune")
    if st.button(text("runs.duplicate"), icon=":material/content_copy:"):
        use_settings(run)


def _rename(name: str) -> None:
    new = st.text_input(text("runs.new_name"), value=name, help=text("form.name_help"))
    if st.button(text("runs.rename_now"), type="primary") and new != name:
        with errors_shown():
            rename_run(workspace(), name, new)
            forget_tasks_of(workspace(), name)
            for kept in ("any_run", "run", "watched"):
                if st.session_state.get(kept) == name:
                    remember(kept, new)
            st.rerun()


def _download(run: Run) -> None:
    if run.finished:
        st.download_button(
            text("runs.download"),
            lambda: zip_adapter(run),
            f"{run.name}-adapter.zip",
            "application/zip",
            icon=":material/download:",
        )


def _confirm_delete(name: str) -> None:
    @st.dialog(text("runs.delete_title"))
    def ask() -> None:
        st.write(text("runs.delete_question", run=name))
        yes, no = st.columns(2)
        if yes.button(text("runs.delete_yes"), width="stretch"):
            with errors_shown():
                delete_run(workspace(), name)
                forget_tasks_of(workspace(), name)
                st.rerun()
        if no.button(text("runs.delete_no"), type="primary", width="stretch"):
            st.rerun()

    ask()
