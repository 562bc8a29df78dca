"""The studio's pages: their order, names, icons and URLs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import streamlit as st

from shelftalk.studio.language import text
from shelftalk.studio.session import remember

ICONS = {
    "catalogue": ":material/inventory_2:",
    "fine_tune": ":material/model_training:",
    "compare": ":material/compare_arrows:",
    "review": ":material/rate_review:",
    "runs": ":material/history:",
    "report": ":material/analytics:",
}


def pages() -> dict[str, Any]:
    """Return a Streamlit page for each name, in order; a page's module is imported when it is opened."""
    return {
        name: st.Page(
            _opener(name),
            title=text(f"{name}.title"),
            icon=icon,
            url_path=name.replace("_", "-"),
            default=name == "catalogue",
        )
        for name, icon in ICONS.items()
    }


def go(page: str) -> None:
    """Switch to another page."""
    st.switch_page(pages()[page])


def link(page: str, **chosen: str) -> None:
    """Draw a button to another page, which opens with the names in `chosen` selected."""
    if st.button(text(f"{page}.go"), icon=ICONS[page], key=f"go-{page}"):
        for name, value in chosen.items():
            remember(name, value)
        go(page)


def _opener(name: str) -> Any:
    def open_page() -> None:
        import_module(f"shelftalk.studio.views.{name}").show()

    return open_page
