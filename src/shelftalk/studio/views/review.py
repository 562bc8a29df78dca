"""The page Review: decide on each text that `generate` wrote, by mouse or by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas
import streamlit as st

from shelftalk.claims.find import is_checked
from shelftalk.generation.faults import identify_rules
from shelftalk.review.check import Checker
from shelftalk.review.outputs import Output, find_output, list_outputs
from shelftalk.review.review import Review
from shelftalk.rules.house_rules import HouseRules
from shelftalk.runs.run import Run
from shelftalk.studio.language import language_name, number, said, text
from shelftalk.studio.publish_texts import publish_texts
from shelftalk.studio.review_card import show_card
from shelftalk.studio.review_desk import ERROR, Desk, Shown
from shelftalk.studio.review_session import FILTERS, LOOKED, NAME, queue_of, reviewer
from shelftalk.studio.session import choose, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error
from shelftalk.studio.tasks import read_task
from shelftalk.studio.training_view import finished_runs
from shelftalk.studio.write_texts import task_of, write_texts

ROWS_SHOWN = 50  # of the list at once
QUOTED = 24  # characters of a claim
TEXT_SHOWN = 300  # characters of a text in the list
# A chosen filter leaves the focus in its field, where keys are letters and no shortcuts.
FOCUS = """
export default function ({ data }) {
  const chosen = window.shelftalkFilter !== undefined && window.shelftalkFilter !== data.filter;
  if (chosen) setTimeout(() => document.activeElement?.blur(), 100);
  window.shelftalkFilter = data.filter;
  if (window.shelftalkFocus === data.edit) return;
  window.shelftalkFocus = data.edit;
  if (!data.edit) return;
  let left = 100;  // the field may be drawn after this
  const focus = () => {
    const field = document.querySelector(".st-key-review-editor textarea");
    if (field) field.focus();
    else if (left--) setTimeout(focus, 30);
  };
  focus();
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
    in_work = read_task(workspace(), task_of(run)).status != "none"  # or failed, or just done: shown above all else
    if in_work or not outputs:
        write_texts(run, first=not outputs)
    if not outputs:
        return
    with middle:
        chosen = choose("texts", text("review.choose"), list(outputs), _label)
    right.text_input(text("review.name"), value=reviewer(), key=NAME, max_chars=60, help=text("review.name_help"))
    rules = run.house_rules()
    review = _open(_found(run, outputs[chosen]), rules)
    review.refresh()
    if review.output.notices:
        with st.expander(text("review.notices"), icon=":material/info:"):
            for notice in review.output.notices:
                st.text(said(notice))
    _reviewing(Desk(run, review, Checker(run, rules), queue_of(review)))
    if not in_work:
        write_texts(run, first=False)


def _label(path: str) -> str:
    """Return the name of a file of texts, and when it was written, which tells files of one name apart."""
    written = datetime.fromtimestamp(Path(path).stat().st_mtime)
    return f"{Path(path).name} · {written:%Y-%m-%d %H:%M}"


def _found(run: Run, output: Output) -> Output:
    """Return an output as it is now, which `find_output` checks: its hash is computed once for each change."""
    status = output.path.stat()
    return _checked(run, str(output.path), status.st_size, status.st_mtime_ns)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: str(run.folder)})
def _checked(run: Run, path: str, size: int, changed: int) -> Output:
    return find_output(run, Path(path))


@st.cache_resource(
    max_entries=4,
    show_spinner=False,
    hash_funcs={Output: lambda one: f"{one.path} {one.sha256}", HouseRules: lambda rules: identify_rules(rules)},
)
def _open(output: Output, rules: HouseRules) -> Review:
    """Return the review of an output under the house rules of now, shared by all browser sessions."""
    return Review(output, rules)


@st.fragment
def _reviewing(desk: Desk) -> None:
    """Draw everything that a decision changes; it alone is drawn again then."""
    if error := st.session_state.pop(ERROR, None):
        show_error(error)
    with errors_shown():
        _progress(desk.review)
        _choose_rows(desk)
        queue = desk.queue
        editing = f"{queue.row}-{len(queue.undo)}" if queue.editing else ""
        _focus(
            data={"edit": editing, "filter": f"{desk.review.output.path} {queue.filter} {queue.search}"},
            key="review-focus",
        )
        if st.session_state.get("review-view") == "list":
            _list(desk)
        elif queue.row is None:
            _nothing_left(desk)
        else:
            _one(Shown.of(desk, queue.row))
        _accept_clean(desk)
        publish_texts(desk.run, desk.review)


def _progress(review: Review) -> None:
    counts = review.counts()
    done = counts["texts"] - counts["undecided"]
    shown = {name: number(count) for name, count in counts.items()}
    st.progress(done / max(1, counts["texts"]), text("review.counts", done=number(done), **shown))


def _choose_rows(desk: Desk) -> None:
    """Draw filter, search and view."""

    def fill() -> None:
        desk.queue.fill(desk.review, st.session_state["review-filter"], st.session_state["review-search"])

    left, middle, right = st.columns(3, vertical_alignment="bottom")
    left.selectbox(
        text("review.filter"),
        list(FILTERS),
        index=list(FILTERS).index(desk.queue.filter),
        format_func=lambda one: text(f"review.show_{one}"),
        key="review-filter",
        on_change=fill,
    )
    middle.text_input(text("review.search"), value=desk.queue.search, key="review-search", on_change=fill)
    views = {one: text(f"review.view_{one}") for one in ("one", "list")}
    right.radio(text("review.view"), list(views), format_func=views.__getitem__, key="review-view", horizontal=True)


def _one(shown: Shown) -> None:
    """Draw the product that is shown, and the buttons for it."""
    queue, state, row = shown.desk.queue, shown.state, shown.row
    decided = text(f"review.state_{state.decision}")
    if state.who and state.decision != "undecided":
        decided = text("review.decided", state=decided, who=state.who, when=state.when[:16].replace("T", " "))
    place = {"at": number(queue.at + 1), "all": number(len(queue.rows)), "product": shown.desk.review.keys[row]}
    st.text(text("review.position", state=decided, **place))
    _decide(shown)
    _correct(shown)
    if queue.editing:
        _editor(shown)
    key = f"review-card-{row}"

    def on_claim() -> None:
        queue.claim = int(st.session_state[key]["claim"])

    selected = queue.claim if shown.check.wrong else None
    show_card(shown.text, shown.desk.review.titles[row], state, shown.check, selected, on_claim, key)


def _decide(shown: Shown) -> None:
    """Draw the buttons that decide on the text, write another one, or go to another product."""
    queue = shown.desk.queue

    def edit() -> None:
        queue.editing = not queue.editing

    with st.container(horizontal=True):
        _button("accept", "check", "A", shown.accept, primary=True)
        _button("edit", "edit", "E", edit)
        _button("reject", "close", "X", shown.reject)
        if st.button(text("review.write_again"), icon=":material/autorenew:", shortcut="W"):
            _write(shown, from_claim=False)
        _button("previous", "arrow_back", "K", lambda: queue.go(queue.at - 1), disabled=not queue.at)
        _button("next", "arrow_forward", "J", lambda: queue.go(queue.at + 1))
        _undo(shown.desk)


def _correct(shown: Shown) -> None:
    """Draw the buttons for one claim, and for the words that the house rules replace."""
    curable = any(one.cure for one in shown.check.breaches)
    if not shown.claim and not curable:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if claim := shown.claim:
            quoted = claim.text if len(claim.text) <= QUOTED else f"{claim.text[: QUOTED - 1]}…"
            st.text(text("review.claim", quoted=quoted), width="content")
            if len(shown.check.wrong) > 1:
                _button("next_claim", "arrow_downward", "T", shown.next_claim)
            _button("cut", "content_cut", "D", shown.cut, disabled=not shown.without_claim())
            if st.button(text("review.write_from"), icon=":material/refresh:", shortcut="G"):
                _write(shown, from_claim=True)
            _button("vouch", "verified", "V", shown.vouch)
        if curable:
            _button("fix", "healing", "F", shown.cure)


def _editor(shown: Shown) -> None:
    key = f"review-text-{shown.row}-{len(shown.desk.queue.undo)}"
    with st.container(key="review-editor"):
        st.text_area(
            text("review.text"),
            value=shown.state.text,
            key=key,
            on_change=lambda: shown.edit(st.session_state[key]),
            height="content",
            help=text("review.edit_help"),
        )


def _write(shown: Shown, from_claim: bool) -> None:
    with st.spinner(text("review.writing")):
        written = shown.write(from_claim)
    if written:
        st.rerun(scope="fragment")
    show_error(text("review.wrote_nothing"))


def _button(
    name: str, icon: str, shortcut: str, action: Callable[[], None], disabled: bool = False, primary: bool = False
) -> None:
    st.button(
        text(f"review.{name}"),
        icon=f":material/{icon}:",
        shortcut=shortcut,
        type="primary" if primary else "secondary",
        disabled=disabled,
        on_click=action,
        key=f"review-{name}",
    )


def _undo(desk: Desk) -> None:
    _button("undo", "undo", "U", desk.undo, disabled=not desk.queue.undo)


def _nothing_left(desk: Desk) -> None:
    queue = desk.queue
    with st.container(border=True):
        st.markdown(f"**{text('review.end' if queue.rows else 'review.nothing')}**")
        st.write(text("review.end_next"))
        with st.container(horizontal=True):
            _button("previous", "arrow_back", "K", lambda: queue.go(queue.at - 1), disabled=not queue.rows)
            _undo(desk)


def _accept_clean(desk: Desk) -> None:
    """Draw the button that accepts all clean texts, once some of them were shown."""
    clean, looked = desk.review.counts()["clean_undecided"], len(desk.queue.looked)
    left, language = max(0, min(LOOKED, clean) - looked), desk.run.language
    help = "accept_clean_help" if is_checked(language) else "accept_clean_unchecked_help"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            text("review.accept_clean", count=number(clean)),
            icon=":material/done_all:",
            disabled=not clean or left > 0,
            help=text(f"review.{help}", count=LOOKED),
            on_click=desk.accept_clean,
        )
        if clean and left:
            st.caption(text("review.look_first", count=number(left)))
        if not is_checked(language):
            st.caption(text("evidence.not_checked", language=language_name(language)))


def _list(desk: Desk) -> None:
    """Draw a page of the list; a selected row is shown alone."""
    queue, review = desk.queue, desk.review
    pages, page = max(1, -(-len(queue.rows) // ROWS_SHOWN)), 1
    if pages > 1:
        here = min(pages, queue.at // ROWS_SHOWN + 1)
        page = int(st.number_input(text("review.page", all=number(pages)), 1, pages, here))
    first = (page - 1) * ROWS_SHOWN
    rows = queue.rows[first : first + ROWS_SHOWN]
    states = [review.state(row) for row in rows]
    table = pandas.DataFrame(
        {
            text("review.column_state"): [text(f"review.state_{state.decision}") for state in states],
            text("review.column_faults"): [state.faults for state in states],
            text("review.column_title"): [review.titles[row] for row in rows],
            text("review.column_text"): [state.text[:TEXT_SHOWN] for state in states],
            text("review.column_key"): [review.keys[row] for row in rows],
        }
    )
    key = f"review-list-{queue.filter}-{page}-{len(queue.rows)}"

    def select() -> None:
        if chosen := st.session_state[key]["selection"]["rows"]:
            queue.go(first + chosen[0])
            st.session_state["review-view"] = "one"

    widths = dict.fromkeys(table.columns[:2], "small") | {table.columns[2]: "medium", table.columns[3]: "large"}
    config = {name: st.column_config.Column(width=width) for name, width in widths.items()}  # type: ignore[arg-type]
    st.dataframe(
        table, hide_index=True, key=key, on_select=select, selection_mode="single-row", column_config=config, height=600
    )
