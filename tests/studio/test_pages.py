"""Every page without a browser: on an empty workspace and on one with a run, in both languages."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.known_attributes import KnownAttributes
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evaluation.directions import DIRECTIONS, FORMATS
from shelftalk.records import Attributes, Comparison, Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.studio.language import STATE
from shelftalk.studio.navigation import ICONS
from shelftalk.studio.views.fine_tune import WATCHING
from shelftalk.training.state import RunState
from shelftalk.translations.texts import LANGUAGES, texts
from shelftalk.workspace import Workspace, lock, sha256, write_json
from tests.catalogue.exports import nested, woocommerce

VIEWS = tuple(ICONS)
EMPTY = {
    "catalogue": "catalogue.none",
    "fine_tune": "fine_tune.no_catalogue.next",
    "compare": "compare.no_run.next",
    "review": "review.no_run.next",
    "runs": "runs.none.next",
    "report": "report.no_run.next",
}
FORMS = {TrainingSettings: ("fine_tune", {"trackers", "base_model", *WATCHING}), DecodingSettings: ("compare", set())}


@pytest.fixture(scope="module")
def ready_workspace(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a catalogue and a run that is ready to answer; pages may write tasks to it."""
    workspace = Workspace(tmp_path_factory.mktemp("pages") / "workspace")
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    pipeline.make_ready(Run.open(workspace, tiny_run.name))
    return workspace


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the tasks that pages start: their locks are held until the test ends, without a process."""
    names: list[str] = []
    with ExitStack() as held:

        def start(workspace: Workspace, name: str, arguments: Any, about: Any = None, *_: object) -> None:
            folder = workspace.root / "tasks" / name
            held.callback(shutil.rmtree, folder)
            held.enter_context(lock(folder, "a test"))
            write_json(folder / "about.json", about)
            names.append(name)

        for name in (*(f"views.{view}" for view in VIEWS), "training_view", "dossier_view"):
            module = import_module(f"shelftalk.studio.{name}")
            if hasattr(module, "start_task"):
                monkeypatch.setattr(module, "start_task", start)
        monkeypatch.setattr("shelftalk.studio.views.compare.warm_up", lambda *_: None)
        yield names


def page(view: str) -> None:
    """Draw one page as the app does; Streamlit runs the source of this function alone."""
    from importlib import import_module

    from shelftalk.studio.show import errors_shown

    with errors_shown():
        import_module(f"shelftalk.studio.views.{view}").show()


def drawn(workspace: Workspace, view: str, monkeypatch: pytest.MonkeyPatch, language: str = "en") -> AppTest:
    monkeypatch.setenv("SHELFTALK_WORKSPACE", str(workspace.root))
    app = AppTest.from_function(page, default_timeout=60, kwargs={"view": view})
    app.session_state[STATE] = language
    return app.run()


def shown(app: AppTest) -> list[str]:
    """Return every text of a page."""
    kinds = ("markdown", "caption", "text", "info", "error", "success", "title", "header", "subheader")
    return [str(getattr(one, "value", "")) for kind in kinds for one in app.get(kind)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_workspace_shows_what_to_do_next(
    view: str, language: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(workspace, view, monkeypatch, language)
    assert list(app.exception) == []
    assert list(app.error) == []
    assert texts(language)[f"{view}.intro"] in shown(app)
    assert texts(language)[EMPTY[view]] in shown(app)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_workspace_with_a_run_is_drawn(
    view: str, language: str, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(ready_workspace, view, monkeypatch, language)
    assert list(app.exception) == []
    assert list(app.error) == []
    assert texts(language)[EMPTY[view]] not in shown(app)
    assert len(shown(app)) > 1


def test_a_description_in_two_columns_is_one_option_and_is_detected_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    app = drawn(workspace, "catalogue", monkeypatch)
    words = texts("en")
    source = woocommerce(tmp_path / "wc-product-export.csv")
    _labelled(app.text_input, words["catalogue.path"]).set_value(str(source)).run()
    chosen = _labelled(app.selectbox, words["catalogue.description_field"])
    assert chosen.value == "Short description + Description"
    prepare = _labelled(app.button, words["catalogue.prepare"])
    prepare.click().run()
    chosen = _labelled(app.selectbox, words["catalogue.description_field"])
    chosen.set_value("Description").run()
    _labelled(app.button, words["catalogue.prepare"]).click().run()
    assert [[one for one in arguments if "-field" in one] for arguments in commands] == [
        [],
        ["--description-field=Description"],
    ]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of the tasks that the page Catalogue starts."""
    started: list[list[str]] = []

    def start(workspace: Workspace, name: str, arguments: list[str], about: object) -> bool:
        started.append(arguments)
        return True

    monkeypatch.setattr("shelftalk.studio.add_catalogue.start_task", start)
    return started


def write_table(path: Path, *names: str) -> Path:
    """Write a CSV of two rows with these columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *([f"{name} {number}" for name in names] for number in (1, 2))])
    return path


def test_columns_of_attributes_are_chosen_and_the_usual_ones_preselected(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    words = texts("en")
    app = drawn(workspace, "catalogue", monkeypatch)
    path = _labelled(app.text_input, words["catalogue.path"])

    def columns() -> Any:
        return _labelled(app.multiselect, words["catalogue.attribute_columns"])

    def prepare() -> str:
        _labelled(app.button, words["catalogue.prepare"]).click().run()
        assert list(app.exception) == []
        return next(one for one in commands.pop() if one.startswith("--attributes"))

    path.set_value(str(write_table(tmp_path / "a.csv", "title", "text", "Material", "Nib, kind", "brand", "sku"))).run()
    assert columns().options == ["Material", "Nib, kind", "brand"]
    assert columns().value == ["Material", "brand"]
    assert words["catalogue.no_attributes"] not in shown(app)
    assert prepare() == "--attributes=automatic"
    columns().set_value(["Material", "Nib, kind"]).run()
    assert prepare() == '--attributes=Material,"Nib, kind"'
    columns().set_value(["brand", "Material"]).run()
    assert prepare() == "--attributes=automatic"
    columns().set_value([]).run()
    assert words["catalogue.no_attributes"] in shown(app)
    assert prepare() == "--attributes=none"
    _labelled(app.selectbox, words["catalogue.description_field"]).set_value("brand").run()
    assert (columns().options, columns().value) == (["text", "Material", "Nib, kind"], ["Material"])
    path.set_value(str(write_table(tmp_path / "b.csv", "title", "text", "Material", "Size", "price"))).run()
    assert (columns().options, columns().value) == (["Material", "Size", "price"], ["Material", "Size"])
    path.set_value(str(write_table(tmp_path / "c.csv", "title", "text", "price"))).run()
    assert (columns().options, columns().value) == (["price"], [])
    assert prepare() == "--attributes=automatic"


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_what_teaches_little_is_said_above_the_products(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    rows = [f'{{"title": "Oak peg {one}", "content": "<b>Peg</b> {one}"}}\n' for one in range(20)]
    (tmp_path / "a.jsonl").write_text("".join(rows))
    prepare(tmp_path / "a.jsonl", workspace.catalogue("short"), PrepareSettings())
    app = drawn(workspace, "catalogue", monkeypatch, language)
    assert list(app.exception) == []
    assert any(texts(language)["catalogue.concerns"] in one.value for one in app.markdown)
    said = texts(language)["catalogue.concern_titles"].partition("}")[2]
    assert any(said in one.value and one.value.endswith("Peg 0") for one in app.text)


def test_a_folder_is_prepared_whole_and_its_first_file_shown(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    words = texts("en")
    folder = tmp_path / "shop"
    folder.mkdir()
    write_table(folder / "b.csv", "title", "text", "size")
    write_table(folder / "a.csv", "title", "text", "Material")
    (folder / "1.json").write_text('{"version": 3}')
    app = drawn(workspace, "catalogue", monkeypatch)
    _labelled(app.text_input, words["catalogue.path"]).set_value(str(folder)).run()
    assert _labelled(app.multiselect, words["catalogue.attribute_columns"]).options == ["Material"]
    _labelled(app.button, words["catalogue.prepare"]).click().run()
    assert commands[0][:2] == ["prepare", str(folder)]
    # Other files may have other names for their columns: only those that the user changes are named.
    assert [one for one in commands[0] if "-field" in one] == []
    _labelled(app.selectbox, words["catalogue.description_field"]).set_value("Material").run()
    _labelled(app.button, words["catalogue.prepare"]).click().run()
    assert [one for one in commands[1] if "-field" in one] == ["--description-field=Material"]
    empty = tmp_path / "empty"
    empty.mkdir()
    _labelled(app.text_input, words["catalogue.path"]).set_value(str(empty)).run()
    assert any("empty holds no file of products" in one.value for one in app.text)


def test_the_files_of_a_catalogue_are_counted_and_those_left_out_named(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for year in (2024, 2025):
        rows = [f'{{"title": "Peg {one} of {year}", "content": "Holds {one} coats, {year}."}}' for one in range(9)]
        (folder / f"{year}.jsonl").write_text("\n".join([*rows, "{"]))
    (folder / "1.json").write_text('{"version": 3}')
    (folder / "notes.docx").write_text("x")
    prepare(folder, workspace.catalogue("shop"), PrepareSettings())
    app = drawn(workspace, "catalogue", monkeypatch)
    app.session_state["catalogue-tab"] = texts("en")["catalogue.left_out"]
    (table,) = app.run().dataframe
    assert table.value.to_numpy().tolist() == [["2024.jsonl", 10, 9, 1], ["2025.jsonl", 10, 9, 1]]
    assert any("1.json  →  " in one.value and "notes.docx  →  " in one.value for one in app.text)
    assert any("2024.jsonl, " in one.value for one in app.text)


@pytest.fixture
def with_attributes(workspace: Workspace, tmp_path: Path) -> Catalogue:
    """A catalogue whose products have attributes."""
    settings = PrepareSettings(test_share=0.2)
    pipeline.prepare_catalogue(workspace, nested(tmp_path / "nested.jsonl"), "nested", settings)
    return Catalogue.open(workspace.catalogue("nested"))


def test_the_attributes_of_a_catalogue_are_shown_with_their_share_and_values(
    workspace: Workspace, with_attributes: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(workspace, "catalogue", monkeypatch)
    app.session_state["catalogue-tab"] = texts("en")["catalogue.attributes"]
    (table,) = app.run().dataframe
    names, shares, values = (list(table.value[column]) for column in table.value.columns)
    assert names == ["material", "Finish", "Care", "height", "foldable", "Wood"]
    assert shares[:2] == [100, 100]
    assert all(0 < share <= 100 for share in shares)
    assert values[:2] == ["Oak, steel; Ash, steel; Elm, steel", "oiled"]
    assert texts("en")["catalogue.no_attributes"] not in shown(app)


def test_a_catalogue_of_titles_alone_is_told_what_it_lacks(
    ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(ready_workspace, "catalogue", monkeypatch)
    app.session_state["catalogue-tab"] = texts("en")["catalogue.attributes"]
    assert texts("en")["catalogue.no_attributes"] in [one.value for one in app.run().info]


@pytest.mark.parametrize("told", [None, 0.4])
def test_what_to_expect_of_a_catalogue_is_said_with_examples(
    told: float | None, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    support = {
        "forecast": "invents",
        "language": "en",
        "claims": 90,
        "told": told,
        "unsupported_per_100_words": 8.21,
        "examples": [{"title": "Peg *x*", "before": "made in ", "claim": "Oslo", "after": " of oak"}],
    }
    monkeypatch.setattr("shelftalk.studio.forecast_view._support", lambda *_: support)
    app = drawn(ready_workspace, "catalogue", monkeypatch)
    app.session_state["catalogue-tab"] = texts("en")["catalogue.attributes"]
    app.run()
    [warning] = [one.value for one in app.warning if "claims per 100 words" in one.value]
    assert warning.startswith("These descriptions have 8.2 claims")
    assert ("preset messy" in warning) == (told is not None)  # without attributes it would learn titles only
    assert "Peg *x*\n…made in [Oslo] of oak…" in [one.value for one in app.text]


def lists_of_attributes(app: AppTest) -> list[Any]:
    """Return what each list of attributes on a page shows."""
    found = [one.proto for one in app.get("bidi_component") if one.proto.component_name == "shelftalk_attributes"]
    return [json.loads(one.json)["attributes"] for one in found]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Attributes]]:
    """The questions that are asked on the page Compare, with their attributes; none is answered."""
    asked: list[tuple[str, Attributes]] = []
    monkeypatch.setattr(
        "shelftalk.studio.views.compare._answer",
        lambda run, question, attributes, *_: asked.append((question, attributes)),
    )
    return asked


def test_a_held_out_product_fills_the_table_and_is_asked_with_its_attributes(
    ready_workspace: Workspace,
    with_attributes: Catalogue,
    answered: list[tuple[str, Attributes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = texts("en")
    monkeypatch.setattr(Run, "catalogue", lambda _: with_attributes)
    monkeypatch.setattr(Run, "known_attributes", KnownAttributes(["material", "Finish"]))
    app = drawn(ready_workspace, "compare", monkeypatch)
    assert app.dataframe[0].value.values.tolist() == [["material", ""], ["Finish", ""]]
    _labelled(app.button, words["compare.random"]).click().run()
    held_out = {one.title: one.attributes for one in with_attributes.products("test")}
    [(question, attributes)] = answered
    assert held_out[question] == attributes != ()
    assert tuple(map(tuple, app.dataframe[0].value.values)) == attributes
    _labelled(app.button, words["compare.clear_attributes"]).click().run()
    app.text_input(key="question-text").set_value("Another")
    _labelled(app.button, words["compare.ask"]).click().run()
    assert answered[1:] == [("Another", ())]
    assert list(app.exception) == []


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_references_can_stand_in_the_prompt_of_a_run_that_was_trained_so(
    share: float, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("shelftalk.studio.views.compare._answer", lambda *given: asked.append(given[-1]))
    settings = Run.open(ready_workspace, "pegs").settings.replace({"context_share": share})
    monkeypatch.setattr(Run, "settings", settings)
    app = drawn(ready_workspace, "compare", monkeypatch)
    switch = [one for one in app.toggle if one.label == texts("en")["compare.with_references"]]
    assert len(switch) == (share > 0)
    if switch:
        switch[0].set_value(True)
    app.text_input(key="question-text").set_value("Peg 1 cm")
    _labelled(app.button, texts("en")["compare.ask"]).click().run()
    assert asked == [share > 0]
    assert list(app.exception) == []


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("A kettle of beech wood.", "Attributes told: 1 of 3; not told: colour, lid *x*"),
        ("A white kettle of beech with a tight lid.", "Attributes told: 3 of 3."),
    ],
)
def test_an_answer_shows_its_attributes_and_which_are_told(
    answer: str, line: str, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = {"material": "beech", "colour": "white", "lid *x*": "tight"}
    written = Description(answer, True, 5)
    comparison = Comparison("Kettle", written, written, [], attributes)
    app = drawn(ready_workspace, "compare", monkeypatch)
    app.session_state["shown"] = {
        "run": "pegs",
        "comparison": comparison,
        "settings": DecodingSettings(),
        "order": ["base", "tuned"],
        "blind": False,
        "true": None,
        "vote": None,
        "number": 1,
    }
    app.run()
    assert list(app.exception) == []
    assert list(app.error) == []
    assert lists_of_attributes(app) == [[["material", "beech"], ["colour", "white"], ["lid *x*", "tight"]]]
    assert line in [one.value for one in app.text]


def _labelled(widgets: Any, label: str) -> Any:
    (found,) = [one for one in widgets if one.label == label]
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_an_error_is_one_sentence_in_place_of_the_page(
    view: str, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelftalk.errors import Damaged

    def fail(*_: object) -> Any:
        raise Damaged("<b>Peg</b> is damaged; make it *again*.")

    monkeypatch.setattr(Workspace, "runs", fail)
    monkeypatch.setattr(Workspace, "catalogues", fail)
    app = drawn(ready_workspace, view, monkeypatch)
    assert list(app.exception) == []
    assert [one.value for one in app.error][:1] == [texts("en")["error.heading"]]
    assert "<b>Peg</b> is damaged; make it *again*." in [one.value for one in app.text]


@pytest.mark.parametrize("view", VIEWS)
def test_an_unexpected_error_shows_no_traceback(
    view: str, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(Workspace, "runs", fail)
    monkeypatch.setattr(Workspace, "catalogues", fail)
    app = drawn(ready_workspace, view, monkeypatch)
    assert list(app.exception) == []
    assert texts("en")["error.unexpected"] in [one.value for one in app.text]
    assert not any("secret inside" in one or "Traceback" in one for one in shown(app))
    assert "secret inside" in caplog.text  # it is in the terminal's log


def test_the_report_shows_every_measure_and_loads_none() -> None:
    assert set(FORMATS) == set(DIRECTIONS)
    program = "import sys, shelftalk.studio.views.report; assert not {'sacrebleu', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def widgets(app: AppTest) -> list[str]:
    """Return the keys of a page's widgets."""
    kinds = ("checkbox", "number_input", "selectbox", "slider", "text_input", "toggle")
    return [str(one.key) for kind in kinds for one in app.get(kind) if one.key]


@pytest.mark.parametrize("cls", FORMS)
def test_the_form_offers_every_setting(cls: Any, ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    view, excluded = FORMS[cls]
    keys = widgets(drawn(ready_workspace, view, monkeypatch))
    wanted = {one.name for one in fields(cls)} - excluded
    assert {name for name in wanted if not any(key.removesuffix("-open").endswith(f"-{name}") for key in keys)} == set()


def test_a_setting_outside_the_form_has_its_own_widget(
    ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelftalk.studio.add_catalogue import READING, SETTINGS

    columns = {"title_field", "description_field", "id_field", "attributes"}
    assert {one.name for one in fields(PrepareSettings)} == {*SETTINGS, *READING, *columns}
    assert {"base_model-choice", "setting-looks"} <= set(widgets(drawn(ready_workspace, "fine_tune", monkeypatch)))


def test_only_cheap_tasks_start_automatically(
    ready_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    for view in VIEWS:
        drawn(ready_workspace, view, monkeypatch)
    assert not any(name.startswith(("start-", "prepare", "evaluate-")) for name in started)
    assert any(name.startswith("presets-pegs-") for name in started)  # so that the cards say what each takes


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_that_diverged_is_offered_again_with_a_lower_rate_and_one_that_did_not_fall_says_so(
    language: str, workspace: Workspace, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    run, words = Run.open(workspace, tiny_run.name), texts(language)
    lines = [{"step": 1, "loss": 4.8}, {"step": 2, "loss": 39.0}, {"step": 3, "loss": 31.0}]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    app = drawn(workspace, "report", monkeypatch, language)
    figures = ("4.800", "31.000") if language == "en" else ("4,800", "31,000")
    assert all(figure in app.warning[0].value for figure in figures)
    shutil.rmtree(run.adapter)
    RunState(run.folder).become("failed", error="The loss of update 3 is not a finite number.", diverged=True)
    app = drawn(workspace, "fine_tune", monkeypatch, language)
    assert words["watch.diverged_help"] in shown(app)
    assert words["watch.resume_help"] not in shown(app)
    app.button(key=f"lower-{run.name}").click().run()
    assert app.session_state["duplicated"]["settings"]["learning_rate"] == run.settings.learning_rate / 10
    description = json.loads((run.folder / "run.json").read_text())
    description["earlier"] = {"runs": [{"catalogue_sha256": "", "products": None}], "held_out": 7, "seen": 5}
    (run.folder / "run.json").write_text(json.dumps(description))
    RunState(run.folder).become("failed", error="The disk is full.")
    assert words["watch.earlier_unknown"] in shown(drawn(workspace, "fine_tune", monkeypatch, language))
    assert words["watch.seen"].format(count=5, all=7) in shown(drawn(workspace, "fine_tune", monkeypatch, language))
    assert words["watch.resume_help"] in shown(drawn(workspace, "fine_tune", monkeypatch, language))


def watched(name: str) -> None:
    """Watch a run as a page does that was drawn while the run was queued, and is redrawn on the status change."""
    import streamlit as st

    from shelftalk.studio.training_view import _watch

    st.session_state["draws"] = st.session_state.get("draws", 0) + 1
    _watch(name, "queued" if st.session_state["draws"] <= 2 else "running")


def test_a_click_on_stop_counts_although_the_run_has_just_started(
    workspace: Workspace, tiny_run: Run, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    run = Run.open(workspace, tiny_run.name)
    shutil.rmtree(run.adapter)
    monkeypatch.setenv("SHELFTALK_WORKSPACE", str(workspace.root))
    with lock(run.folder, "a test"):
        RunState(run.folder).become("queued")
        app = AppTest.from_function(watched, default_timeout=60, kwargs={"name": run.name}).run()
        RunState(run.folder).become("running")
        app.button(key=f"stop-{run.name}").click().run()
        assert started == [f"stop-{run.name}"]
        assert app.button(key=f"stop-{run.name}").disabled


@pytest.mark.parametrize(
    ("chosen", "kind", "name"), [(None, "known", "português"), ("eu", "other", "eu"), ("en", "known", "inglês")]
)
def test_the_language_of_a_catalogue_and_of_requests_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, kind: str, name: str
) -> None:
    rows = [{"title": f"Cabide {one}", "content": f"Um cabide para os {one} casacos da casa."} for one in range(20)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    place = Workspace(tmp_path / "workspace")
    pipeline.prepare_catalogue(place, tmp_path / "a.jsonl", "a", PrepareSettings(language=chosen))
    app = drawn(place, "catalogue", monkeypatch, "pt-BR")
    assert texts("pt-BR")[f"catalogue.language_{kind}"].format(language=name) in shown(app)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_offers_the_dossier_in_the_language_of_the_page(
    language: str,
    ready_workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    started: list[str],
) -> None:
    words, other = texts(language), next(one for one in LANGUAGES if one != language)
    assert words["report.dossier_help"] in shown(drawn(ready_workspace, "report", monkeypatch, language))
    folder = ready_workspace.root / "tasks" / "dossier-pegs"
    (folder / "dossier" / "pictures").mkdir(parents=True)
    (folder / "dossier" / "dossier.html").write_text("<p>page</p>")
    evaluation = ready_workspace.run("pegs") / "report" / "evaluation.json"  # other tests may have measured the run
    measured = sha256(evaluation) if evaluation.is_file() else None
    write_json(folder / "about.json", {"language": language, "evaluation": measured})
    write_json(folder / "output.json", {"run": "pegs"})
    done = drawn(ready_workspace, "report", monkeypatch, language)
    labels = [one.proto.label for one in done.get("download_button")]
    assert {words["report.dossier_page"], words["report.dossier_zip"]} <= set(labels)
    elsewhere = drawn(ready_workspace, "report", monkeypatch, other)
    others = [one.proto.label for one in elsewhere.get("download_button")]
    assert texts(other)["report.dossier_page"] not in others  # it is in another language
    shutil.rmtree(folder)
    app = drawn(ready_workspace, "report", monkeypatch, language)
    app.button(key="write-dossier").click().run()
    assert started == ["dossier-pegs"]
