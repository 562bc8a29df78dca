"""Show texts of catalogues and models as what they are, characters, and every error as one sentence with its cure.

Nothing here or in the pages hands such a text to a function of Streamlit's that reads Markdown or HTML.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from shelftalk.errors import ShelftalkError
from shelftalk.studio.language import text
from shelftalk.studio.navigation import link

LOGGER = logging.getLogger("shelftalk.studio")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what goes wrong in the block in place of the rest of it, never a traceback."""
    try:
        yield
    except ShelftalkError as error:
        show_error(str(error))
    except Exception:
        LOGGER.exception("A page failed")  # in the terminal of who started the studio
        show_error(text("error.unexpected"))


def show_error(message: str) -> None:
    """Show an error; its message may hold names of columns and files, and is shown as it is."""
    with st.container(border=True):
        st.error(text("error.heading"), icon=":material/error:")
        st.text(message)


def show_empty(key: str, page: str | None = None) -> None:
    """Say that there is nothing here yet and what to do next; `page` is where that is done.

    `key`.what and `key`.next are the texts.
    """
    with st.container(border=True):
        st.markdown(f"**{text(f'{key}.what')}**")
        st.write(text(f"{key}.next"))
        if page:
            link(page)


def show_quote(body: str, label: str | None = None) -> None:
    """Show a text of the data in a frame, under a label of ours."""
    with st.container(border=True):
        if label:
            st.caption(label)
        st.text(body)
