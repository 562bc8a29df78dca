"""Build forms from settings classes, with the same names, limits and help as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from typing import Any

import streamlit as st

from shelftalk.settings import Settings
from shelftalk.studio.language import number, setting_label, setting_sentence, words

COLUMNS = 2
# Ranges of the widgets; the limits of the settings are wider, for preset files.
RANGES = {"products": (100, 10_000), "epochs": (1, 10), "batch_size": (1, 8)}


def settings_form(
    cls: type[Settings], names: Sequence[str], defaults: Mapping[str, Any], key: str, columns: int = COLUMNS
) -> dict[str, Any]:
    """Draw a widget for each of the settings `names` and return their values, not yet validated as a whole.

    `key` identifies the form: with a new key it is drawn again with its `defaults`. Values are kept while other pages
    are shown, see `session.keep_forms`.
    """
    known = {one.name: one for one in fields(cls)}
    drawn = st.columns(columns)
    values = {}
    for index, name in enumerate(names):
        with drawn[index % columns]:
            values[name] = _widget(cls, known[name], defaults.get(name, known[name].default), f"setting-{key}-{name}")
            st.caption(setting_sentence(cls, name))
    return values


def _widget(cls: type[Settings], one: Field[Any], value: Any, key: str) -> Any:
    label, limits = setting_label(cls, one.name), one.metadata
    kind = str(one.type).removesuffix(" | None")
    if limits["choices"]:
        choices = list(limits["choices"])
        return st.selectbox(label, choices, index=choices.index(value), key=key)
    if kind == "str":
        return st.text_input(label, value=value or "", key=key)
    if one.name in ("epochs", "batch_size"):
        low, high = RANGES[one.name]
        return st.slider(label, low, max(high, value), value, key=key)
    if limits["optional"] and kind == "int":
        return _optional_number(label, one, value, key)
    return _number(label, one, value, key)


def _optional_number(label: str, one: Field[Any], value: int | None, key: str) -> int | None:
    """Draw an optional number; None means all products, or automatic."""
    low, high = RANGES.get(one.name, (one.metadata["at_least"], one.metadata["at_most"]))
    is_none = st.checkbox(f"{label}: {words().without_value(one.name)}", value=value is None, key=f"{key}-open")
    if is_none:
        return None
    start = min(max(3000, low), high) if value is None and high else value or low
    low = min(low, start)
    high = max(high, start) if high else None
    bounds = f" ({number(low)} – {number(high)})" if high else ""
    return int(st.number_input(f"{label}{bounds}", low, high, start, key=key))


def _number(label: str, one: Field[Any], value: Any, key: str) -> Any:
    limits = one.metadata
    low = limits["at_least"] if limits["at_least"] is not None else limits["above"]
    if str(one.type) == "int":
        return st.number_input(label, low, limits["at_most"], value, key=key)
    format = "%.6f" if limits["above"] is not None and one.name == "learning_rate" else "%.2f"
    step = 0.00005 if one.name == "learning_rate" else 0.05
    high = None if limits["at_most"] is None else float(limits["at_most"])
    return st.number_input(label, float(low or 0), high, float(value), step=step, format=format, key=key)


def assignments(values: Mapping[str, Any]) -> list[str]:
    """Return settings as --set options of the command line."""
    return [f"--set={name}={_set_value(value)}" for name, value in values.items()]


def _set_value(value: Any) -> str:
    return "automatic" if value is None else str(value)


def written(name: str, value: Any) -> str:
    """Return the value of the setting `name` as text in the current language."""
    return words().setting_value(name, value)
