"""Show one product of a review: its attributes, its old text, and the new one with its claims and breaches marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from shelftalk.claims.find import UNSUPPORTED, Claim
from shelftalk.generation.texts import Text
from shelftalk.review.check import Check
from shelftalk.review.review import State
from shelftalk.rules.check import Breach
from shelftalk.studio.answers import CSS as ANSWER
from shelftalk.studio.language import language_name, number, text

CSS = (
    ANSWER
    + """
.card { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
.card > h2 { grid-column: 1 / -1; margin: 0; font: 600 1.35rem var(--st-font); color: var(--st-text-color);
    overflow-wrap: anywhere; }
.side { display: flex; flex-direction: column; gap: 1rem; }
dl { display: grid; grid-template-columns: minmax(5rem, max-content) 1fr; gap: .25rem .9rem; margin: 0;
    font: .9rem var(--st-font); color: var(--st-text-color); }
dt { opacity: .75; } dd { margin: 0; overflow-wrap: anywhere; }
.old p { opacity: .85; }
mark.person { background: color-mix(in srgb, #2563eb 18%, transparent); border-bottom: 2px solid #2563eb; }
mark.rule { background: color-mix(in srgb, #9333ea 18%, transparent); border-bottom: 2px dashed #9333ea; }
mark.wrong { cursor: pointer; }
mark.selected { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
ol { margin: .8rem 0 0; padding: .6rem 0 0 1.4rem; border-top: 1px solid var(--st-border-color);
    font: .9rem/1.5 var(--st-font); color: var(--st-text-color); }
ol li.selected { font-weight: 600; }
.facts { border-top: 0; padding-top: 0; }
"""
)
# textContent only: markup in a text of the data is not interpreted.
JS = """
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  root.replaceChildren();
  const add = (parent, name, content, style) => {
    const element = document.createElement(name);
    if (content !== undefined) element.textContent = content;
    if (style) element.className = style;
    return parent.appendChild(element);
  };
  const card = add(root, "div", undefined, "card");
  add(card, "h2", data.title);
  const side = add(card, "div", undefined, "side");
  if (data.attributes.length) {
    const box = add(side, "section", undefined, "answer");
    add(box, "h3", data.words.attributes);
    const list = add(box, "dl");
    for (const [name, value] of data.attributes) { add(list, "dt", name); add(list, "dd", value); }
  }
  const old = add(side, "section", undefined, "answer old");
  add(old, "h3", data.words.old);
  add(old, "p", data.old || data.words.no_old);
  const box = add(card, "section", undefined, "answer");
  add(box, "h3", data.words.new);
  const body = add(box, "p");
  for (const [piece, style, number] of data.pieces) {
    if (!style) { body.append(piece); continue; }
    const mark = add(body, "mark", piece, style);
    if (number === null) continue;
    mark.classList.add("wrong");
    if (number === data.selected) mark.classList.add("selected");
    mark.onclick = () => setTriggerValue("claim", number);
  }
  if (data.notes.length) {
    const list = add(box, "ol");
    for (const [number, note] of data.notes)
      add(list, "li", note, number !== null && number === data.selected ? "selected" : "");
  }
  const facts = add(box, "ul", undefined, data.notes.length ? "facts" : "");
  for (const fact of data.facts) add(facts, "li", fact);
}
"""

_card = st.components.v2.component("shelftalk_review", html='<div class="root"></div>', css=CSS, js=JS)


def show_card(
    row: Text, title: str, state: State, check: Check, selected: int | None, on_claim: Callable[[], None], key: str
) -> Any:
    """Show a row's product and the text that stands for it, and return the component's result.

    `selected` is the index in `check.wrong` of the claim that the page's buttons are for; `on_claim` is called after a
    click on another one, whose index is in the result.
    """
    wrong = check.wrong
    notes = [(index, _note(one)) for index, one in enumerate(wrong)]
    notes += [(None, _breach(one)) for one in check.breaches]  # type: ignore[misc]
    if check.flag:
        notes.append((None, text(f"review.flag_{check.flag}")))  # type: ignore[arg-type]
    data = {
        "title": title,
        "attributes": list(row.attributes),
        "old": row.old,
        "pieces": pieces(state.text, check),
        "notes": notes,
        "facts": _facts(state, check),
        "selected": selected,
        "words": {name: text(f"review.{name}") for name in ("attributes", "old", "new", "no_old")},
    }
    return _card(data=data, on_claim_change=on_claim, key=key)


def pieces(body: str, check: Check) -> list[tuple[str, str, int | None]]:
    """Split a text into (piece, mark, index): a mark is a claim's support, "rule" or ""; see `show_card` for the index.

    Of marks that overlap wrong claims come first, then breaches.
    """
    wrong = {id(one): index for index, one in enumerate(check.wrong)}
    places: list[tuple[int, int, str, int | None]] = [
        (one.start, one.end, one.support, wrong.get(id(one))) for one in check.claims if id(one) in wrong
    ]
    breaches = [(one.start, one.end, "rule", None) for one in check.breaches if one.end > one.start]
    supported = [(one.start, one.end, one.support, None) for one in check.claims if id(one) not in wrong]
    for start, end, mark, _ in (*breaches, *supported):
        if not any(start < other_end and other < end for other, other_end, *_ in places):
            places.append((start, end, mark, None))
    found: list[tuple[str, str, int | None]] = []
    position = 0
    for start, end, mark, index in sorted(places, key=lambda one: one[0]):
        found += [(body[position:start], "", None), (body[start:end], mark, index)]
        position = end
    return [one for one in (*found, (body[position:], "", None)) if one[0]]


def _note(claim: Claim) -> str:
    said = text(f"review.{claim.support}", where=claim.where or "")
    return text("review.note", quoted=claim.text, said=said)


def _breach(breach: Breach) -> str:
    cure = text("review.cure", cure=breach.cure) if breach.cure else ""
    return text("review.note", quoted=breach.found, said=text(f"review.rule_{breach.rule}")) + cure


def _facts(state: State, check: Check) -> list[str]:
    """Return lines on a text: its words, what supports the other claims, attributes untold, who decided.

    In a language whose claims are not checked, a line says so.
    """
    facts = [text("compare.words", count=number(len(state.text.split())))]
    if not check.checked:
        facts.append(text("evidence.not_checked", language=language_name(check.language)))
    supported = [one for one in check.claims if one.support not in UNSUPPORTED]
    if supported:
        listed = "; ".join(f"{one.text} ({_source(one)})" for one in supported)
        facts.append(text("review.supported", claims=listed))
    if check.untold:
        facts.append(text("review.untold", names=", ".join(check.untold)))
    return facts


def _source(claim: Claim) -> str:
    if claim.support == "attribute":
        return claim.where or ""
    return text(f"review.by_{claim.support}")
