"""The form of a catalogue's house rules: what its texts keep is proposed, and what is saved is checked on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any

import streamlit as st

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.rules.count import SAMPLED, SEED, Broken, count_broken
from shelftalk.rules.house_rules import HouseRules, read_rules, rule_fields, write_rules
from shelftalk.rules.mistakes import MOST_NUMBER, SPELLINGS
from shelftalk.rules.propose import Proposal, propose_rules, with_proposals
from shelftalk.studio.language import number, text
from shelftalk.studio.session import remember, workspace
from shelftalk.studio.show import errors_shown

ARROW = "->"
TABLES = {"words": ("words", "words.instead"), "length": ("length",), "style": ("style",), "content": ("content",)}
COLUMNS = 2


def show_rules(name: str, catalogue: Catalogue) -> None:
    """Draw the house rules of a catalogue as a form, with proposals to take over; saving writes their file."""
    with st.expander(text("rules.title"), icon=":material/rule:"), errors_shown():
        path = workspace().rules(name)
        st.write(text("rules.intro"))
        st.text(str(path))
        saved = _digest(path)
        draft = st.session_state.get(f"rules-draft-{name}", {})
        rules = draft["rules"] if draft.get("saved") == saved else read_rules(path)
        # A file that changed, and proposals taken over, draw the form again with their values.
        key = f"setting-rules-{name}-{saved}-{draft.get('turn', 0)}"
        above = st.container()
        edited = _form(rules, key)
        with above:
            if chosen := _choose_proposals(catalogue, key):
                turn = draft.get("turn", 0) + 1
                remember(f"rules-draft-{name}", {"rules": with_proposals(edited, chosen), "saved": saved, "turn": turn})
                st.rerun()
        if st.button(text("rules.save"), type="primary", icon=":material/save:"):
            write_rules(path, edited)
            remember(f"rules-counted-{name}", _digest(path))
            st.rerun()
        if st.session_state.get(f"rules-counted-{name}") == saved and edited == rules:
            with st.spinner(text("rules.counting")):
                _show_broken(_broken(str(catalogue.folder), catalogue.data_hash, str(path), saved), catalogue)


def _digest(path: Path) -> str:
    """Return a value for what a file holds now; '' where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _form(rules: HouseRules, key: str) -> HouseRules:
    """Draw a field for each rule, and return the rules as they are filled in."""
    values = {}
    for table, tables in TABLES.items():
        st.markdown(f"**{text(f'rules.{table}')}**")
        columns = st.columns(COLUMNS)
        drawn = [one for one in rule_fields() if one.metadata["table"] in tables]
        for at, one in enumerate(drawn):
            with columns[at % COLUMNS]:
                values[one.name] = _field(one, getattr(rules, one.name), f"{key}-{one.name}")
                st.caption(text(f"rules.{one.name}.help"))
    return HouseRules(**values)


def _field(one: Field[Any], value: Any, key: str) -> Any:
    label, kind = text(f"rules.{one.name}.label"), one.metadata["kind"]
    if kind == "allowed":
        return not st.checkbox(label, not value, key=key)
    if kind == "required":
        return st.checkbox(label, value, key=key)
    if kind == "number":
        return st.number_input(label, 1, MOST_NUMBER, value, key=key)
    if kind == "spelling":
        names = [text("rules.any_spelling"), *(text(f"rules.spelling_{spelling}") for spelling in SPELLINGS)]
        chosen = st.selectbox(label, names, ("", *SPELLINGS).index(value), key=key)
        return ("", *SPELLINGS)[names.index(str(chosen))]
    if kind == "pairs":
        lines = [f"{word} {ARROW} {cure}" for word, cure in value]
        typed = st.text_area(label, "\n".join(lines), placeholder=f"cheap {ARROW} affordable", key=key)
        return _pairs(_lines(typed))
    return tuple(_lines(st.text_area(label, "\n".join(" ".join(word.split()) for word in value), key=key)))


def _lines(typed: str) -> list[str]:
    return [line.strip() for line in typed.splitlines() if line.strip()]


def _pairs(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the words with their cures; a line without an arrow has an empty cure, which saving refuses."""
    split = [line.replace("→", ARROW).partition(ARROW) for line in lines]
    return tuple({word.strip(): cure.strip() for word, _, cure in split}.items())


def _choose_proposals(catalogue: Catalogue, key: str) -> list[Proposal]:
    """Show what the texts already keep, on request, and return what was ticked when it is to be taken over."""
    if not st.session_state.get(f"rules-proposed-{catalogue.folder.name}"):
        if st.button(text("rules.propose"), icon=":material/search:"):
            remember(f"rules-proposed-{catalogue.folder.name}", True)
            st.rerun()
        return []
    with st.spinner(text("rules.counting")):
        proposals = _proposals(str(catalogue.folder), catalogue.data_hash)
    if not proposals:
        st.info(text("rules.too_few"))
        return []
    with st.container(border=True):
        st.write(text("rules.proposed"))
        ticked = [one for one in proposals if _is_ticked(one, f"{key}-tick-{one.rule}")]
        taken = st.button(text("rules.take"), disabled=not ticked, icon=":material/check:")
    return ticked if taken else []


def _is_ticked(proposal: Proposal, key: str) -> bool:
    label, value = text(f"rules.{proposal.rule}.label"), proposal.value
    if isinstance(value, str):
        label += f": {text(f'rules.spelling_{value}')}"
    elif not isinstance(value, (bool, tuple)):
        label += f": {number(value)}"
    numbers = text("rules.keep", kept=number(proposal.kept), texts=number(proposal.texts))
    ticked = st.checkbox(f"{label} ({numbers})", key=key)
    shown = ["; ".join(value)] if isinstance(value, tuple) else []
    if proposal.example:
        said = text("rules.broken_with") if proposal.forbids else text("rules.example")
        shown.append(f"{said} {proposal.example}")
    if shown:
        st.text("\n".join(shown))
    return ticked


def _show_broken(broken: Sequence[Broken], catalogue: Catalogue) -> None:
    """Show how many texts break each rule that was saved, and which rule all of them break."""
    st.success(text("rules.saved"), icon=":material/check:")
    if not broken:
        st.write(text("rules.kept_by_all", texts=number(min(SAMPLED, catalogue.count()))))
    for one in broken:
        said = text("rules.break", broken=number(one.broken), texts=number(one.texts))
        name = text(f"rules.broken_{one.rule}")
        if one.by_all:
            st.warning(f"{name}: {said} {text('rules.by_all')}", icon=":material/warning:")
        else:
            st.markdown(f"**{name}**: {said}")
        st.text(f"{f'{one.missing}: ' if one.missing else ''}{one.title}\n{one.example}")


@st.cache_resource(max_entries=8, show_spinner=False)
def _proposals(folder: str, data_hash: str) -> list[Proposal]:
    return propose_rules(Catalogue.open(Path(folder)).sample(None, SAMPLED, SEED))


@st.cache_resource(max_entries=8, show_spinner=False)
def _broken(folder: str, data_hash: str, path: str, saved: str) -> list[Broken]:
    return count_broken(Catalogue.open(Path(folder)).sample(None, SAMPLED, SEED), read_rules(Path(path)))
