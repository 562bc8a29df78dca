"""The page Catalogue: upload a file, prepare it, and inspect the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import streamlit as st

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.describe import commonest_attributes, examples
from shelftalk.prompts import TEMPLATES
from shelftalk.settings import TrainingSettings
from shelftalk.studio import charts
from shelftalk.studio.add_catalogue import add_catalogue, show_raw
from shelftalk.studio.attribute_table import show_attributes
from shelftalk.studio.forecast_view import show_concerns, show_forecast
from shelftalk.studio.language import has_text, language_name, number, percent, said_detail, said_why, text
from shelftalk.studio.rules_form import show_rules
from shelftalk.studio.session import choose, remember, workspace
from shelftalk.studio.show import errors_shown, show_error, show_failed, watch_task
from shelftalk.studio.tasks import Task, forget_task, list_tasks, read_task, start_task
from shelftalk.studio.uploads import forget_upload, forget_uploads

ROWS = 25
TABLE_HEIGHT = 520
MOST_LENGTH = 2048
COUNTED = 100_000  # products whose values of attributes are counted: a second or two


def show() -> None:
    """Draw the page."""
    st.write(text("catalogue.intro"))
    names = workspace().catalogues()
    _preparing()
    with st.expander(text("catalogue.add"), icon=":material/upload_file:", expanded=not names), errors_shown():
        add_catalogue()
    if not names:
        st.info(text("catalogue.none"))
        return
    name = choose("catalogue", text("catalogue.choose"), names)
    catalogue = Catalogue.open(workspace().existing_catalogue(name))
    _numbers(catalogue)
    _say_language(catalogue)
    show_concerns(catalogue)
    show_rules(name, catalogue)
    # Only the open tab is drawn: each of the others may take seconds on a large catalogue.
    tabs = {
        "products": _products,
        "attributes": _attributes,
        "raw": _as_in_file,
        "left_out": _left_out,
        "lengths": _lengths,
    }
    labels = [text(f"catalogue.{tab}") for tab in tabs]
    for tab, draw in zip(st.tabs(labels, key="catalogue-tab", on_change="rerun"), tabs.values(), strict=True):
        if tab.open:
            with tab, errors_shown():
                draw(name, catalogue)


def _as_in_file(name: str, catalogue: Catalogue) -> None:
    show_raw((one["line"], one["text"]) for one in catalogue.summary.get("raw", []))


def _preparing() -> None:
    """Show running preparations, errors of failed ones, and the result of this session's own."""
    for name, task in list_tasks(workspace(), "prepare").items():
        if task.status == "running":
            watch_task(f"prepare-{name}", text("catalogue.preparing", name=name))
        elif task.status == "failed":
            show_failed(f"prepare-{name}", task)
        elif task.status == "done":
            _prepared(name, task)


def _prepared(name: str, task: Task) -> None:
    """Delete the uploaded file, and select the catalogue if this session prepared it."""
    forget_upload(workspace(), Path(task.about["source"]))
    forget_uploads(workspace())
    if st.session_state.get("preparing") != name:
        return
    forget_task(workspace(), f"prepare-{name}")
    remember("preparing", None)
    remember("upload", None)
    remember("upload-turn", st.session_state.get("upload-turn", 0) + 1)
    remember("catalogue", name)
    kept, read = number(task.result["kept"]), number(task.result["read"])
    st.success(text("catalogue.prepared", kept=kept, read=read), icon=":material/check:")


def _numbers(catalogue: Catalogue) -> None:
    split = catalogue.summary["split"]
    figures = [
        ("catalogue.kept", catalogue.count()),
        ("catalogue.left_out", catalogue.summary["read"] - catalogue.count()),
        ("catalogue.train", split["train"]),
        ("catalogue.validation", split["validation"]),
        ("catalogue.test", split["test"]),
    ]
    for column, (key, count) in zip(st.columns(len(figures)), figures, strict=True):
        help = text(f"{key}_help") if has_text(f"{key}_help") else None
        column.metric(text(key), number(count), help=help, border=True)


def _say_language(catalogue: Catalogue) -> None:
    """Say in which language the texts are, and requests; nothing for a catalogue of an earlier version."""
    code = catalogue.summary.get("language")
    if code is None:
        return
    kind = "unknown" if not code else "known" if code in TEMPLATES else "other"
    st.caption(text(f"catalogue.language_{kind}", language=language_name(code)))


def _products(name: str, catalogue: Catalogue) -> None:
    search, where, split = st.columns([3, 2, 2], vertical_alignment="bottom")
    words = search.text_input(text("catalogue.search"), placeholder=text("catalogue.search_hint"))
    in_descriptions = where.toggle(text("catalogue.in_descriptions"))
    chosen = split.selectbox(
        text("catalogue.split"),
        ["", "train", "validation", "test"],
        format_func=lambda one: text(f"catalogue.{one or 'all'}"),
    )
    with st.spinner(text("catalogue.searching")):
        rows = _find(str(catalogue.folder), catalogue.data_hash, words.strip(), chosen or None, in_descriptions)
    if not len(rows):
        st.info(text("catalogue.not_found"))
        return
    pages = -(-len(rows) // ROWS)
    found, turn = st.columns([5, 2], vertical_alignment="center")
    page = turn.number_input(
        text("catalogue.page", pages=number(pages)), 1, pages, 1, key=f"page-{words}-{chosen}-{in_descriptions}"
    )
    found.caption(text("catalogue.found", count=number(len(rows))))
    shown = rows[ROWS * (page - 1) : ROWS * page]
    products = catalogue.take(shown)
    table = pandas.DataFrame(
        [(one.title, one.description, one.uid) for one in products],
        columns=[text("catalogue.column_title"), text("catalogue.column_description"), text("catalogue.column_id")],
    )
    picked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=TABLE_HEIGHT,
        column_config={
            text("catalogue.column_title"): st.column_config.TextColumn(width=360),
            text("catalogue.column_description"): st.column_config.TextColumn(width=460),
        },
        key=f"products-{catalogue.data_hash[:8]}-{page}-{words}-{chosen}-{in_descriptions}",
    )
    st.caption(text("catalogue.pick_row"))
    for row in picked["selection"]["rows"]:
        with st.container(border=True):
            st.text(products[row].title)
            show_attributes(products[row].attributes, key="picked-attributes")
            st.text(products[row].description)


@st.cache_resource(max_entries=8, show_spinner=False)  # cache_data would pickle two million numbers
def _find(folder: str, data_hash: str, words: str, split: str | None, in_descriptions: bool) -> Any:
    return Catalogue.open(Path(folder)).find(words, split, in_descriptions)


def _attributes(name: str, catalogue: Catalogue) -> None:
    """Show the attributes of a catalogue: the share of products that have each, and its commonest values."""
    with st.spinner(text("catalogue.searching")):
        found = _commonest(str(catalogue.folder), catalogue.data_hash)
    if not found:
        st.info(text("catalogue.no_attributes"))
        show_forecast(catalogue)
        return
    show_forecast(catalogue)
    attribute, share, values = (
        text(f"catalogue.{one}") for one in ("attribute", "attribute_share", "attribute_values")
    )
    st.dataframe(
        pandas.DataFrame(
            [(one["name"], 100 * one["products"] / catalogue.count(), "; ".join(one["values"])) for one in found],
            columns=[attribute, share, values],
        ),
        hide_index=True,
        column_config={
            attribute: st.column_config.TextColumn(width=180),
            share: st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=180),
            values: st.column_config.TextColumn(width=560),
        },
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _commonest(folder: str, data_hash: str) -> list[dict[str, Any]]:
    return commonest_attributes(Catalogue.open(Path(folder)), COUNTED)


def _left_out(name: str, catalogue: Catalogue) -> None:
    source = catalogue.summary["source"]
    if "files" in source:
        _files(source)
    rejected = sorted(catalogue.summary["rejected"].items(), key=lambda one: -one[1])
    if not rejected:
        if not source.get("left_out"):
            st.info(text("catalogue.nothing_left_out"))
        return
    found = examples(catalogue)
    for reason, count in rejected:
        with st.container(border=True):
            share = percent(count / catalogue.summary["read"], 1)
            st.markdown(f"**{text(f'reason.{reason}')}** · {number(count)} ({share})")
            lines = []
            for one in found[reason]:
                file = f"{one['file']}, " if "files" in source else ""
                place = f"{file}{text('catalogue.line', line=number(one['line']))}"
                detail = said_detail(reason, one["detail"]) or text("catalogue.no_detail")
                lines.append(f"{place}  →  {detail}")
            st.text("\n".join(lines))


def _files(source: dict[str, Any]) -> None:
    """Show how many rows of each file are in the catalogue, and which files of a folder are not."""
    names = [text(f"catalogue.{one}") for one in ("file", "rows", "kept", "left_out")]
    counts = [(one["name"], one["read"], one["kept"], one["rejected"]) for one in source["files"]]
    st.dataframe(pandas.DataFrame(counts, columns=names), hide_index=True)
    if source["left_out"]:
        st.markdown(f"**{text('catalogue.files_left_out')}**")
        st.text("\n".join(f"{one['name']}  →  {said_why(one['why'])}" for one in source["left_out"]))


def _lengths(name: str, catalogue: Catalogue) -> None:
    about = {"data_hash": catalogue.data_hash}
    task = read_task(workspace(), f"inspect-{name}")
    if task.status != "running" and task.about != about:
        start_task(workspace(), f"inspect-{name}", ["inspect", name], about)
        task = read_task(workspace(), f"inspect-{name}")
    if task.status == "running":
        watch_task(f"inspect-{name}", text("catalogue.counting"))
        return
    tokens = task.result["tokens"] if task.status == "done" else None
    if tokens is None:
        show_error(task.error or text("catalogue.no_tokens"))
        if st.button(text("app.retry")):
            forget_task(workspace(), f"inspect-{name}")
            st.rerun()
    if task.status == "done":
        _show_characters(task.result["characters"])
    if tokens is not None:
        _show_tokens(tokens)


def _show_characters(characters: dict[str, Any]) -> None:
    st.markdown(f"**{text('catalogue.characters')}**")
    rows = {
        text(f"catalogue.column_{part}"): {_quantile(at): number(value) for at, value in found.items()}
        for part, found in characters.items()
    }
    st.table(pandas.DataFrame(rows).T)


def _show_tokens(tokens: dict[str, Any]) -> None:
    st.markdown(f"**{text('catalogue.tokens')}**")
    histogram = tokens["histogram"]
    step = histogram["step"]
    length = st.slider(
        text("catalogue.max_tokens"),
        step,
        MOST_LENGTH,
        TrainingSettings.max_tokens,
        step,
        help=text("catalogue.max_tokens_help"),
    )
    charts.histogram(histogram, length)
    cut = histogram["cut"][length // step - 1]
    share = percent(cut / tokens["products"], 1)
    st.write(text("catalogue.cut", cut=number(cut), all=number(tokens["products"]), share=share, length=number(length)))
    st.caption(text("catalogue.proposed", length=number(tokens["max_tokens"])))


def _quantile(at: str) -> str:
    return text("catalogue.longest") if at == "max" else f"{at} %"
