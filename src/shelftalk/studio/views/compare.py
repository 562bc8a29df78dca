"""The page Compare: answer a title or question before and after fine-tuning, with the nearest training products."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pandas
import streamlit as st

from shelftalk import pipeline
from shelftalk.evaluation import votes
from shelftalk.generation.compare import compare
from shelftalk.generation.folded import fold
from shelftalk.generation.history import attributes_in_line, history_as_csv, history_as_json, read_history
from shelftalk.generation.history import remember as save_answer
from shelftalk.records import Attributes, Comparison, Reference, nothing_near
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.studio.answers import facts_of, show_answer
from shelftalk.studio.attribute_table import attribute_table, fill_attribute_table, show_attributes
from shelftalk.studio.evidence_view import show_evidence
from shelftalk.studio.forms import settings_form
from shelftalk.studio.language import number, percent, text
from shelftalk.studio.session import choose, remember, workspace
from shelftalk.studio.show import errors_shown, show_empty, show_error, show_quote, watch_task
from shelftalk.studio.tasks import read_task, start_task
from shelftalk.studio.training_view import finished_runs
from shelftalk.studio.writers import warm_up, writers
from shelftalk.workspace import MANIFEST, sha256

SIDES = ("base", "tuned")
SETTINGS = (
    "temperature",
    "top_k",
    "top_p",
    "max_new_tokens",
    "repetition_penalty",
    "no_repeat_ngram",
    "digits",
    "seed",
)
DRAW_EVERY = 0.06  # seconds between two updates of a text that is being generated
REFERENCES = 5
HISTORY_SHOWN = 200


def show() -> None:
    """Draw the page."""
    st.write(text("compare.intro"))
    finished = finished_runs()
    if not finished:
        show_empty("compare.no_run", "fine_tune")
        return
    name = choose("run", text("runs.choose"), finished)
    run = Run.open(workspace(), name)
    if not _is_ready(run):
        return
    asked, attributes, blind, settings, references, with_references = _question(run)
    if st.session_state.get("warmed") != run.name:
        warm_up(run, settings)
        remember("warmed", run.name)
    if blind or votes.tally(run.folder)["n"]:
        _show_tally(run)
    if asked:
        _answer(run, asked, attributes, settings, references, blind, with_references)
    elif shown := _shown(run):
        _show_answers(run, shown)
    _history(run)


def _is_ready(run: Run) -> bool:
    """Return whether the run's index and model files exist; if not, build them in a separate process."""
    if pipeline.ready(run):
        return True
    task, about = read_task(workspace(), f"ready-{run.name}"), {"adapter": sha256(run.adapter / MANIFEST)}
    if task.status == "done" and task.about == about and task.result["engine"] == "transformers":
        return True  # llama.cpp's files could not be made; transformers does not need them
    if task.status == "failed":
        show_error(task.error or text("error.ended"))
        if not st.button(text("app.retry")):
            return False
    if task.status != "running":
        start_task(workspace(), f"ready-{run.name}", ["runs", "ready", run.name], about)
    watch_task(f"ready-{run.name}", text("compare.making_ready"))
    return False


def _question(run: Run) -> tuple[str | None, Attributes, bool, DecodingSettings, int, bool]:
    """Return the question or None, attributes, whether it is asked blind, the settings, and the number of references.

    The last one is whether the references stand in the prompts, which a run can be asked that was trained so. The
    question is the typed one, or the title of a random held-out product, which brings its attributes.
    """
    with st.form("question", border=False):
        words, ask = st.columns([5, 1], vertical_alignment="bottom")
        hint = run.template.questions[0].format(title="…")  # in the language of the run, whatever that of the page
        typed = words.text_input(text("compare.question"), key="question-text", placeholder=hint, max_chars=2000)
        asked = ask.form_submit_button(text("compare.ask"), type="primary", width="stretch")
    with st.container(horizontal=True, vertical_alignment="center"):
        picked = st.button(text("compare.random"), icon=":material/casino:", on_click=_pick, args=(run,))
        with st.popover(text("compare.sampling"), icon=":material/tune:"):
            settings, references = _settings(run)
        blind = st.toggle(text("compare.blind"), help=text("compare.blind_help"), key="blind")
        with_references = bool(run.settings.context_share) and st.toggle(
            text("compare.with_references"), help=text("compare.with_references_help"), key="with-references"
        )
    attributes: Attributes = ()
    if run.known_attributes:
        with st.expander(text("compare.attributes"), expanded=True, icon=":material/list_alt:"):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.caption(text("compare.attributes_help"), width="content")
                st.button(text("compare.clear_attributes"), icon=":material/backspace:", on_click=_clear, args=(run,))
            attributes = attribute_table(run)
    if picked:
        product = st.session_state.get("held_out")
        if product is None:
            show_error(text("compare.none_held_out"))
        return (product.title if product else None), attributes, blind, settings, references, with_references
    if asked and not typed.strip():
        st.warning(text("compare.empty"))
    if asked:
        remember("held_out", None)
    return (typed.strip() or None if asked else None), attributes, blind, settings, references, with_references


def _settings(run: Run) -> tuple[DecodingSettings, int]:
    usual = run.decoding(DecodingSettings()).as_mapping()
    values = settings_form(DecodingSettings, SETTINGS, usual, f"decoding-{run.name}", columns=1)
    references = st.slider(text("compare.reference_count"), 1, 20, REFERENCES)
    return DecodingSettings.from_mapping(values), references


def _pick(run: Run) -> None:
    """Put the title of a random held-out product into the question field, if there is one."""
    with errors_shown():
        catalogue = run.catalogue()
        rows = catalogue.find(split="test")
        chosen = random.Random().randrange(max(1, len(rows)))  # noqa: S311 (not for security)
        product = next(iter(catalogue.take(rows[chosen : chosen + 1])), None)
        remember("held_out", product)
        if product:
            st.session_state["question-text"] = product.title
            fill_attribute_table(run, product.attributes)


def _clear(run: Run) -> None:
    """Take the values out of the table, so that another product is not described by those of the last one."""
    fill_attribute_table(run, ())


def _answer(
    run: Run,
    asked: str,
    attributes: Attributes,
    settings: DecodingSettings,
    references: int,
    blind: bool,
    with_references: bool,
) -> None:
    """Generate both answers and draw each text while it is generated; then redraw the page.

    In a blind comparison nothing is drawn before both have finished: the first to generate is always the same model.
    """
    order = list(SIDES)
    if blind:
        random.Random().shuffle(order)  # noqa: S311 (not for security)
    placeholders, columns = {}, st.columns(2)
    for column, side, letter in zip(columns, order, "AB", strict=True):
        with column, st.container(border=True, key=f"writing-{letter if blind else side}"):
            st.markdown(f"**{_heading(side, letter, blind)}**")
            placeholders[side] = st.empty()
            placeholders[side].caption(text("compare.waiting"))
    with writers().writing(run, settings) as (engine, index):
        on_text = None if blind else _draw_callback(placeholders)
        comparison = compare(
            engine,
            run.template,
            asked,
            settings,
            lambda: index.search(asked, references),
            on_text,
            attributes=attributes,
            with_references=with_references,
            language=run.language,
        )
    if not blind:
        save_answer(run.folder, comparison, settings)
    held_out = st.session_state.get("held_out")
    shown = {
        "run": run.name,
        "comparison": comparison,
        "settings": settings,
        "order": order,
        "blind": blind,
        "true": held_out.description if held_out and held_out.title == asked else None,
        "vote": None,
        "number": st.session_state.get("asked", 0) + 1,
    }
    remember("asked", shown["number"])
    remember("shown", shown)
    st.rerun()


def _draw_callback(placeholders: dict[str, Any]) -> Callable[[str, str], None]:
    """Return a callback that draws each piece of text, at most every `DRAW_EVERY` seconds."""
    written = dict.fromkeys(placeholders, "")
    due = dict.fromkeys(placeholders, 0.0)

    def draw(side: str, piece: str) -> None:
        written[side] += piece
        if written[side] and time.monotonic() >= due[side]:
            placeholders[side].text(written[side])
            due[side] = time.monotonic() + DRAW_EVERY

    return draw


def _shown(run: Run) -> dict[str, Any] | None:
    shown = st.session_state.get("shown")
    return shown if shown and shown["run"] == run.name else None


def _show_answers(run: Run, shown: dict[str, Any]) -> None:
    comparison: Comparison = shown["comparison"]
    hidden = shown["blind"] and shown["vote"] is None
    st.text(comparison.query)
    show_attributes(tuple(comparison.attributes.items()), key=f"asked-attributes-{shown['number']}")
    mark = not hidden and st.toggle(text("compare.mark"), value=False, key="mark", help=text("compare.mark_help"))
    for column, side, letter in zip(st.columns(2), shown["order"], "AB", strict=True):
        answer = getattr(comparison, side)
        other = getattr(comparison, SIDES[1 - SIDES.index(side)])
        facts = [] if hidden else facts_of(answer, comparison.query)
        with column:
            show_answer(
                _heading(side, letter, hidden),
                _folded(answer.text) or "–",
                _folded(other.text) if mark else None,
                facts,
                key=f"answer-{shown['number']}-{letter}-{hidden}",
            )
    if hidden:
        _vote(run, shown)
        return
    if shown["vote"]:
        st.success(text(f"compare.voted_{shown['vote']}"), icon=":material/how_to_vote:")
    if shown["true"] is not None:
        show_quote(shown["true"], text("compare.true"))
    _references(comparison.references)
    with errors_shown():
        show_evidence(run, shown)


def _folded(written: str) -> str:
    """Return a text with a line on what was folded, see `generation.folded`."""
    shown, empty, repeated = fold(written)
    return f"{shown}\n{text('compare.folded', count=number(empty + repeated))}" if empty + repeated else shown


def _heading(side: str, letter: str, hidden: bool) -> str:
    if hidden:
        return text("compare.answer", letter=letter)
    return text("compare.before") if side == "base" else text("compare.after")


def _vote(run: Run, shown: dict[str, Any]) -> None:
    st.markdown(f"**{text('compare.which')}**")
    choices = {"A": shown["order"][0], "neither": "neither", "B": shown["order"][1]}
    for column, (label, choice) in zip(st.columns(3), choices.items(), strict=True):
        name = text("compare.neither") if label == "neither" else text("compare.answer", letter=label)
        if column.button(name, key=f"vote-{label}", width="stretch"):
            remember("shown", {**shown, "vote": choice})  # first: a second click must not vote again
            votes.cast_vote(run.folder, shown["comparison"].query, choice)
            save_answer(run.folder, shown["comparison"], shown["settings"])
            st.rerun()


def _show_tally(run: Run) -> None:
    tally = votes.tally(run.folder)
    if not tally["n"]:
        st.caption(text("compare.no_votes"))
        return
    counts = {side: number(tally[side]) for side in ("base", "tuned", "neither")}
    line = text("compare.tally", **counts)
    if tally["interval"]:
        low, high = (percent(bound) for bound in tally["interval"])
        line += " " + text("compare.interval", share=percent(tally["share"]), low=low, high=high)
        line += " " + text("compare.conclusive" if tally["conclusive"] else "compare.inconclusive")
    else:
        line += " " + text("compare.few_votes")
    st.info(line, icon=":material/how_to_vote:")


def _references(references: list[Reference]) -> None:
    st.subheader(text("compare.references"))
    st.caption(text("compare.references_help"))
    if nothing_near(references):
        st.info(text("compare.nothing_near"), icon=":material/search_off:")
    for reference in references:
        with st.container(border=True):
            similarity, words = st.columns([1, 6])
            similarity.metric(text("compare.similarity"), number(reference.similarity, 2))
            with words:
                st.text(reference.title)
                st.text(reference.description)
                if reference.alike:
                    st.caption(text("compare.alike", count=number(reference.alike)))
                if reference.near is False:
                    st.caption(text("compare.not_near"))


def _history(run: Run) -> None:
    rows = read_history(run.folder, HISTORY_SHOWN)
    if not rows:
        return
    with st.expander(text("compare.history", count=number(len(rows))), icon=":material/history:"), errors_shown():
        table = pandas.DataFrame(
            [
                (one["time"], one["query"], one["base"]["text"], one["tuned"]["text"], attributes_in_line(one))
                for one in rows
            ],
            columns=[text(f"compare.{name}") for name in ("time", "question", "before", "after", "attributes")],
        )
        st.dataframe(table, hide_index=True)
        csv, json = st.columns(2)
        csv.download_button(
            text("compare.csv"), lambda: history_as_csv(read_history(run.folder)), f"{run.name}-history.csv", "text/csv"
        )
        json.download_button(
            text("compare.json"),
            lambda: history_as_json(read_history(run.folder)),
            f"{run.name}-history.json",
            "application/json",
        )
