"""Write accepted texts back from the studio: the command `publish`, as a task, and its files to download."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas
import streamlit as st

from shelftalk.catalogue.file_names import suffix_of
from shelftalk.publishing.settings import FORMATS
from shelftalk.review.outputs import Output
from shelftalk.review.review import Review
from shelftalk.runs.run import Run
from shelftalk.studio.language import number, text
from shelftalk.studio.session import workspace
from shelftalk.studio.show import show_failed, watch_task
from shelftalk.studio.tasks import read_task, start_task

CHOICES = ("automatic", *(one for one in FORMATS if one != "google"), "google_tsv", "google_xml")
SUFFIXES = {"shopify": ".csv", "woocommerce": ".csv", "google_tsv": ".tsv", "google_xml": ".xml"}
NAMES_SHOWN = 10


def publish_texts(run: Run, review: Review) -> None:
    """Offer to write the accepted texts into a file for the shop's importer, and show what was written."""
    name, output, counts = f"publish-{run.name}", review.output, review.counts()
    accepted = counts["accepted"] + counts["edited"]
    with st.expander(text("publish.title"), icon=":material/publish:"):
        st.write(text("publish.help"))
        if not output.source.is_file():
            st.text(text("publish.no_input", path=str(output.source)))
            return
        left, right = st.columns(2, vertical_alignment="bottom")
        choices = {one: text(f"publish.format_{one}") for one in CHOICES}
        format = left.selectbox(text("publish.format"), CHOICES, format_func=choices.__getitem__, key="publish-format")
        help = text("publish.overwrite_help")
        overwrite = right.toggle(text("publish.overwrite"), help=help, key="publish-overwrite")
        if counts["faulty_accepted"]:
            st.warning(text("publish.faulty", count=number(counts["faulty_accepted"])), icon=":material/warning:")
        task = read_task(workspace(), name)
        if task.status == "running":  # below the fields, which would lose what was chosen if they were not drawn
            watch_task(name, text("publish.running"))
            return
        with st.container(horizontal=True):
            tried = st.button(text("publish.try"), icon=":material/visibility:", disabled=not accepted)
            label = text("publish.make", count=number(accepted))
            made = st.button(label, type="primary", icon=":material/publish:", disabled=not accepted)
        about = {"texts": str(output.path)}
        if tried or made:
            start_task(workspace(), name, _arguments(run, output, format or "automatic", overwrite, tried), about)
            st.rerun()
        if task.status == "failed":
            show_failed(name, task)
        elif task.status == "done" and task.about == about:
            _show(task.result)


def _arguments(run: Run, output: Output, format: str, overwrite: bool, dry_run: bool) -> list[str]:
    suffix = SUFFIXES.get(format) or suffix_of(output.source.name)
    stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")  # so that no earlier file is in the way
    target = output.path.with_name(f"{output.source.name.split('.')[0]}-import-{stamp}{suffix}")
    options = [f"--texts={output.path}", f"--input={output.source}", f"--to={target}", "--accepted"]
    options += [f"--format={format.partition('_')[0]}"]
    options += ["--overwrite"] if overwrite else []
    options += ["--dry-run"] if dry_run else []
    return ["publish", run.name, *options]


def _show(result: dict[str, Any]) -> None:
    """Show what was written, or would be, what was left out and why, and offer the files."""
    key = "publish.would_write" if result["dry_run"] else "publish.wrote" if result["written"] else "publish.nothing"
    st.text(text(key, count=number(result["written"])))
    if result["kept"]:
        st.text(text("publish.kept", count=number(result["kept"])))
    for reason, names in result["left_out"].items():
        shown = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
        st.text(text(f"publish.{reason}", count=number(len(names)), names=shown))
    if result["dry_run"] and result["examples"]:
        st.dataframe(pandas.DataFrame(result["examples"]), hide_index=True)
    if not result["target"]:
        return
    st.write(text(f"publish.next_{result['format']}"))
    with st.container(horizontal=True):
        for which in ("target", "restore"):
            path = Path(result[which])
            if path.is_file():
                label, icon = text(f"publish.{which}"), ":material/download:"
                st.download_button(label, path.read_bytes, path.name, icon=icon, key=f"publish-{which}")
    st.caption(text("publish.restore_help"))
