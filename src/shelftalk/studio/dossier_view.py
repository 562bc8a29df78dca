"""Write a run's dossier in the background, and offer it as files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import streamlit as st

from shelftalk import proof
from shelftalk.runs.run import Run
from shelftalk.studio.language import current, text
from shelftalk.studio.session import workspace
from shelftalk.studio.show import show_error, watch_task
from shelftalk.studio.tasks import read_task, start_task, task_folder
from shelftalk.workspace import sha256

FOLDER = "dossier"  # in the folder of the task
HTML = "dossier.html"


def show_dossier(run: Run) -> None:
    """Offer the dossier of a run in the page's language: to write it, and when it is written to save it.

    One that was written in another language or before another evaluation is not offered.
    """
    name = f"dossier-{run.name}"
    task, about = read_task(workspace(), name), _about(run)
    with st.container(border=True):
        st.markdown(f"**{text('report.dossier')}**")
        st.caption(text("report.dossier_help"))
        if task.status == "running":
            watch_task(name, text("report.dossier_writing"))
            return
        if task.status == "failed":
            show_error(task.error or text("error.ended"))
        folder = task_folder(workspace(), name) / FOLDER
        if task.status == "done" and task.about == about and (folder / HTML).is_file():
            page, whole = st.columns(2)
            label = text("report.dossier_page")
            file = f"{run.name}-{HTML}"
            page.download_button(label, (folder / HTML).read_bytes(), file, "text/html", icon=":material/download:")
            label = text("report.dossier_zip")
            whole.download_button(label, _zip(folder), f"{run.name}-dossier.zip", icon=":material/folder_zip:")
        elif st.button(text("report.dossier_write"), icon=":material/description:", key="write-dossier"):
            start_task(workspace(), name, _command(run, folder), about)
            st.rerun()


def _command(run: Run, folder: Path) -> list[str]:
    return ["dossier", run.name, "--to", str(folder.resolve()), "--language", current()]


def _about(run: Run) -> dict[str, Any]:
    evaluation = run.folder / proof.EVALUATION
    return {"language": current(), "evaluation": sha256(evaluation) if evaluation.is_file() else None}


def _zip(folder: Path) -> bytes:
    """Return the dossier's files as a zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"dossier/{file.relative_to(folder).as_posix()}")
    return data.getvalue()
