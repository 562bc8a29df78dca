"""The page Fine-tune: choose settings, see time and memory, start a training, and watch it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import ceil
from typing import Any

import streamlit as st

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.presets import load_preset, preset_names
from shelftalk.runs.describe import list_runs
from shelftalk.settings import TrainingSettings
from shelftalk.studio import training_view
from shelftalk.studio.forms import assignments, settings_form
from shelftalk.studio.language import duration, number, size, text
from shelftalk.studio.session import choose, remember, scroll_to_top, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error, watch_task
from shelftalk.studio.tasks import Task, read_task, start_task
from shelftalk.workspace import check_name

EMBEDDED = TrainingSettings.base_model
BASE_MODELS = (EMBEDDED, "google/gemma-2b", "google/gemma-3-1b-pt", "google/gemma-3-4b-pt")
PRESETS = ("demo", "messy", "quick-test", "small-demo", "overnight", "extended", "production-lite", "production")
PRESET = "overnight"
PLAIN = ("products", "epochs", "batch_size")
ADVANCED = ("lora_rank", "lora_alpha", "lora_dropout", "learning_rate")
WATCHING = ("sample_every", "validate_every")  # the form asks for a number of checks instead
CHECKS = 10
CARDS = 4  # per row


def show() -> None:
    """Draw the page."""
    st.write(text("fine_tune.intro"))
    with errors_shown():
        training_view.show_watched()
    names = workspace().catalogues()
    if not names:
        show_empty("fine_tune.no_catalogue", "catalogue")
        return
    st.header(text("fine_tune.new"))
    left, right = st.columns(2)
    with left:
        catalogue = choose("catalogue", text("catalogue.choose"), names)
    with right:
        help = text("fine_tune.base_model_help")
        base_model = choose("base_model", text("fine_tune.base_model"), BASE_MODELS, help=help, others=True)
    token = _ask_token(base_model)
    opened = Catalogue.open(workspace().existing_catalogue(catalogue))
    presets = _estimate_presets(catalogue, opened.data_hash, base_model, token)
    preset = _choose_preset(presets, opened.count("train"))
    _form(catalogue, opened, base_model, token, preset)


def _ask_token(base_model: str) -> str | None:
    """Ask for the Hub's token if the base model may need one; it stays in this session's memory."""
    if "/" not in base_model:
        if base_model == EMBEDDED:
            st.caption(text("fine_tune.no_token"))
        return None
    key = "token-field"
    st.session_state.setdefault(key, st.session_state.get("token", ""))
    typed = st.text_input(
        text("fine_tune.token"), type="password", key=key, autocomplete="off", help=text("fine_tune.token_help")
    )
    st.caption(text("fine_tune.token_enter"))  # leaving the field with Tab does not send its value
    remember("token", typed.strip())
    return typed.strip() or None


def _choose_preset(estimates: Mapping[str, Any], available: int) -> str:
    """Show the presets as cards with their time and memory for `available` products; return the chosen one."""
    chosen = str(st.session_state.setdefault("preset", PRESET))
    names = [*PRESETS, *(name for name in preset_names() if name not in PRESETS)]
    for start in range(0, len(names), CARDS):
        columns = st.columns(CARDS)
        for column, name in zip(columns, names[start : start + CARDS], strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(name, estimates.get(name), name == chosen, available)
    if duplicated := st.session_state.get("duplicated"):
        st.info(text("fine_tune.duplicated", run=duplicated["run"]))
    return chosen


def _card(name: str, estimate: dict[str, Any] | None, chosen: bool, available: int) -> None:
    values = TrainingSettings.from_mapping(load_preset(name))
    st.markdown(f"**{name}**")
    st.caption(text(f"preset.{name}"))
    products = min(values.products or available, available)
    key = "fine_tune.card" if values.products and values.products <= available else "fine_tune.card_all"
    st.write(text(key, products=number(products), epochs=number(values.epochs)))
    if estimate is None:
        st.caption(text("fine_tune.no_estimate"))
    else:
        _show_estimate(estimate)
    label = text("fine_tune.chosen") if chosen else text("fine_tune.choose")
    if st.button(label, key=f"preset-{name}", type="primary" if chosen else "secondary", width="stretch"):
        remember("preset", name)
        remember("duplicated", None)
        st.rerun()


def _show_estimate(estimate: dict[str, Any]) -> None:
    """Show a run's time and memory in one line, and whether it fits."""
    if estimate["memory_bytes"] is not None:
        st.write(f":material/schedule: {duration(estimate['seconds_total'])} · {size(estimate['memory_bytes'])}")
    if estimate["fits"] is False:
        st.caption(text("fine_tune.too_large"))


def _estimate_presets(catalogue: str, data_hash: str, base_model: str, token: str | None) -> dict[str, Any]:
    """Return each preset's known estimate; start the measurement automatically where it is cheap."""
    name = f"presets-{catalogue}-{hashlib.sha256(base_model.encode()).hexdigest()[:8]}"
    about = {"data_hash": data_hash, "base_model": base_model}
    task = read_task(workspace(), name)
    if task.status == "running":
        watch_task(name, text("fine_tune.measuring"))
        return {}
    known = task if task.about == about else Task("none")
    _show_measured(known)
    automatic = base_model == EMBEDDED and known.status == "none" and not _is_training()
    label = text("fine_tune.measure_hub") if "/" in base_model else text("fine_tune.measure")
    if automatic or st.button(label, icon=":material/speed:"):
        start_task(
            workspace(), name, ["estimate", catalogue, "--presets", f"--set=base_model={base_model}"], about, token
        )
        st.rerun()
    return dict(known.result["presets"]) if known.status == "done" else {}


def _is_training() -> bool:
    return any(run["status"] in training_view.ACTIVE for run in list_runs(workspace()))


def _show_measured(task: Task) -> None:
    """Show why a measurement failed, or which runs trained during it."""
    if task.status == "failed":
        show_error(task.error or text("error.ended"))
    elif task.status == "done" and task.result["running"]:
        st.caption(text("fine_tune.measured_beside", runs=", ".join(task.result["running"])))


def _form(catalogue: str, opened: Catalogue, base_model: str, token: str | None, preset: str) -> None:
    """Draw the settings, their time and memory, and the start button."""
    duplicated = st.session_state.get("duplicated")
    defaults = TrainingSettings.from_mapping(duplicated["settings"] if duplicated else load_preset(preset)).as_mapping()
    key = f"{preset}-{duplicated['run'] if duplicated else ''}-{catalogue}"
    if (defaults["products"] or 0) >= opened.count("train"):
        defaults["products"] = None  # the form then shows "all"
    st.subheader(text("fine_tune.settings"))
    values = {**defaults, **settings_form(TrainingSettings, PLAIN, defaults, key, columns=3)}
    with st.expander(text("fine_tune.advanced"), icon=":material/tune:"):
        values |= settings_form(TrainingSettings, ADVANCED, defaults, key)
        with st.popover(text("fine_tune.everything")):
            asked = {*PLAIN, *ADVANCED, "base_model", "trackers", *(() if duplicated else WATCHING)}
            values |= settings_form(TrainingSettings, [one for one in defaults if one not in asked], defaults, key)
        if not duplicated:
            values |= _watching(values, opened)
    settings = TrainingSettings.from_mapping({**values, "base_model": base_model})
    name = st.text_input(
        text("fine_tune.name"),
        value=_free_name(catalogue, preset),
        key=f"name-{catalogue}-{key}",
        help=text("form.name_help"),
    )
    _estimate_this(catalogue, opened.data_hash, settings, token)
    if st.button(text("fine_tune.start"), type="primary", icon=":material/play_arrow:"):
        _start(catalogue, name, settings, token)


def _watching(values: Mapping[str, Any], opened: Catalogue) -> dict[str, int]:
    """Ask how often to sample and validate during the run, and return the resulting settings."""
    checks = st.slider(text("fine_tune.looks"), 0, 50, CHECKS, key="setting-looks")
    st.caption(text("fine_tune.looks_help"))
    products = min(values["products"] or opened.count("train"), opened.count("train"))
    updates = ceil(products * values["epochs"] / (values["batch_size"] * values["gradient_accumulation"]))
    every = max(1, updates // checks) if checks and opened.count("validation") else 0
    return dict.fromkeys(WATCHING, every)


def _estimate_this(catalogue: str, data_hash: str, settings: TrainingSettings, token: str | None) -> None:
    """Show the time and memory of exactly these settings, or offer to measure them."""
    name = f"estimate-{catalogue}"
    about = {"data_hash": data_hash, "settings": settings.as_mapping()}
    task = read_task(workspace(), name)
    if task.status == "running":
        watch_task(name, text("fine_tune.measuring"))
        return
    if task.about == about:
        _show_measured(task)
        if task.status == "done":
            _show_estimate(task.result)
            return
    if st.button(text("fine_tune.measure_this"), icon=":material/speed:", help=text("fine_tune.measure_this_help")):
        arguments = ["estimate", catalogue, *assignments(settings.as_mapping())]
        start_task(workspace(), name, arguments, about, token)
        st.rerun()


def _free_name(catalogue: str, preset: str) -> str:
    """Return an unused run name: catalogue and preset, only one of them if they are equal, numbered if necessary."""
    taken, name = workspace().runs(), catalogue if catalogue == preset else f"{catalogue}-{preset}"[:56]
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if one not in taken)


def _start(catalogue: str, name: str, settings: TrainingSettings, token: str | None) -> None:
    check_name(name, "run")
    arguments = ["train", catalogue, f"--run={name}", "--detach", *assignments(settings.as_mapping())]
    taken = name in workspace().runs()
    if taken or not start_task(workspace(), f"start-{name}", arguments, None, token):
        show_error(text("fine_tune.taken", name=name))
        return
    remember("watched", name)
    remember("duplicated", None)
    scroll_to_top()
    st.rerun()
