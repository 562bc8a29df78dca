"""Attributes in two columns, names and values: a table to fill in, and one to read."""

from __future__ import annotations

import pandas
import streamlit as st

from shelftalk.catalogue.attributes import clean_attributes
from shelftalk.records import Attributes
from shelftalk.runs.run import Run
from shelftalk.studio.language import text
from shelftalk.studio.session import remember

CSS = """
dl { margin: 0; columns: 2 22rem; column-gap: 2.5rem; font: .85rem/1.45 var(--st-font); color: var(--st-text-color); }
dl > div { display: grid; grid-template-columns: 9rem 1fr; gap: .75rem; padding: .2rem 0; break-inside: avoid;
           border-bottom: 1px solid color-mix(in srgb, var(--st-border-color) 60%, transparent); }
dt, dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
dt { color: color-mix(in srgb, var(--st-text-color) 75%, var(--st-background-color)); }
"""
# textContent only: markup in a text of the data is not interpreted.
JS = """
export default function (component) {
  const { data, parentElement } = component;
  const list = parentElement.querySelector("dl");
  list.replaceChildren();
  for (const [name, value] of data.attributes) {
    const pair = list.appendChild(document.createElement("div"));
    pair.appendChild(document.createElement("dt")).textContent = name;
    pair.appendChild(document.createElement("dd")).textContent = value;
  }
}
"""
MOST_ROWS, ROW_HEIGHT = 6, 35  # more rows are scrolled, so that an answer stays near its question
TALLEST = int(ROW_HEIGHT * (1 + MOST_ROWS + 0.5))  # half a row shows that there are more
OFFERED = 8  # names in an empty table: the commonest

_list = st.components.v2.component("shelftalk_attributes", html="<dl></dl>", css=CSS, js=JS)


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
        height=TALLEST if len(rows) > MOST_ROWS else "auto",
        column_config={
            name: st.column_config.TextColumn(max_chars=60),
            value: st.column_config.TextColumn(max_chars=200, width="large"),
        },
        key=f"attributes-{run.name}-{turn}",
    )
    typed = edited.fillna("").astype(str).itertuples(index=False)
    return run.known_attributes.arrange(clean_attributes((row[0], row[1]) for row in typed)[0])


def fill_attribute_table(run: Run, attributes: Attributes) -> None:
    """Put a product's attributes into the table, or the names that the run knows where there are none."""
    rows = list(attributes) or [(name, "") for name in run.known_attributes.commonest(OFFERED)]
    _, _, turn = st.session_state.get("attributes") or (None, None, 0)
    remember("attributes", (run.name, rows, turn + 1))


def show_attributes(attributes: Attributes, key: str) -> None:
    """Show names and values in small type, as plain text; nothing where there are none."""
    if attributes:
        _list(data={"attributes": [list(pair) for pair in attributes]}, key=key)
