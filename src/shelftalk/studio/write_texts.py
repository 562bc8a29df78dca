"""Write texts for a shop's file from the studio: the command `generate`, as a task."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.runs.run import Run
from shelftalk.studio.add_catalogue import READING
from shelftalk.studio.forms import settings_form
from shelftalk.studio.language import text
from shelftalk.studio.session import remember, workspace
from shelftalk.studio.show import show_failed, watch_task
from shelftalk.studio.tasks import forget_task, read_task, start_task
from shelftalk.studio.uploads import safe_name
from shelftalk.workspace import Workspace, write_bytes

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
FOLDER = "texts"  # in the workspace: uploaded files with their texts, decisions and import files


def write_texts(run: Run, first: bool) -> None:
    """Ask for a file of products, and write a text for each; `first` opens the section.

    While it writes, the progress is shown, in every browser. What was written last is chosen then.
    """
    name = task_of(run)
    task = read_task(workspace(), name)
    if task.status == "running":
        watch_task(name, text("review.writing_file"))
        return
    if task.status == "failed":
        show_failed(name, task)
    if task.status == "done":
        remember("texts", task.about["output"])
        forget_task(workspace(), name)
        st.rerun()
    with st.expander(text("review.write_file"), expanded=first, icon=":material/upload_file:"):
        st.write(text("review.write_file_help"))
        uploaded = st.file_uploader(text("review.file"), key=f"write-upload-{run.name}")
        typed = st.text_input(
            text("review.path"), placeholder="/home/me/products_export.csv", key=f"write-path-{run.name}"
        )
        named = Path(uploaded.name if uploaded is not None else typed.strip())
        if named.suffix.lower() in SPREADSHEETS:
            st.warning(text("review.spreadsheet"), icon=":material/table_view:")
        with st.popover(text("catalogue.reading"), icon=":material/text_fields:"):
            title = st.text_input(text("catalogue.title_field"), key=f"write-title-{run.name}").strip()
            uid = st.text_input(text("catalogue.id_field"), key=f"write-id-{run.name}").strip()
            reading = settings_form(PrepareSettings, READING, {}, f"write-{run.name}", columns=1)
        grounded = st.toggle(text("review.grounded"), value=True, help=text("review.grounded_help"))
        if not st.button(text("review.write"), type="primary", icon=":material/edit_note:"):
            return
        if uploaded is not None:
            source = folder_for(workspace(), uploaded.name) / safe_name(uploaded.name)
            write_bytes(source, uploaded.getvalue())
        elif typed.strip():
            source = Path(typed.strip()).expanduser().absolute()
        else:
            st.warning(text("review.no_file"))
            return
        folder = source.parent if uploaded is not None else folder_for(workspace(), str(source))
        folder.mkdir(parents=True, exist_ok=True)
        output = folder / f"{source.name.partition('.')[0]}-{run.name}-texts.csv"
        given = {"title_field": title or None, "id_field": uid or None, **reading}
        options = ["--replace", *(["--grounded"] if grounded else [])]
        options += [f"--{one.replace('_', '-')}={value}" for one, value in given.items() if value not in (None, "")]
        arguments = ["generate", run.name, f"--input={source}", f"--output={output}", *options]
        start_task(workspace(), name, arguments, {"output": str(output)})
        st.rerun()


def task_of(run: Run) -> str:
    """Return the name of the task that writes texts with a run."""
    return f"write-{run.name}"


def folder_for(workspace: Workspace, name: str) -> Path:
    """Return the folder for files of this name: a longer one keeps the decisions on the one before.

    Names that differ only in unsafe characters, as those in other scripts do, have folders of their own; so have paths.
    """
    safe = safe_name(name)
    digest = "" if safe == name else f"-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"
    return workspace.root.absolute() / FOLDER / f"{safe}{digest}"
