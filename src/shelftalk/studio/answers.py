"""Show two answers side by side and mark their differences, in a component that writes every text as plain text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from shelftalk.records import Description
from shelftalk.studio.language import number, text

WORDS = re.compile(r"\s+|[^\W_]+(?:['’][^\W_]+)*|.", re.DOTALL)

CSS = """
.answer { border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); padding: 1rem 1.1rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; font-weight: 600; font-family: var(--st-font); color: var(--st-text-color); }
p { margin: 0; font-family: var(--st-font); color: var(--st-text-color); line-height: 1.6; white-space: pre-wrap;
    overflow-wrap: anywhere; }
mark { color: inherit; background: color-mix(in srgb, var(--st-primary-color) 18%, transparent); border-radius: 3px; }
mark.title { background: color-mix(in srgb, #16a34a 20%, transparent); border-bottom: 2px solid #16a34a; }
mark.attribute { background: color-mix(in srgb, #16a34a 20%, transparent); border-bottom: 2px solid #16a34a; }
mark.contradicted { background: color-mix(in srgb, #dc2626 40%, transparent); border-bottom: 2px solid #dc2626; }
mark.reference { background: color-mix(in srgb, #ca8a04 20%, transparent); border-bottom: 2px dashed #ca8a04; }
mark.none { background: color-mix(in srgb, #dc2626 20%, transparent); border-bottom: 2px dotted #dc2626; }
ul { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; margin: .8rem 0 0; padding: .6rem 0 0;
     border-top: 1px solid var(--st-border-color); font: .85rem var(--st-font); color: var(--st-text-color); }
"""
# textContent only: markup in a text of the data is not interpreted.
JS = """
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".root");
  root.replaceChildren();
  const add = (parent, name, content) => {
    const element = document.createElement(name);
    if (content !== undefined) element.textContent = content;
    parent.appendChild(element);
    return element;
  };
  const card = add(root, "section");
  card.className = "answer";
  add(card, "h3", data.heading);
  const body = add(card, "p");
  for (const [piece, mark] of data.pieces) {
    if (mark) add(body, "mark", piece).className = mark;
    else body.append(piece);
  }
  if (data.facts.length) {
    const list = add(card, "ul");
    for (const fact of data.facts) add(list, "li", fact);
  }
}
"""

_card = st.components.v2.component("shelftalk_answer", html='<div class="root"></div>', css=CSS, js=JS)


def show_answer(heading: str, body: str, other: str | None, facts: Sequence[str], key: str) -> None:
    """Show one answer in a card with a heading and facts; mark the words that `other` does not have."""
    found = [(body, False)] if other is None else differences(body, other)
    show_marked(heading, [(piece, "differs" if differs else "") for piece, differs in found], facts, key)


def show_marked(heading: str, pieces: Sequence[tuple[str, str]], facts: Sequence[str], key: str) -> None:
    """Show a text in a card, as (piece, mark) pairs; a mark is differs, a claim's support, or "" for no mark.

    See `claims.find` for what supports a claim.
    """
    _card(data={"heading": heading, "pieces": list(pieces), "facts": list(facts)}, key=key)


def differences(body: str, other: str) -> list[tuple[str, bool]]:
    """Split `body` into (piece, differs) pairs by a word diff with `other`; the pieces joined are `body`."""
    words, others = WORDS.findall(body), WORDS.findall(other)
    matcher = difflib.SequenceMatcher(None, [one.lower() for one in words], [one.lower() for one in others], False)
    pieces: list[tuple[str, bool]] = []
    for kind, start, end, _, _ in matcher.get_opcodes():
        if start < end:
            piece = "".join(words[start:end])
            pieces.append((piece, kind != "equal" and bool(piece.strip())))
    return pieces


def facts_of(written: Mapping[str, Any] | Description, title: str) -> list[str]:
    """Return facts about an answer: its number of words, how it ended, how many of the title's words it uses."""
    body, stopped = (
        (written.text, written.stopped) if isinstance(written, Description) else (written["text"], written["stopped"])
    )
    mine = {word.lower() for word in WORDS.findall(body) if word.strip()}
    wanted = {word.lower() for word in WORDS.findall(title) if word[0].isalnum()}
    return [
        text("compare.words", count=number(len(body.split()))),
        text("compare.stopped") if stopped else text("compare.cut"),
        text("compare.title_words", used=number(len(wanted & mine)), all=number(len(wanted))),
    ]
