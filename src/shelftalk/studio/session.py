"""The selections of this browser session, and the workspace."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from shelftalk.studio.language import text
from shelftalk.workspace import Workspace


def workspace() -> Workspace:
    """Return the workspace that the studio was opened on."""
    return Workspace(os.environ.get("SHELFTALK_WORKSPACE", "workspace"))


def choose(
    name: str,
    label: str,
    options: Sequence[str],
    format: Callable[[str], str] = str,
    help: str | None = None,
    others: bool = False,
) -> str:
    """Draw a selection, of a catalogue or a run for instance, that is kept on all pages, and return the selected name.

    `name` is its key in the session. If the kept option does not exist any more, the first one is selected. With
    `others` the user may type a value that is not among the options.
    """
    key = f"{name}-choice"
    kept = st.session_state.get(name) or st.query_params.get(name)
    if kept and kept not in options and not others:
        st.warning(text("app.gone"))
    if kept not in options:
        options, kept = ([*options, kept], kept) if others and kept else (options, options[0])
    st.session_state[name] = kept
    if not others:
        st.query_params[name] = str(kept)  # a reloaded page shows the same
    st.session_state[key] = st.session_state[name]  # Streamlit deletes the state of a widget that is not drawn
    return str(
        st.selectbox(
            label,
            options,
            format_func=format,
            key=key,
            help=help,
            accept_new_options=others,
            on_change=_keep,
            args=(name, key),
        )
    )


def keep_forms() -> None:
    """Keep the values of settings forms: Streamlit deletes the state of a widget that is not drawn."""
    for key in st.session_state:
        if str(key).startswith("setting-"):
            st.session_state[key] = st.session_state[key]


def scroll_to_top() -> None:
    """Scroll to the top when the page is drawn next: a started task is shown there."""
    remember("top", st.session_state.get("top", 0) + 1)


def remember(name: str, value: Any) -> None:
    """Store a value for all pages of this session."""
    st.session_state[name] = value


def _keep(name: str, key: str) -> None:
    st.session_state[name] = st.session_state[key]
