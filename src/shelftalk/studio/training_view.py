"""Show a run while it trains: its progress, its loss curve, and sample descriptions."""

from __future__ import annotations

from math import isfinite
from typing import Any

import streamlit as st

from shelftalk.errors import Damaged, NotFound
from shelftalk.runs.describe import describe_run, list_runs, measure_disk, show_run
from shelftalk.runs.metrics import read_loss_not_fallen, read_metrics, read_samples, read_validation
from shelftalk.runs.run import Run
from shelftalk.runs.state import LOWER
from shelftalk.studio import charts
from shelftalk.studio.language import duration, number, size, text
from shelftalk.studio.navigation import go, link
from shelftalk.studio.session import choose, remember, workspace
from shelftalk.studio.show import errors_shown, show_error, show_failed, show_quote, watch_task
from shelftalk.studio.tasks import Task, list_tasks, read_task, start_task
from shelftalk.training.jobs import resume_detached

ACTIVE = ("queued", "running")
RESUMABLE = ("stopped", "interrupted", "failed")
POINTS = 600  # most points of a curve
ICONS = {
    "queued": ":material/hourglass_top:",
    "running": ":material/directions_run:",
    "finished": ":material/check_circle:",
    "stopped": ":material/pause_circle:",
    "interrupted": ":material/power_off:",
    "failed": ":material/error:",
    "damaged": ":material/broken_image:",
    "newer": ":material/update:",
}


def finished_runs() -> list[str]:
    """Return the names of the finished runs, newest first."""
    names = [run["name"] for run in list_runs(workspace()) if run["status"] == "finished"]
    return sorted(names, key=lambda name: -(workspace().run(name) / "run.json").stat().st_mtime)


def show_watched() -> None:
    """Show the selected run: by default the run just started here, else a training run, else a resumable one."""
    runs = {run["name"]: run for run in list_runs(workspace())}
    for name, task in list_tasks(workspace(), "start").items():
        if name not in runs:
            _starting(name, task)
    watched = st.session_state.get("watched")
    open_runs = [name for name, run in runs.items() if run["status"] in (*ACTIVE, *RESUMABLE) or name == watched]
    open_runs.sort(key=lambda name: (name != watched, runs[name]["status"] not in ACTIVE))
    if not open_runs:
        return
    st.header(text("watch.title"))
    name = choose("watched", text("runs.choose"), open_runs) if len(open_runs) > 1 else open_runs[0]
    if runs[name]["status"] in ACTIVE:
        _watch(name, runs[name]["status"])
    else:
        _show(name)


def _starting(name: str, task: Task) -> None:
    """Show a run that is starting, or why it failed to start."""
    if task.status == "running":
        watch_task(f"start-{name}", text("watch.starting", run=name))
    elif task.status == "failed":
        show_failed(f"start-{name}", task)


@st.fragment(run_every=1.0)
def _watch(name: str, status: str) -> None:
    """Draw the run every second; when its status changes, redraw the whole page.

    The new status is not drawn before that: a click on a widget that is then drawn again would be lost.
    """
    with errors_shown():
        if _status(name) != status:
            st.rerun()
        _show(name)


def _status(name: str) -> str:
    """Return a run's status; "gone" if it was just deleted or renamed."""
    try:
        return str(describe_run(Run.open(workspace(), name))["status"])
    except (NotFound, Damaged):
        return "gone"


def _show(name: str) -> None:
    """Draw one run."""
    run = Run.open(workspace(), name)
    found = show_run(run)
    status, state = found["status"], found["state"]
    st.markdown(f"{ICONS[status]} **{name}** · {text(f'status.{status}')}")
    metrics = read_metrics(run.folder, POINTS)
    _progress(found, next((one["loss"] for one in reversed(metrics) if "loss" in one), None))
    if status == "failed" and state.get("error"):
        show_error(state["error"])
    _earlier(found["earlier"])
    if status == "finished":
        show_warnings(run)
    _buttons(run, status, bool(state.get("diverged")))
    if status == "finished":
        _sizes(measure_disk(run))
    curve, sample = st.columns([3, 2])
    with curve:
        charts.loss_curves({name: metrics})
    with sample:
        _samples(read_samples(run.folder))


def show_warnings(run: Run) -> None:
    """Say of a finished run what `runs.metrics.read_warnings` says of it."""
    if loss := read_loss_not_fallen(run.folder):
        first, last = (number(one, 3) if isfinite(one) else text("watch.not_finite") for one in (loss.first, loss.last))
        cure = text("watch.lower_cure" if loss.rose else "watch.other_cure")
        st.warning(text("watch.not_fallen", first=first, last=last, cure=cure), icon=":material/warning:")
    if (validation := read_validation(run.folder)) and not validation.better:
        before, best = number(validation.before, 3), number(validation.best, 3)
        st.warning(text("watch.never_better", before=before, best=best), icon=":material/warning:")


def _earlier(found: dict[str, Any] | None) -> None:
    """Say which held-out products the base was trained on, and whether that is not known of some."""
    if found and found["trained_on"]:
        st.info(text("watch.seen", count=number(found["trained_on"]), all=number(found["held_out"])))
    if found and found["products"] is None:
        st.info(text("watch.earlier_unknown"))


def use_settings(run: Run, **changed: Any) -> None:
    """Put the settings of `run`, with those `changed`, into the form on the page Fine-tune."""
    remember("duplicated", {"run": run.name, "settings": {**run.settings.as_mapping(), **changed}})
    remember("base_model", run.settings.base_model)
    remember("catalogue", run.description["catalogue"])
    go("fine_tune")


def _sizes(bytes: dict[str, int]) -> None:
    """Say how large the run is, and what of it may be deleted."""
    again = sum(count for name, count in bytes.items() if name != "run")
    folders = ", ".join(name for name in bytes if name != "run")
    st.caption(text("watch.disk", whole=size(bytes["run"]), again=size(again), folders=folders or "–"))


def _progress(found: dict[str, Any], loss: float | None) -> None:
    state, step, steps = found["state"], found["step"] or 0, found["steps"]
    if not steps:
        st.progress(0.0, text("watch.loading") if found["status"] == "running" else text(f"status.{found['status']}"))
        return
    st.progress(min(1.0, step / steps), text("watch.update", step=number(step), steps=number(steps)))
    speed = state.get("tokens_per_second")
    figures = {
        "watch.left": duration(state.get("seconds_left")) if found["status"] == "running" else "–",
        "watch.speed": number(speed) if speed else "–",
        "watch.loss": number(loss, 3) if loss is not None else "–",
    }
    for column, (key, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(text(key), value, border=True)


def _buttons(run: Run, status: str, diverged: bool) -> None:
    if status in ACTIVE:
        task = read_task(workspace(), f"stop-{run.name}")
        if task.status == "failed":
            show_failed(f"stop-{run.name}", task)
        stopping = task.status == "running"
        label = text("watch.stopping") if stopping else text("watch.stop")
        key = f"stop-{run.name}"
        st.button(label, icon=":material/stop:", disabled=stopping, key=key, on_click=_stop, args=(run.name,))
    elif diverged and status == "failed":
        st.caption(text("watch.diverged_help"))
        if st.button(text("watch.lower_rate"), icon=":material/content_copy:", type="primary", key=f"lower-{run.name}"):
            use_settings(run, learning_rate=float(f"{run.settings.learning_rate / LOWER:g}"))
    elif status in RESUMABLE:
        st.caption(text("watch.resume_help"))
        if st.button(text("watch.resume"), icon=":material/play_arrow:", type="primary", key=f"resume-{run.name}"):
            resume_detached(run, st.session_state.get("token") or None)
            remember("watched", run.name)
            st.rerun(scope="app")
    elif status == "finished":
        link("compare", run=run.name)


def _stop(name: str) -> None:
    """Stop a run; a callback runs before the page is drawn, so the click counts even if its button is gone then."""
    with errors_shown():
        start_task(workspace(), f"stop-{name}", ["runs", "stop", name])


def _samples(samples: list[dict[str, Any]]) -> None:
    if not samples:
        return
    newest, first = samples[-1], samples[0]
    st.markdown(f"**{text('watch.sample')}**")
    st.text(newest["title"])
    show_quote(newest["text"] or "–", text("watch.sample_now", step=number(newest["step"])))
    if first is not newest:
        show_quote(first["text"] or "–", text("watch.sample_first"))
    with st.expander(text("watch.sample_true")):
        st.text(newest["true"])
