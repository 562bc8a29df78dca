"""The page Review without a browser: decisions, undo, claims, filters and the list, and what it starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from shelftalk import pipeline
from shelftalk.errors import NotWritable
from shelftalk.review.review import Review
from shelftalk.rules.house_rules import HouseRules, write_rules
from shelftalk.runs.run import Run
from shelftalk.studio.write_texts import folder_for
from shelftalk.studio.writers import writers
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace
from tests.review.outputs import row, write_output
from tests.studio.test_pages import drawn, shown

WORDS = texts("en")
ROWS = [row(1), row(2, "ash"), row(4), row(5), row(6, "elm")]


@pytest.fixture
def reviewed(tiny_run: Run, tmp_path: Path) -> tuple[Workspace, Review]:
    """A workspace with a run that wrote five texts, two of which name another material than the product's."""
    workspace = Workspace(tmp_path / "workspace")
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    shutil.rmtree(workspace.run(tiny_run.name) / "generated", ignore_errors=True)
    write_rules(workspace.rules("pegs"), HouseRules(instead=(("sanded", "smoothed"),)))
    write_rules(workspace.rules("pegs"), HouseRules())
    return workspace, Review(write_output(tmp_path, ROWS, records=workspace.run(tiny_run.name) / "generated"))


def press(app: AppTest, name: str) -> AppTest:
    return app.button(key=f"review-{name}").click().run()


def states(review: Review) -> list[str]:
    review.refresh()
    return [review.state(number).decision for number in review.rows]


def test_faulty_texts_come_first_and_each_decision_goes_on(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    assert list(app.exception) == [] and list(app.error) == []
    assert "1 of 5 · sku-2 · To do" in shown(app)
    app.text_input(key="reviewer").set_value("Ana").run()
    press(app, "reject")
    assert "2 of 5 · sku-6 · To do" in shown(app)
    press(app, "accept")
    assert states(review) == ["undecided", "rejected", "undecided", "undecided", "accepted"]
    assert review.state(1).who == "Ana"
    press(app, "previous")
    assert any(one.startswith("2 of 5 · sku-6 · Accepted by Ana, 20") for one in shown(app))
    press(app, "undo")
    press(app, "undo")
    assert states(review) == ["undecided"] * 5
    assert "1 of 5 · sku-2 · To do" in shown(app)


@pytest.mark.parametrize(("language", "checked"), [("en", True), ("de", False)])
def test_texts_without_a_fault_are_not_said_to_have_support_where_claims_are_not_checked(
    language: str, checked: bool, reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "language", language)
    app = drawn(reviewed[0], "review", monkeypatch)
    [button] = [one for one in app.button if one.label.startswith("Accept all without a fault found")]
    assert ("support for every claim" in button.help) is checked
    said = WORDS["evidence.not_checked"].format(language="German")
    assert (said in [one.value for one in app.caption]) is not checked


def test_a_text_is_edited_and_checked_again(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    assert not app.text_area
    press(app, "edit")
    app.text_area[0].set_value("Peg 2 is made of ash.").run()
    assert not app.text_area
    assert (states(review)[1], review.state(1).text, review.state(1).faults) == ("edited", "Peg 2 is made of ash.", 0)
    press(app, "previous")  # what has no fault any more goes on to the next
    press(app, "edit")
    app.text_area[0].set_value("  ").run()
    assert any("is empty; write one" in one for one in shown(app))
    assert review.state(1).text == "Peg 2 is made of ash."


def test_a_text_that_somebody_else_has_put_there_is_shown_before_it_is_accepted(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    review.replace(1, "Another text.", 0, "Bea")  # as another browser or process does
    press(app, "accept")
    assert WORDS["review.other_text"] in shown(app)
    assert states(review)[1] == "undecided" and "1 of 5 · sku-2 · To do" in shown(app)
    press(app, "accept")
    assert (states(review)[1], review.state(1).text) == ("accepted", "Another text.")


def test_an_edit_and_the_key_that_accepts_it_may_come_together(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    press(app, "edit")
    app.text_area[0].set_value("Peg 2 is made of ash.")
    press(app, "accept")
    assert (states(review)[1], review.state(1).text) == ("edited", "Peg 2 is made of ash.")
    assert WORDS["review.other_text"] not in shown(app)


def test_a_full_disk_is_said_and_nothing_is_decided_or_undone(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    press(app, "reject")

    def full(path: Path, records: object) -> None:
        raise NotWritable(f"Cannot write {path}: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("shelftalk.review.decisions.append_records", full)
        for name in ("accept", "undo"):
            press(app, name)
            assert list(app.exception) == [] and any("the disk is full" in one for one in shown(app))
            assert "2 of 5 · sku-6 · To do" in shown(app)
    press(app, "undo")
    assert states(review) == ["undecided"] * 5


def test_a_claim_is_cut_out_or_vouched_for(reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    assert "Claim “oak”:" in shown(app)
    press(app, "cut")
    states(review)
    assert (review.state(1).text, review.state(1).decision) == ("It is sanded by hand.", "undecided")
    assert review.is_clean(1) and "Claim “oak”:" not in shown(app)
    press(app, "undo")
    press(app, "vouch")
    assert (states(review)[1], review.state(1).claims, review.is_clean(1)) == ("undecided", ("oak",), True)


def test_words_with_a_better_one_are_replaced(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    write_rules(workspace.rules("pegs"), HouseRules(instead=(("sanded", "smoothed"),)))
    app = drawn(workspace, "review", monkeypatch)
    press(app, "fix")
    states(review)
    assert review.state(0).text.endswith("It is smoothed by hand.")  # no text is clean now, so the first comes first


def test_a_text_is_written_again_by_the_run(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    pipeline.make_ready(Run.open(workspace, "pegs"))
    app = drawn(workspace, "review", monkeypatch)
    before = review.state(1).text
    [again] = [one for one in app.button if one.label == WORDS["review.write_again"]]
    again.click().run()
    states(review)
    assert review.state(1).text not in ("", before) and review.state(1).decision == "undecided"
    writers().close()


def test_all_clean_texts_are_accepted_once_some_were_shown(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)

    def accept_all() -> Any:
        return next(one for one in app.button if one.label.startswith("Accept all"))

    assert accept_all().disabled
    app.selectbox(key="review-filter").set_value("clean").run()
    assert "1 of 3 · sku-1 · To do" in shown(app)
    press(app, "next")
    assert accept_all().disabled
    press(app, "next")
    assert not accept_all().disabled  # there are no more than three
    accept_all().click().run()
    assert states(review) == ["accepted", "undecided", "accepted", "accepted", "undecided"]
    press(app, "undo")
    assert states(review) == ["undecided"] * 5


def test_a_filter_and_words_choose_what_is_shown_and_the_list_too(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, review = reviewed
    review.accept([0, 3], "Bea")
    app = drawn(workspace, "review", monkeypatch)
    app.selectbox(key="review-filter").set_value("accepted").run()
    assert any(one.startswith("1 of 2 · sku-1 · Accepted by Bea") for one in shown(app))
    app.text_input(key="review-search").set_value("peg 5").run()
    assert any(one.startswith("1 of 1 · sku-5") for one in shown(app))
    app.text_input(key="review-search").set_value("nothing of that kind").run()
    assert f"**{WORDS['review.nothing']}**" in shown(app)
    app.text_input(key="review-search").set_value("").run()
    app.session_state["review-view"] = "list"
    app.run()
    [table] = app.dataframe
    assert list(table.value[WORDS["review.column_key"]]) == ["sku-1", "sku-5"]


def test_the_file_for_the_importer_is_made_by_the_command(
    reviewed: tuple[Workspace, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("shelftalk.studio.publish_texts.start_task", lambda *given: commands.append(given[2]))
    workspace, review = reviewed
    app = drawn(workspace, "review", monkeypatch)
    make = next(one for one in app.button if one.label.startswith("Make the file"))
    assert make.disabled
    review.accept([0], "Ana")
    app = drawn(workspace, "review", monkeypatch)
    next(one for one in app.button if one.label == "Make the file (1 accepted)").click().run()
    [command] = commands
    assert command[:2] == ["publish", "pegs"] and "--accepted" in command and "--format=automatic" in command
    assert f"--texts={review.output.path}" in command and f"--input={review.output.source}" in command


def test_files_with_names_in_other_scripts_do_not_replace_each_other(tmp_path: Path) -> None:
    names = ["обувь.csv", "сумки.csv", "_.csv", "products.csv", "产品.csv", ".csv", "../обувь.csv", "a/../../b.csv"]
    folders = [folder_for(Workspace(tmp_path), name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(folder.resolve().parent == tmp_path.resolve() / "texts" for folder in folders)
    assert folders[3].name == "products.csv"
