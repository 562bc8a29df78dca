"""The page Review: decide on each text that `generate` wrote, by mouse or by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas
import streamlit as st

from shelftalk.errors import UserError
from shelftalk.generation.grounded import write_again
from shelftalk.prompts import request_for
from shelftalk.review.check import Check, Checker
from shelftalk.review.outputs import Output, find_output, list_outputs
from shelftalk.review.review import Review
from shelftalk.rules.check import apply_cures
from shelftalk.runs.run import Run
from shelftalk.sentences import text_before, without_sentence
from shelftalk.settings import DecodingSettings
from shelftalk.studio.language import number, text
from shelftalk.studio.review_card import show_card
from shelftalk.studio.review_session import FILTERS, LOOKED, NAME, Queue, queue_of, reviewer
from shelftalk.studio.session import choose, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error
from shelftalk.studio.training_view import finished_runs
from shelftalk.studio.writers import writers

ROWS_SHOWN = 50  # of the list at once
FOCUS = """
export default function ({ data }) {
  if (window.shelftalkFocus === data.edit) return;
  window.shelftalkFocus = data.edit;
  if (data.edit) setTimeout(() => document.querySelector(".st-key-review-editor textarea")?.focus(), 50);
}
"""
_focus = st.components.v2.component("shelftalk_focus", js=FOCUS)


def show() -> None:
    """Draw the page."""
    st.write(text("review.intro"))
    finished = finished_runs()
    if not finished:
        show_empty("review.no_run", "fine_tune")
        return
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    with left:
        run = Run.open(workspace(), choose("run", text("runs.choose"), finished))
    outputs = {str(one.path): one for one in list_outputs(run)}
    if not outputs:
        show_empty("review.no_texts")
        st.code(f"shelftalk generate {run.name} --input products.csv --output texts.csv", language=None)
        return
    with middle:
        chosen = choose("texts", text("review.choose"), list(outputs), lambda path: Path(path).name)
    right.text_input(text("review.name"), value=reviewer(), key=NAME, max_chars=60, help=text("review.name_help"))
    output = _found(run, outputs[chosen])
    review, checker = _open(output), Checker(run, run.house_rules())
    review.refresh()
    _reviewing(run, review, checker)


def _found(run: Run, output: Output) -> Output:
    """Return an output as it is now, which `find_output` checks: its hash is computed once for each change."""
    status = output.path.stat()
    return _checked(run, str(output.path), status.st_size, status.st_mtime_ns)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: str(run.folder)})
def _checked(run: Run, path: str, size: int, changed: int) -> Output:
    return find_output(run, Path(path))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Output: lambda one: (str(one.path), one.sha256)})
def _open(output: Output) -> Review:
    """Return the review of an output, shared by all browser sessions."""
    return Review(output)


@st.fragment
def _reviewing(run: Run, review: Review, checker: Checker) -> None:
    """Draw everything that a decision changes; it alone is drawn again then."""
    queue = queue_of(review)
    if error := st.session_state.pop("review-error", None):
        show_error(error)
    with errors_shown():
        _progress(review)
        _choose_rows(review, queue)
        if st.session_state.get("review-view") == "list":
            _list(review, queue)
        elif queue.row is None:
            _nothing_left(review, queue)
        else:
            _one(run, review, checker, queue, queue.row)


def _progress(review: Review) -> None:
    counts = review.counts()
    done = counts["texts"] - counts["undecided"]
    shown = {name: number(count) for name, count in counts.items()}
    st.progress(done / max(1, counts["texts"]), text("review.counts", done=number(done), **shown))


def _choose_rows(review: Review, queue: Queue) -> None:
    """Draw filter, search and view, and the button that accepts all clean texts."""

    def fill() -> None:
        queue.fill(review, st.session_state["review-filter"], st.session_state["review-search"])

    left, middle, right = st.columns(3, vertical_alignment="bottom")
    left.selectbox(
        text("review.filter"),
        list(FILTERS),
        index=list(FILTERS).index(queue.filter),
        format_func=lambda one: text(f"review.show_{one}"),
        key="review-filter",
        on_change=fill,
    )
    middle.text_input(text("review.search"), value=queue.search, key="review-search", on_change=fill)
    right.segmented_control(
        text("review.view"),
        ["one", "list"],
        default="one",
        format_func=lambda one: text(f"review.view_{one}"),
        key="review-view",
    )
    clean = review.counts()["clean_undecided"]
    left_to_look = max(0, min(LOOKED, clean + len(queue.looked)) - len(queue.looked))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            text("review.accept_clean", count=number(clean)),
            icon=":material/done_all:",
            disabled=not clean or left_to_look > 0,
            help=text("review.accept_clean_help", count=LOOKED),
        ):
            rows = review.select(["undecided"], clean=True)
            _step(review, queue, rows, lambda: review.accept(rows, reviewer()))
            queue.fill(review, queue.filter, queue.search)
            st.rerun(scope="fragment")
        if clean and left_to_look:
            st.caption(text("review.look_first", count=number(left_to_look)))
        st.button(
            text("review.undo"),
            icon=":material/undo:",
            shortcut="U",
            disabled=not queue.undo,
            on_click=_undo,
            args=(review, queue),
        )


def _nothing_left(review: Review, queue: Queue) -> None:
    with st.container(border=True):
        st.markdown(f"**{text('review.end' if queue.rows else 'review.nothing')}**")
        st.write(text("review.end_next"))
        if queue.rows:
            st.button(
                text("review.previous"),
                icon=":material/arrow_back:",
                shortcut="K",
                on_click=queue.go,
                args=(queue.at - 1,),
            )


def _one(run: Run, review: Review, checker: Checker, queue: Queue, row: int) -> None:
    """Draw the product that is shown, and the buttons for it."""
    found, state = review.texts[row], review.state(row)
    check = checker.check(found, state.text, state.claims)
    if not state.faults and state.decision == "undecided":
        queue.looked.add(row)
    queue.claim = min(queue.claim, max(0, len(check.wrong) - 1))
    decided = text(f"review.state_{state.decision}")
    if state.who:
        decided = text("review.decided", state=decided, who=state.who, when=state.when[:16].replace("T", " "))
    st.text(
        text(
            "review.position",
            at=number(queue.at + 1),
            all=number(len(queue.rows)),
            product=review.keys[row],
            state=decided,
        )
    )
    _decide(review, queue, row)
    _correct(run, review, checker, queue, row, check)
    if queue.editing:
        _editor(review, checker, queue, row)
    _focus(data={"edit": f"{row}-{len(queue.undo)}" if queue.editing else ""}, key="review-focus")
    key = f"review-card-{row}"

    def on_claim() -> None:
        queue.claim = int(st.session_state[key]["claim"])

    show_card(found, review.titles[row], state, check, queue.claim if check.wrong else None, on_claim, key)


def _decide(review: Review, queue: Queue, row: int) -> None:
    """Draw the buttons that decide on the text, and those that go to another one."""

    def accept() -> None:
        _step(review, queue, [row], lambda: review.accept([row], reviewer()), 1)

    def reject() -> None:
        _step(review, queue, [row], lambda: review.reject([row], reviewer()), 1)

    def edit() -> None:
        queue.editing = not queue.editing

    with st.container(horizontal=True):
        buttons: list[tuple[str, str, str, Callable[[], None]]] = [
            ("accept", "check", "A", accept),
            ("edit", "edit", "E", edit),
            ("reject", "close", "X", reject),
            ("previous", "arrow_back", "K", lambda: queue.go(queue.at - 1)),
            ("next", "arrow_forward", "J", lambda: queue.go(queue.at + 1)),
        ]
        for name, icon, shortcut, action in buttons:
            st.button(
                text(f"review.{name}"),
                icon=f":material/{icon}:",
                shortcut=shortcut,
                type="primary" if name == "accept" else "secondary",
                disabled=name == "previous" and not queue.at,
                on_click=action,
                key=f"review-{name}",
            )


def _editor(review: Review, checker: Checker, queue: Queue, row: int) -> None:
    key = f"review-text-{row}-{len(queue.undo)}"

    def save() -> None:
        written = st.session_state[key]
        vouched = review.state(row).claims
        faults = checker.check(review.texts[row], written.strip(), vouched).faults
        if _step(review, queue, [row], lambda: review.edit(row, written, faults, reviewer())):
            queue.editing = False

    with st.container(key="review-editor"):
        st.text_area(
            text("review.text"),
            value=review.state(row).text,
            key=key,
            on_change=save,
            height="content",
            help=text("review.edit_help"),
        )


def _correct(run: Run, review: Review, checker: Checker, queue: Queue, row: int, check: Check) -> None:
    """Draw the buttons that change the text: those for one claim, cures, and writing it again."""
    found, state = review.texts[row], review.state(row)
    claim = check.wrong[queue.claim] if check.wrong else None

    def replace(body: str) -> None:
        faults = checker.check(found, body, state.claims).faults
        _step(review, queue, [row], lambda: review.replace(row, body, faults, reviewer()))

    def vouch() -> None:
        if claim:
            faults = checker.check(found, state.text, (*state.claims, claim.text)).faults
            _step(review, queue, [row], lambda: review.vouch(row, claim.text, faults, reviewer()))

    def next_claim() -> None:
        queue.claim = (queue.claim + 1) % max(1, len(check.wrong))

    with st.container(horizontal=True, vertical_alignment="center"):
        if claim:
            quoted = claim.text if len(claim.text) <= 24 else claim.text[:23] + "…"
            st.text(text("review.claim", quoted=quoted), width="content")
            if len(check.wrong) > 1:
                st.button(text("review.next_claim"), shortcut="T", on_click=next_claim)
            cut = without_sentence(state.text, claim.start)
            st.button(
                text("review.cut"),
                icon=":material/content_cut:",
                shortcut="D",
                on_click=replace,
                args=(cut,),
                disabled=not cut,
            )
            if st.button(text("review.write_from"), icon=":material/refresh:", shortcut="G"):
                _write(run, review, queue, row, replace, text_before(state.text, claim.start))
            st.button(text("review.vouch"), icon=":material/verified:", shortcut="V", on_click=vouch)
        if any(one.cure for one in check.breaches):
            cured = apply_cures(state.text, check.breaches)
            st.button(text("review.fix"), icon=":material/healing:", shortcut="F", on_click=replace, args=(cured,))
        if st.button(text("review.write_again"), icon=":material/autorenew:", shortcut="W"):
            _write(run, review, queue, row, replace)


def _write(
    run: Run, review: Review, queue: Queue, row: int, replace: Callable[[str], None], beginning: str = ""
) -> None:
    """Write another text for a row, behind the sentences that it keeps."""
    job, found = review.output.job, review.texts[row]
    known = {one.name: job[one.name] for one in fields(DecodingSettings) if one.name in job}
    settings = run.decoding(DecodingSettings.from_mapping(known))
    attempt = queue.attempts[row] = queue.attempts.get(row, 0) + 1
    with st.spinner(text("review.writing")), writers().writing(run, settings) as (engine, _):
        request = request_for(found.query, found.attributes)
        written = write_again(engine, request, settings, attempt, beginning).text.strip()
    if not written or written == beginning:
        show_error(text("review.wrote_nothing"))
        return
    replace(written)
    st.rerun(scope="fragment")


def _step(review: Review, queue: Queue, rows: list[int], decide: Callable[[], Any], forward: int = 0) -> bool:
    """Decide on rows so that it can be undone, go on by some rows, and return whether it was possible."""
    queue.remember(review, rows)
    try:
        decide()
    except UserError as error:
        queue.undo.pop()
        st.session_state["review-error"] = str(error)
        return False
    if forward:
        queue.go(queue.at + forward)
    return True


def _undo(review: Review, queue: Queue) -> None:
    before = queue.undo.pop()
    review.restore(before, reviewer())
    if len(before) == 1 and before[0][0] in queue.rows:
        queue.go(queue.rows.index(before[0][0]))


def _list(review: Review, queue: Queue) -> None:
    """Draw a page of the list; a selected row is shown alone."""
    pages = max(1, -(-len(queue.rows) // ROWS_SHOWN))
    page = 1
    if pages > 1:
        page = int(
            st.number_input(text("review.page", all=number(pages)), 1, pages, min(pages, queue.at // ROWS_SHOWN + 1))
        )
    first = (page - 1) * ROWS_SHOWN
    shown = queue.rows[first : first + ROWS_SHOWN]
    states = [review.state(row) for row in shown]
    table = pandas.DataFrame(
        {
            text("review.column_key"): [review.keys[row] for row in shown],
            text("review.column_title"): [review.titles[row] for row in shown],
            text("review.column_state"): [text(f"review.state_{state.decision}") for state in states],
            text("review.column_faults"): [state.faults for state in states],
            text("review.column_text"): [state.text[:300] for state in states],
        }
    )
    key = f"review-list-{queue.filter}-{page}-{len(queue.rows)}"

    def select() -> None:
        if chosen := st.session_state[key]["selection"]["rows"]:
            queue.go(first + chosen[0])
            st.session_state["review-view"] = "one"

    st.dataframe(table, hide_index=True, key=key, on_select=select, selection_mode="single-row")
