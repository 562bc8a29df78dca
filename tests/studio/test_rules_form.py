"""House rules in the studio: filled in as a form, proposed from the texts, saved, and checked on the same texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.rules.house_rules import HouseRules, read_rules, rule_fields, write_rules
from shelftalk.translations.texts import LANGUAGES, texts
from shelftalk.workspace import Workspace
from tests.studio.test_pages import _labelled, drawn, shown

MARKUP = "<b>**Mug**</b>"
WORDS = texts("en")


@pytest.fixture
def shop(workspace: Workspace, tmp_path: Path) -> Workspace:
    rows = [
        {"title": f"Mug {n}", "description": f"A mug for {n} ml, grey inside, `red` [outside](x). Wash by hand."}
        for n in range(40)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    prepare([tmp_path / "rows.jsonl"], workspace.catalogue("shop"), PrepareSettings())
    return workspace


def rule(widgets: Any, name: str) -> Any:
    return _labelled(widgets, WORDS[f"rules.{name}.label"])


def press(app: AppTest, name: str) -> AppTest:
    _labelled(app.button, WORDS[f"rules.{name}"]).click().run()
    assert list(app.exception) == []
    return app


def test_every_rule_is_a_field_and_what_is_filled_in_is_written(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(shop, "catalogue", monkeypatch)
    assert [one.name for one in rule_fields() if WORDS[f"rules.{one.name}.help"] not in shown(app)] == []
    rule(app.text_area, "never").set_value("best ever\n\n guarantee* ").run()
    rule(app.text_area, "instead").set_value("grey -> slate\nred->crimson").run()
    rule(app.text_area, "begins_with").set_value("The {title}").run()
    rule(app.number_input, "most_words").set_value(50).run()
    rule(app.checkbox, "emoji").check().run()
    rule(app.checkbox, "brand").check().run()
    rule(app.selectbox, "spelling").set_value(WORDS["rules.spelling_British"]).run()
    assert not shop.rules("shop").exists(), "nothing is written before it is saved"
    press(app, "save")
    assert list(app.error) == []
    assert read_rules(shop.rules("shop")) == HouseRules(
        never=("best ever", "guarantee*"),
        instead=(("grey", "slate"), ("red", "crimson")),
        most_words=50,
        emoji=False,
        spelling="British",
        brand=True,
        begins_with=("The {title}",),
    )
    again = drawn(shop, "catalogue", monkeypatch)
    assert rule(again.text_area, "instead").value == "grey -> slate\nred -> crimson"
    assert rule(again.checkbox, "emoji").value
    assert not rule(again.checkbox, "capitals").value
    assert rule(again.number_input, "fewest_words").value is None


def test_saving_says_how_many_texts_break_each_rule_and_which_all_break(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(shop, "catalogue", monkeypatch)
    rule(app.text_area, "never").set_value("39 ml").run()
    rule(app.text_area, "always").set_value("saucer").run()
    press(app, "save")
    assert WORDS["rules.saved"] in shown(app)
    said = WORDS["rules.break"].format(broken="1", texts="40")
    assert f"**{WORDS['rules.broken_never']}**: {said}" in shown(app)
    assert any(one.value.startswith("Mug 39\nA mug for [39 ml], grey inside, `red`") for one in app.text), (
        "as plain text"
    )
    (warning,) = [one.value for one in app.warning if WORDS["rules.by_all"] in one.value]
    assert WORDS["rules.break"].format(broken="40", texts="40") in warning
    rule(app.text_area, "always").set_value("mug").run()
    assert WORDS["rules.saved"] not in shown(app), "what is not saved yet was not checked"
    rule(app.text_area, "never").set_value("").run()
    press(app, "save")
    assert WORDS["rules.kept_by_all"].format(texts="40") in shown(app)


def test_proposals_are_taken_over_as_ticked_and_keep_what_is_filled_in(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(shop, "catalogue", monkeypatch)
    rule(app.text_area, "never").set_value("dear").run()
    press(app, "propose")
    numbers = f" ({WORDS['rules.keep'].format(kept='40', texts='40')})"
    for name in ("never", "emoji", "ends_with"):
        _labelled(app.checkbox, WORDS[f"rules.{name}.label"] + numbers).check().run()
    press(app, "take")
    assert rule(app.checkbox, "emoji").value
    assert not rule(app.checkbox, "capitals").value
    assert rule(app.text_area, "ends_with").value == "Wash by hand."
    assert rule(app.text_area, "never").value.startswith("dear\nact now\n")
    assert not shop.rules("shop").exists()
    press(app, "save")
    assert read_rules(shop.rules("shop")).ends_with == ("Wash by hand.",)


def test_mistakes_are_said_and_nothing_is_written(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    app = drawn(shop, "catalogue", monkeypatch)
    rule(app.text_area, "instead").set_value("cheap").run()
    rule(app.number_input, "fewest_words").set_value(9).run()
    rule(app.number_input, "most_words").set_value(8).run()
    press(app, "save")
    (said,) = [one.value for one in app.text if one.value.startswith("The rules have 2 mistakes.")]
    assert "words.instead.cheap has an empty word" in said
    assert "length.fewest_words is 9, more than most_words, 8." in said
    assert not shop.rules("shop").exists()


def test_a_file_with_mistakes_is_said_and_the_page_stays(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.rules("shop").write_text("[style]\nemojis = false\n")
    app = drawn(shop, "catalogue", monkeypatch)
    assert any("Line 2: style.emojis is no rule; did you mean style.emoji?" in one.value for one in app.text)
    assert _labelled(app.text_input, WORDS["catalogue.search"]), "the products are still shown"


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_are_drawn_in_both_languages(shop: Workspace, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    write_rules(shop.rules("shop"), HouseRules(never=(MARKUP,), spelling="American", superlatives=False))
    app = drawn(shop, "catalogue", monkeypatch, language)
    words = texts(language)
    assert list(app.exception) == []
    assert list(app.error) == []
    assert _labelled(app.text_area, words["rules.never.label"]).value == MARKUP
    assert _labelled(app.selectbox, words["rules.spelling.label"]).value == words["rules.spelling_American"]
    assert _labelled(app.checkbox, words["rules.superlatives.label"]).value
