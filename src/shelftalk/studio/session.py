"""What this browser session has chosen, and where the workspace is."""

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
    """Let the person choose a catalogue or a run by name; the choice is kept from page to page.

    `name` is what the choice is kept under; the first option is taken where an earlier choice is gone. With `others`
    the person may type one that is not among the options.
    """
    key = f"{name}-choice"
    kept = st.session_state.get(name) or st.query_params.get(name)
    if kept and kept not in options and not others:
        st.warning(text("app.gone"))
    if kept not in options:
        options, kept = ([*options, kept], kept) if others and kept else (options, options[0])
    st.session_state[name] = kept
    if not others:
        st.query_params[name] = str(kept)  # a page that is loaded anew shows the same
    st.session_state[key] = st.session_state[name]  # a widget that was away on another page has forgotten it
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
    """Keep what was typed into settings: Streamlit forgets a widget that a page does not draw."""
    for key in st.session_state:
        if str(key).startswith("setting-"):
            st.session_state[key] = st.session_state[key]


def go_to_top() -> None:
    """Let the next drawing of the page be looked at from its top, where what was just begun is shown."""
    remember("top", st.session_state.get("top", 0) + 1)


def remember(name: str, value: Any) -> None:
    """Keep a choice for every page of this session."""
    st.session_state[name] = value


def _keep(name: str, key: str) -> None:
    st.session_state[name] = st.session_state[key]
