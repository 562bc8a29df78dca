"""The page Catalogue: upload a file, prepare it, and inspect the result."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas
import streamlit as st

from shelftalk.catalogue.attributes import possible_attribute_columns
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.columns import automatic_attributes, list_attribute_columns
from shelftalk.catalogue.describe import commonest_attributes, examples
from shelftalk.catalogue.preview import Preview, preview
from shelftalk.errors import ShelftalkError
from shelftalk.settings import PrepareSettings, TrainingSettings
from shelftalk.studio import charts
from shelftalk.studio.attribute_table import show_attributes
from shelftalk.studio.forecast_view import show_forecast
from shelftalk.studio.forms import settings_form
from shelftalk.studio.language import has_text, number, percent, text
from shelftalk.studio.session import choose, remember, scroll_to_top, workspace
from shelftalk.studio.show import errors_shown, show_error, show_failed, watch_task
from shelftalk.studio.tasks import Task, forget_task, list_tasks, read_task, start_task
from shelftalk.studio.uploads import forget_upload, forget_uploads, keep_upload
from shelftalk.workspace import check_name

ROWS = 25
TABLE_HEIGHT = 520
NONE = ""
SETTINGS = ("max_products", "validation_share", "test_share", "near_duplicates", "seed")
MOST_LENGTH = 2048
COUNTED = 100_000  # products whose values of attributes are counted: a second or two


def show() -> None:
    """Draw the page."""
    st.write(text("catalogue.intro"))
    names = workspace().catalogues()
    _preparing()
    with st.expander(text("catalogue.add"), icon=":material/upload_file:", expanded=not names), errors_shown():
        _add()
    if not names:
        st.info(text("catalogue.none"))
        return
    name = choose("catalogue", text("catalogue.choose"), names)
    catalogue = Catalogue.open(workspace().existing_catalogue(name))
    _numbers(catalogue)
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


def _add() -> None:
    """Ask for a file, show its raw records, and offer to prepare it."""
    turn = st.session_state.setdefault("upload-turn", 0)  # a new value clears the upload field
    uploaded = st.file_uploader(text("catalogue.upload"), help=text("catalogue.upload_help"), key=f"upload-{turn}")
    typed = st.text_input(
        text("catalogue.path"), placeholder="/home/me/LF-Amazon-1.3M.raw.zip", help=text("catalogue.path_help")
    )
    if uploaded is not None:
        source = _kept(uploaded)
    elif typed.strip():
        source = Path(typed.strip()).expanduser().absolute()
    else:
        return
    try:
        seen = _preview(source)
    except ShelftalkError as error:  # the long path of an upload would not help the user
        show_error(str(error).replace(str(source), source.name))
        return
    _raw(seen.records)
    mapping = _map_columns(seen)
    attributes = _choose_attributes(seen, mapping)
    with st.popover(text("catalogue.more_settings"), icon=":material/tune:"):
        values = settings_form(PrepareSettings, SETTINGS, {}, "prepare", columns=1)
    name = st.text_input(text("catalogue.name"), value=_slug(source.name), help=text("form.name_help"))
    if st.button(text("catalogue.prepare"), type="primary", icon=":material/cleaning_services:"):
        _start(source, name, mapping, seen, {**values, "attributes": attributes})


def _preview(source: Path) -> Preview:
    """Return a preview of the beginning of a file; it is read again only when the file has changed."""
    stamp = (source, source.stat().st_mtime_ns if source.exists() else 0)
    kept = st.session_state.get("preview")
    if kept is None or kept[0] != stamp:
        kept = (stamp, preview(source))
        remember("preview", kept)
    seen: Preview = kept[1]
    return seen


def _kept(uploaded: Any) -> Path:
    """Return the path of an uploaded file, which is written once."""
    kept = st.session_state.get("upload")
    if kept is None or kept[0] != uploaded.file_id or not kept[1].is_file():
        kept = (uploaded.file_id, keep_upload(workspace(), uploaded.name, uploaded.getvalue()))
        remember("upload", kept)
    return Path(kept[1])


def _as_in_file(name: str, catalogue: Catalogue) -> None:
    _raw((one["line"], one["text"]) for one in catalogue.summary.get("raw", []))


def _raw(records: Iterable[tuple[int, str]]) -> None:
    """Show raw records of the file, each with its line number."""
    st.markdown(f"**{text('catalogue.raw')}**")
    for line, record in records:
        st.caption(text("catalogue.line", line=number(line)))
        st.code(record, language=None, wrap_lines=True)


def _map_columns(seen: Preview) -> dict[str, str | None]:
    """Let the user select the columns; those with a usual name are preselected.

    A description that is joined from several columns is one option, with all their names.
    """
    joined = " + ".join(seen.description)
    guesses = {"title_field": seen.title, "description_field": joined, "id_field": seen.uid}
    mapping: dict[str, str | None] = {}
    for column, (role, guess) in zip(st.columns(3), guesses.items(), strict=True):
        options = list(dict.fromkeys([NONE, *seen.columns, guess or NONE]))
        index = options.index(guess) if guess in options else 0
        none = text("catalogue.numbered") if role == "id_field" else text("catalogue.choose_column")
        words = {one: one or none for one in options}
        chosen = column.selectbox(text(f"catalogue.{role}"), options, index=index, format_func=words.__getitem__)
        mapping[role] = chosen or None
    return mapping


def _choose_attributes(seen: Preview, mapping: dict[str, str | None]) -> str:
    """Let the user choose the columns of attributes, and return the setting; the automatic choice is preselected.

    Another file, or other columns of title, description and id, bring their own preselection.
    """
    title, description, uid = (mapping[role] or "" for role in ("title_field", "description_field", "id_field"))
    texts = (description,) if description in seen.columns else seen.description if description else ()
    automatic = automatic_attributes(seen.columns, title, texts, uid)
    options = [one for one in possible_attribute_columns(seen.columns, (title, *texts, uid)) if "\0" not in one]
    stamp = st.session_state["preview"][0]
    chosen = st.multiselect(
        text("catalogue.attribute_columns"),
        options,
        [one for one in automatic if one in options],
        help=text("catalogue.attribute_columns_help"),
        placeholder=text("catalogue.no_columns"),
        select_all=False,
        key=f"attribute-columns-{hash((stamp, title, texts, uid))}",
    )
    if not chosen:
        st.caption(text("catalogue.no_attributes"))
    return "automatic" if set(chosen) == set(automatic) else list_attribute_columns(chosen)


def _start(source: Path, name: str, mapping: dict[str, str | None], seen: Preview, values: dict[str, Any]) -> None:
    check_name(name, "catalogue")
    missing = [text(f"catalogue.{role}") for role in ("title_field", "description_field") if not mapping[role]]
    if missing:
        show_error(text("catalogue.unmapped", columns=", ".join(missing)))
        return
    if name in workspace().catalogues():
        show_error(text("catalogue.taken", name=name))
        return
    named = {role: column for role, column in mapping.items() if column in seen.columns}  # joined ones are detected
    settings = PrepareSettings.from_mapping({**values, **named})
    options = [
        part
        for one in fields(settings)
        if (value := getattr(settings, one.name)) is not None
        for part in (f"--{one.name.replace('_', '-')}={value}",)
    ]
    about = {"name": name, "source": str(source)}
    if not start_task(workspace(), f"prepare-{name}", ["prepare", str(source), "--name", name, *options], about):
        show_error(text("catalogue.busy", name=name))
        return
    remember("preparing", name)
    scroll_to_top()
    st.rerun()


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
    rejected = sorted(catalogue.summary["rejected"].items(), key=lambda one: -one[1])
    if not rejected:
        st.info(text("catalogue.nothing_left_out"))
        return
    found = examples(catalogue)
    for reason, count in rejected:
        with st.container(border=True):
            share = percent(count / catalogue.summary["read"], 1)
            st.markdown(f"**{text(f'reason.{reason}')}** · {number(count)} ({share})")
            lines = [
                f"{text('catalogue.line', line=number(one['line']))}  →  {one['detail'] or text('catalogue.no_detail')}"
                for one in found[reason]
            ]
            st.text("\n".join(lines))


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


def _slug(name: str) -> str:
    stem = name.lower().split(".")[0]
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")[:40] or "mine"
