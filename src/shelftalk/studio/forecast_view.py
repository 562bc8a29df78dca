"""Show how a catalogue's descriptions lie to title and attributes, and what to expect of a training on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.evidence.support import sample_support
from shelftalk.studio.language import number, text


def show_forecast(catalogue: Catalogue) -> None:
    """Say what to expect of a training on the catalogue, with examples of what neither title nor attributes hold."""
    with st.spinner(text("catalogue.searching")):
        support = _support(str(catalogue.folder), catalogue.data_hash)
    show = st.warning if support["forecast"] == "invents" else st.info
    claims = number(support["unsupported_per_100_words"], 1)
    expected = text(f"catalogue.forecast_{support['forecast']}", claims=claims)
    if support["forecast"] == "invents" and support["told"] is not None:
        expected += " " + text("catalogue.forecast_messy")
    show(expected, icon=":material/lightbulb:")
    if support["examples"]:
        with st.expander(text("catalogue.forecast_examples")):
            for one in support["examples"]:
                st.text(f"{one['title']}\n…{one['before']}[{one['claim']}]{one['after']}…")


@st.cache_data(max_entries=8, show_spinner=False)
def _support(folder: str, data_hash: str) -> dict[str, Any]:
    return sample_support(Catalogue.open(Path(folder)))
