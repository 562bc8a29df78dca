"""Show what may be wrong with a catalogue, and what to expect of a training on its descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.concerns import find_concerns
from shelftalk.catalogue.draft import shortened
from shelftalk.evidence.support import sample_support
from shelftalk.studio.language import language_name, number, percent, text

EXAMPLE_CHARACTERS = 80


def show_forecast(catalogue: Catalogue) -> None:
    """Say what to expect of a training on the catalogue, with examples of what neither title nor attributes hold."""
    with st.spinner(text("catalogue.searching")):
        support = _support(str(catalogue.folder), catalogue.data_hash, catalogue.language)
    show = st.warning if support["forecast"] == "invents" else st.info
    if support["claims"] is None:
        show(text("evidence.not_checked", language=language_name(support["language"])), icon=":material/translate:")
        return
    claims = number(support["unsupported_per_100_words"], 1)
    expected = text(f"catalogue.forecast_{support['forecast']}", claims=claims)
    if support["forecast"] == "invents" and support["told"] is not None and support["language"] == "en":
        expected += " " + text("catalogue.forecast_messy")
    show(expected, icon=":material/lightbulb:")
    if support["examples"]:
        with st.expander(text("catalogue.forecast_examples")):
            for one in support["examples"]:
                st.text(f"{one['title']}\n…{one['before']}[{one['claim']}]{one['after']}…")


def show_concerns(catalogue: Catalogue) -> None:
    """Say what may be wrong with the catalogue; nothing where all is well."""
    concerns = _concerns(str(catalogue.folder), catalogue.data_hash)
    if concerns:
        lines = []
        for kind, share, products, example in concerns:
            said = text(f"catalogue.concern_{kind}", share=percent(share), products=number(products))
            lines.append(f"{said} {shortened(example, EXAMPLE_CHARACTERS)}")
        with st.container(border=True):
            st.markdown(f":material/visibility: **{text('catalogue.concerns')}**")
            for line in lines:
                st.text(line)


@st.cache_data(max_entries=8, show_spinner=False)
def _concerns(folder: str, data_hash: str) -> list[tuple[str, float, int, str]]:
    return [(one.kind, one.share, one.products, one.example) for one in find_concerns(Catalogue.open(Path(folder)))]


@st.cache_data(max_entries=8, show_spinner=False)
def _support(folder: str, data_hash: str, language: str) -> dict[str, Any]:
    return sample_support(Catalogue.open(Path(folder)))
