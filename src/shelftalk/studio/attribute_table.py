"""A table of attributes to fill in, with the names that a run knows."""

from __future__ import annotations

import pandas
import streamlit as st

from shelftalk.catalogue.attributes import join_attributes
from shelftalk.catalogue.clean import clean
from shelftalk.records import Attributes
from shelftalk.runs.run import Run
from shelftalk.studio.language import text
from shelftalk.studio.session import remember

OFFERED = 8  # names in an empty table: the commonest


def attribute_table(run: Run) -> Attributes:
    """Draw the table and return the attributes in it, cleaned as for training; a row without a value is none."""
    kept = st.session_state.get("attributes")
    if kept is None or kept[0] != run.name:
        fill_attribute_table(run, ())
        kept = st.session_state["attributes"]
    _, rows, turn = kept
    name, value = text("compare.attribute_name"), text("compare.attribute_value")
    edited = st.data_editor(
        pandas.DataFrame(rows, columns=[name, value], dtype="string"),
        num_rows="dynamic",
        hide_index=True,
        column_config={
            name: st.column_config.TextColumn(max_chars=60),
            value: st.column_config.TextColumn(max_chars=200, width="large"),
        },
        key=f"attributes-{run.name}-{turn}",
    )
    typed = edited.fillna("").astype(str).itertuples(index=False)
    return join_attributes((clean(row[0]), clean(row[1])) for row in typed)[0]


def fill_attribute_table(run: Run, attributes: Attributes) -> None:
    """Put a product's attributes into the table, or the names that the run knows where there are none."""
    rows = list(attributes) or [(name, "") for name in run.attribute_names[:OFFERED]]
    _, _, turn = st.session_state.get("attributes") or (None, None, 0)
    remember("attributes", (run.name, rows, turn + 1))
