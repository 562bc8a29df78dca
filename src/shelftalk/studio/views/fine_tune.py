"""Fine-tune: choose, see what it will take, start, and watch."""

from __future__ import annotations

from math import ceil
from typing import Any

import streamlit as st

from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.settings import TrainingSettings, load_preset, preset_names
from shelftalk.studio import training_view
from shelftalk.studio.forms import assignments, settings_form
from shelftalk.studio.language import duration, number, size, text
from shelftalk.studio.session import choose, remember, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error
from shelftalk.studio.tasks import read_task, start_task
from shelftalk.workspace import check_name

EMBEDDED = TrainingSettings.base_model
BASE_MODELS = (EMBEDDED, "google/gemma-2b", "google/gemma-3-1b-pt", "google/gemma-3-4b-pt")
PRESETS = ("demo", "quick-test", "small-demo", "overnight", "extended", "production-lite", "production")
PRESET = "overnight"
PLAIN = ("products", "epochs", "batch_size")
ADVANCED = ("lora_rank", "lora_alpha", "lora_dropout", "learning_rate")
LOOKS = 10  # samples and validations over a run, unless the preset says otherwise
CARDS = 4  # in a row


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
    estimates = _estimates(catalogue, base_model, token)
    preset, key = _choose_preset(estimates, _train_count(catalogue))
    _form(catalogue, base_model, token, preset, key, estimates)


def _ask_token(base_model: str) -> str | None:
    """Ask for the Hub's token where the base model may need one; it stays in this session's memory."""
    if "/" not in base_model:
        st.caption(text("fine_tune.no_token"))
        return None
    typed = st.text_input(
        text("fine_tune.token"), type="password", key="token", autocomplete="off", help=text("fine_tune.token_help")
    )
    return typed.strip() or None


def _choose_preset(estimates: dict[str, Any], available: int) -> tuple[str, str]:
    """Show the presets as cards with what each will take; return the chosen one, and a key for the form it fills."""
    chosen = st.session_state.setdefault("preset", PRESET)
    names = [*PRESETS, *(name for name in preset_names() if name not in PRESETS)]
    for start in range(0, len(names), CARDS):
        places = st.columns(CARDS)
        for place, name in zip(places, names[start : start + CARDS], strict=False):
            with place, st.container(border=True, height="stretch"):
                _card(name, estimates.get(name), name == chosen, available)
    duplicated = st.session_state.get("duplicated")
    if duplicated:
        st.info(text("fine_tune.duplicated", run=duplicated["run"]))
    return chosen, f"{chosen}-{duplicated['run'] if duplicated else ''}"


def _card(name: str, estimate: dict[str, Any] | None, chosen: bool, available: int) -> None:
    values = TrainingSettings.from_mapping(load_preset(name))
    st.markdown(f"**{name}**")
    st.caption(text(f"preset.{name}"))
    products = min(values.products or available, available)
    key = "fine_tune.card" if values.products and values.products <= available else "fine_tune.card_all"
    st.write(text(key, products=number(products), epochs=number(values.epochs)))
    if estimate and estimate["memory_bytes"] is not None:
        st.write(f":material/schedule: {duration(estimate['seconds_total'])} · {size(estimate['memory_bytes'])}")
        if estimate["fits"] is False:
            st.caption(text("fine_tune.too_large"))
    elif estimate:
        st.caption(text("fine_tune.too_large"))
    else:
        st.caption(text("fine_tune.no_estimate"))
    label = text("fine_tune.chosen") if chosen else text("fine_tune.choose")
    if st.button(label, key=f"preset-{name}", type="primary" if chosen else "secondary", width="stretch"):
        remember("preset", name)
        remember("duplicated", None)
        st.rerun()


def _estimates(catalogue: str, base_model: str, token: str | None) -> dict[str, Any]:
    """Return what each preset takes here, as far as it is known; measuring starts by itself where that costs little."""
    name = f"presets-{catalogue}"
    about = {
        "data_hash": Catalogue.open(workspace().existing_catalogue(catalogue)).data_hash,
        "base_model": base_model,
    }
    task = read_task(workspace(), name)
    if task.status == "running":
        _watch_estimate(name)
        return {}
    if task.about == about and task.status == "done":
        return dict(task.result["presets"])
    if task.about == about and task.status == "failed":
        show_error(task.error or text("error.ended"))
    busy = any(run["status"] in ("running", "queued") for run in pipeline.list_runs(workspace()))
    by_itself = base_model == EMBEDDED and not busy and task.about != about
    label = text("fine_tune.measure_hub") if "/" in base_model else text("fine_tune.measure")
    if by_itself or st.button(label, icon=":material/speed:"):
        arguments = ["estimate", catalogue, "--presets", "--set", f"base_model={base_model}"]
        start_task(workspace(), name, arguments, about, token)
        st.rerun()
    return {}


@st.fragment(run_every=1.0)
def _watch_estimate(name: str) -> None:
    if read_task(workspace(), name).status != "running":
        st.rerun()
    st.info(text("fine_tune.measuring"), icon=":material/speed:")


def _form(catalogue: str, base_model: str, token: str | None, preset: str, key: str, estimates: dict[str, Any]) -> None:
    duplicated = st.session_state.get("duplicated")
    defaults = TrainingSettings.from_mapping(duplicated["settings"] if duplicated else load_preset(preset)).as_mapping()
    values = dict(defaults)
    st.subheader(text("fine_tune.settings"))
    values |= settings_form(TrainingSettings, PLAIN, defaults, key, columns=3)
    with st.expander(text("fine_tune.advanced"), icon=":material/tune:"):
        values |= settings_form(TrainingSettings, ADVANCED, defaults, key)
        with st.popover(text("fine_tune.everything")):
            rest = [name for name in defaults if name not in (*PLAIN, *ADVANCED, "base_model", "trackers")]
            watched = {**defaults, **_looks(catalogue, values)} if not duplicated else defaults
            values |= settings_form(TrainingSettings, rest, watched, f"{key}-{values['products']}", columns=2)
    values["base_model"] = base_model
    name = st.text_input(
        text("fine_tune.name"),
        value=_free_name(catalogue, preset),
        key=f"name-{catalogue}-{key}",
        help=text("form.name_help"),
    )
    if preset in estimates and not duplicated:
        _expect(estimates[preset], TrainingSettings.from_mapping(load_preset(preset)), values, catalogue)
    if st.button(text("fine_tune.start"), type="primary", icon=":material/play_arrow:"):
        _start(catalogue, name, TrainingSettings.from_mapping(values), token)


def _expect(estimate: dict[str, Any], preset: TrainingSettings, values: dict[str, Any], catalogue: str) -> None:
    """Say what the run will take, by the preset's estimate and by how much more or less there is to read."""
    if estimate["memory_bytes"] is None:
        return
    train = _train_count(catalogue)
    mine, measured = (
        min(products or train, train) * epochs
        for products, epochs in ((values["products"], values["epochs"]), (preset.products, preset.epochs))
    )
    time = duration(estimate["seconds_total"] * mine / measured)
    st.write(text("fine_tune.expected", time=time, memory=size(estimate["memory_bytes"])))


def _train_count(catalogue: str) -> int:
    return Catalogue.open(workspace().existing_catalogue(catalogue)).count("train")


def _looks(catalogue: str, values: dict[str, Any]) -> dict[str, int]:
    """Return how often to write a sample and to validate, so that there is something to watch."""
    opened = Catalogue.open(workspace().existing_catalogue(catalogue))
    products = min(values["products"] or opened.count("train"), opened.count("train"))
    updates = ceil(products / (values["batch_size"] * values["gradient_accumulation"])) * values["epochs"]
    every = max(1, updates // LOOKS)
    return {"sample_every": every, "validate_every": every} if opened.count("validation") else {}


def _free_name(catalogue: str, preset: str) -> str:
    taken, name = workspace().runs(), catalogue if catalogue == preset else f"{catalogue}-{preset}"[:56]
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if one not in taken)


def _start(catalogue: str, name: str, settings: TrainingSettings, token: str | None) -> None:
    check_name(name, "run")
    if name in workspace().runs():
        show_error(text("fine_tune.taken", name=name))
        return
    arguments = ["train", catalogue, "--run", name, "--detach", *assignments(settings.as_mapping())]
    start_task(workspace(), f"start-{name}", arguments, {"run": name}, token)
    remember("watched", name)
    remember("duplicated", None)
    st.rerun()
