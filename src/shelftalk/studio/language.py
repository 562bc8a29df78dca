"""The texts and numbers of a page in the language of its session; see `translations.words`."""

from __future__ import annotations

from typing import Any

import streamlit as st

from shelftalk.settings import Settings
from shelftalk.translations.messages import translated, translated_part
from shelftalk.translations.rejects import translated_detail
from shelftalk.translations.texts import LANGUAGES, nearest
from shelftalk.translations.words import Words

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


def current() -> str:
    """Return the language of this session: the selected one, or the one in the URL, or the browser's."""
    chosen = st.session_state.get(STATE) or st.query_params.get(STATE)
    if chosen in LANGUAGES:
        return str(chosen)
    return nearest(st.context.locale or "")


def update_page(language: str, top: int) -> None:
    """Set the page's language attribute, for screen readers; a new value of `top` scrolls to its top."""
    _page(data={"language": language, "top": top}, key="page")


def words() -> Words:
    """Return how the current language writes texts, numbers and settings."""
    return Words(current())


def text(key: str, **values: Any) -> str:
    """Return the text of a key in the current language, formatted with `values`; numbers must be strings already."""
    return words().text(key, **values)


def has_text(key: str) -> bool:
    """Return whether a text with that key exists."""
    return words().has_text(key)


def language_name(code: str) -> str:
    """Return the name of the language with that code, or the code where no name is known."""
    key = f"language.{code}"
    return text(key) if has_text(key) else code


def said(message: str) -> str:
    """Return an error's message, or a notice, in the current language; what is not known of it stays in English."""
    return translated(message, current())


def said_why(reason: str) -> str:
    """Return why a file is left out, in the current language."""
    return translated_part(reason, current())


def said_detail(reason: str, detail: str) -> str:
    """Return the detail of a rejected row in the current language; data in it stays as it is."""
    return translated_detail(reason, detail, current())


def setting_label(cls: type[Settings], name: str) -> str:
    """Return the label of a setting."""
    return words().setting_label(cls, name)


def setting_sentence(cls: type[Settings], name: str) -> str:
    """Return the help sentence of a setting; the English one is in the settings class."""
    return words().setting_sentence(cls, name)


def number(value: float, digits: int = 0) -> str:
    """Format a number in the current language."""
    return words().number(value, digits)


def percent(share: float, digits: int = 0) -> str:
    """Format a share, from 0 to 1, as a percentage."""
    return words().percent(share, digits)


def duration(seconds: float | None) -> str:
    """Format a duration in its one or two largest units; None gives the word for unknown."""
    return words().duration(seconds)


def size(count: float | None) -> str:
    """Format a number of bytes; None gives the word for unknown."""
    return words().size(count)
