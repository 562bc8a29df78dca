"""Add a catalogue: upload a file or name it, look at its beginning, choose how to read it, and prepare it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import streamlit as st

from shelftalk.catalogue.attributes import possible_attribute_columns
from shelftalk.catalogue.columns import automatic_attributes, list_attribute_columns
from shelftalk.catalogue.preview import Preview
from shelftalk.catalogue.settings import NO_ID, FileSettings, PrepareSettings
from shelftalk.catalogue.sources import preview_first
from shelftalk.errors import ShelftalkError
from shelftalk.studio.forms import settings_form
from shelftalk.studio.language import number, text
from shelftalk.studio.session import remember, scroll_to_top, workspace
from shelftalk.studio.show import show_error
from shelftalk.studio.tasks import start_task
from shelftalk.studio.uploads import keep_upload
from shelftalk.workspace import check_name

NONE = ""
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
READING = ("encoding", "delimiter", "header_line", "columns", "sheet", "language", "max_expanded")
SETTINGS = ("max_products", "validation_share", "test_share", "near_duplicates", "seed")


def add_catalogue() -> None:
    """Ask for a file, or the path of a folder, show its raw records, and offer to prepare it.

    Of a folder the first file is shown.
    """
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
    with st.popover(text("catalogue.reading"), icon=":material/text_fields:"):
        typed_in = settings_form(PrepareSettings, READING, {}, f"reading-{hash(source)}", columns=1)
    try:
        reading = PrepareSettings.from_mapping(typed_in)
        seen = _preview(source, reading)
    except ShelftalkError as error:  # the long path of an upload would not help the user
        show_error(str(error).replace(str(source), source.name))
        return
    _say_form(seen)
    show_raw(seen.records)
    mapping = _map_columns(seen)
    attributes = _choose_attributes(seen, mapping)
    with st.popover(text("catalogue.more_settings"), icon=":material/tune:"):
        values = settings_form(PrepareSettings, SETTINGS, {}, "prepare", columns=1)
    name = st.text_input(text("catalogue.name"), value=_slug(source.name), help=text("form.name_help"))
    if st.button(text("catalogue.prepare"), type="primary", icon=":material/cleaning_services:"):
        _start(source, name, mapping, seen, {**values, **typed_in, "attributes": attributes})


def _say_form(seen: Preview) -> None:
    """Say how a text or a sheet was read: its encoding or name, the delimiter, the line with the names, the element."""
    if seen.kind == "parquet":
        return
    form, found = seen.form, seen.form.dialect
    said = text("catalogue.read_as", encoding=form.encoding)
    if seen.kind == "sheet":
        said = text("catalogue.read_sheet", sheet=form.sheet) if form.sheet else text("catalogue.read_only_sheet")
        said += text("catalogue.other_sheets", sheets=", ".join(form.other_sheets)) if form.other_sheets else ""
    elif form.element:
        said += text("catalogue.read_element", element=form.element)
        others = ", ".join(f"<{name}>" for name in form.other_elements)
        said += text("catalogue.other_elements", elements=others) if others else ""
    elif found:
        known = DELIMITERS.get(found.delimiter)
        said += text(
            "catalogue.read_as_table", delimiter=text(f"catalogue.delimiter_{known}") if known else found.delimiter
        )
    if found and found.header_line:
        said += text("catalogue.names_in_line", line=number(found.header_line))
    st.text(f"{said}.")


def _preview(source: Path, reading: FileSettings) -> Preview:
    """Return a preview of the beginning of a file; read again when it or how to read it has changed."""
    stamp = (source, source.stat().st_mtime_ns if source.exists() else 0, reading)
    kept = st.session_state.get("preview")
    if kept is None or kept[0] != stamp:
        kept = (stamp, preview_first(source, reading))
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


def show_raw(records: Iterable[tuple[int, str]]) -> None:
    """Show raw records of the file, each with its line number."""
    st.markdown(f"**{text('catalogue.raw')}**")
    for line, record in records:
        st.caption(text("catalogue.line", line=number(line)))
        st.code(record, language=None, wrap_lines=True)


def _map_columns(seen: Preview) -> dict[str, str | None]:
    """Let the user select the columns; those with a usual name are preselected.

    A description that is joined from several columns is one option, with all their names.
    """
    mapping: dict[str, str | None] = {}
    for column, (role, guess) in zip(st.columns(3), _detected(seen).items(), strict=True):
        options = list(dict.fromkeys([NONE, *seen.columns, guess or NONE]))
        index = options.index(guess) if guess in options else 0
        none = text("catalogue.numbered") if role == "id_field" else text("catalogue.choose_column")
        words = {one: one or none for one in options}
        chosen = column.selectbox(text(f"catalogue.{role}"), options, index=index, format_func=words.__getitem__)
        mapping[role] = chosen or None
    return mapping


def _detected(seen: Preview) -> dict[str, str | None]:
    """Return the column that was found for each role; the names of a description's several columns as one."""
    return {"title_field": seen.title, "description_field": " + ".join(seen.description), "id_field": seen.uid}


def _choose_attributes(seen: Preview, mapping: dict[str, str | None]) -> str:
    """Let the user choose the columns of attributes, and return the setting; the automatic choice is preselected.

    Another file, or other columns of title, description and id, bring their own preselection.
    """
    title, description, uid = (mapping[role] or "" for role in ("title_field", "description_field", "id_field"))
    texts = (description,) if description in seen.columns else seen.description if description else ()
    automatic = automatic_attributes(seen.columns, title, texts, uid, seen.sample)
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
    # What is detected is not named: other files of the folder may have other names, and ids that repeat are none.
    detected = _detected(seen)
    named = {role: column or NO_ID for role, column in mapping.items() if column != detected[role]}
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


def _slug(name: str) -> str:
    stem = name.lower().split(".")[0]
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")[:40] or "mine"
