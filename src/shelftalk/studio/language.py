"""The texts of a page in the language of its session, and each language's number format."""

from __future__ import annotations

from typing import Any

import streamlit as st

from shelftalk.settings import Settings, setting_help
from shelftalk.translations.messages import translated, translated_part
from shelftalk.translations.texts import LANGUAGES, nearest, texts

STATE = "lang"
_JS = """
export default function ({ data }) {
  document.documentElement.lang = data.language;
  if (data.top && window.shelftalkTop !== data.top) {
    window.shelftalkTop = data.top;
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  }
}
"""
_page = st.components.v2.component("shelftalk_page", js=_JS)
MINUTE, HOUR, DAY = 60, 3600, 86400


def current() -> str:
    """Return the language of this session: the selected one, or the one in the URL, or the browser's."""
    chosen = st.session_state.get(STATE) or st.query_params.get(STATE)
    if chosen in LANGUAGES:
        return str(chosen)
    return nearest(st.context.locale or "")


def update_page(language: str, top: int) -> None:
    """Set the page's language attribute, for screen readers; a new value of `top` scrolls to its top."""
    _page(data={"language": language, "top": top}, key="page")


def text(key: str, **values: Any) -> str:
    """Return the text of a key in the current language, formatted with `values`; numbers must be strings already."""
    found = texts(current())[key]
    return found.format(**values) if values else found


def has_text(key: str) -> bool:
    """Return whether a text with that key exists."""
    return key in texts(current())


def said(message: str) -> str:
    """Return an error's message, or a notice, in the current language; what is not known of it stays in English."""
    return translated(message, current())


def said_why(reason: str) -> str:
    """Return why a row or a file is left out, in the current language; data in it stays as it is."""
    return translated_part(reason, current())


def setting_label(cls: type[Settings], name: str) -> str:
    """Return the label of a setting."""
    return text(f"settings.{cls.__name__}.{name}.label")


def setting_sentence(cls: type[Settings], name: str) -> str:
    """Return the help sentence of a setting; the English one is in the settings class."""
    key = f"settings.{cls.__name__}.{name}.help"
    return text(key) if current() != "en" else setting_help(cls, name)


def number(value: float, digits: int = 0) -> str:
    """Format a number in the current language."""
    written = f"{value:,.{digits}f}"
    return written.translate(str.maketrans(",.", ".,")) if current() == "pt-BR" else written


def percent(share: float, digits: int = 0) -> str:
    """Format a share, from 0 to 1, as a percentage."""
    return f"{number(100 * share, digits)} %"


def duration(seconds: float | None) -> str:
    """Format a duration in its one or two largest units; None gives the word for unknown."""
    if seconds is None:
        return text("unit.unknown")
    if seconds < MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    if seconds < DAY:
        hours, minutes = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {minutes} min"
    days, hours = divmod(round(seconds / HOUR), 24)
    return f"{days} {text('unit.days')} {hours} h"


def size(count: float | None) -> str:
    """Format a number of bytes; None gives the word for unknown."""
    if count is None:
        return text("unit.unknown")
    for unit, bytes_ in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= bytes_:
            return f"{number(count / bytes_, 1)} {unit}"
    return f"{number(count)} B"
