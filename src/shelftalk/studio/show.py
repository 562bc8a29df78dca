"""Show texts of catalogues and models as plain text, and every error as one sentence that says what to do.

Neither this module nor a page passes such a text to a Streamlit function that interprets Markdown or HTML.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from shelftalk.errors import ShelftalkError
from shelftalk.studio.language import said, text
from shelftalk.studio.navigation import link
from shelftalk.studio.session import workspace
from shelftalk.studio.tasks import Task, forget_task, read_task

LOGGER = logging.getLogger("shelftalk.studio")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the block in place of the rest of the block, without a traceback."""
    try:
        yield
    except ShelftalkError as error:
        show_error(str(error))
    except Exception:
        LOGGER.exception("A page failed")  # to the terminal where the studio was started
        show_error(text("error.unexpected"))


def show_error(message: str) -> None:
    """Show an error in the page's language: a text of the studio, or the message of an error, which is English.

    It may contain names of columns and files, so it is shown as plain text.
    """
    with st.container(border=True):
        st.error(text("error.heading"), icon=":material/error:")
        st.text(said(message))


@st.fragment(run_every=1.0)
def watch_task(name: str, message: str) -> None:
    """Show the progress of the running task `name`; when it ends, redraw the whole page."""
    task = read_task(workspace(), name)
    if task.status != "running":
        st.rerun()
    if task.progress:
        done, total = task.progress
        st.progress(min(1.0, done / total), message)
    else:
        st.info(message, icon=":material/hourglass_top:")


def show_failed(name: str, task: Task) -> None:
    """Show why task `name` failed, until the user dismisses it."""
    show_error(task.error or text("error.ended"))
    if st.button(text("app.dismiss"), key=f"dismiss-{name}"):
        forget_task(workspace(), name)
        st.rerun(scope="app")


def show_empty(key: str, page: str | None = None) -> None:
    """Show that there is nothing here yet and what to do next, with a button to `page`.

    The texts are `key`.what and `key`.next.
    """
    with st.container(border=True):
        st.markdown(f"**{text(f'{key}.what')}**")
        st.write(text(f"{key}.next"))
        if page:
            link(page)


def show_quote(body: str, label: str | None = None) -> None:
    """Show a text of the data in a frame, under a label of the studio."""
    with st.container(border=True):
        if label:
            st.caption(label)
        st.text(body)
