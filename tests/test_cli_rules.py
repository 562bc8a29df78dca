"""`shelftalk rules`: what is proposed can be saved as it is printed, and breaches are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.rules.house_rules import HouseRules, read_rules, write_rules
from tests.shell import Shell

TEXTS = [f"A mug for {number} ml of tea, grey inside. Wash it by hand, please." for number in range(40)]
TEXTS[7] = "A mug \x1b[31mfor tea!"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    shell = Shell(tmp_path / "workspace", capsys)
    rows = tmp_path / "rows.jsonl"
    lines = [json.dumps({"title": f"Mug {number}", "description": text}) for number, text in enumerate(TEXTS)]
    rows.write_text("\n".join(lines), encoding="utf-8")
    prepare([rows], shell.root / "catalogues" / "shop", PrepareSettings())
    return shell


def test_what_is_proposed_is_saved_as_printed_and_checked(shell: Shell) -> None:
    code, out, err = shell("rules", "propose", "shop")
    file = shell.root / "catalogues" / "shop.rules.toml"
    assert code == 0
    assert f"Save what you keep as {file}" in err.replace("\n", "")
    assert "# 39 of 40 texts keep it; for instance: Wash it by hand, please." in out
    assert not file.exists(), "nothing is written"
    file.write_text(out, encoding="utf-8")
    rules = read_rules(file)
    assert (rules.emoji, rules.capitals, rules.exclamation_marks) == (False, False, True)
    assert rules.begins_with == ("A mug",)
    assert {one["rule"]: one["kept"] for one in shell.json("rules", "propose", "shop")}["ends_with"] == 39
    code, out, err = shell("rules", "check", "shop")
    assert code == 0
    assert "1 of 40" in out
    assert "it does not end with" in out
    assert "\x1b" not in out
    assert "Every text" not in err


def test_a_rule_that_every_text_breaks_is_said(shell: Shell) -> None:
    write_rules(shell.root / "catalogues" / "shop.rules.toml", HouseRules(always=("saucer",), never=("grey",)))
    code, out, err = shell("rules", "check", "shop")
    assert code == 0
    assert "39 of 40" in out
    assert "Mug 0: A mug for 0 ml of tea, [grey] inside." in " ".join(out.split())
    assert "Every text breaks the rule always (saucer): is it meant so?" in err
    assert [(one["rule"], one["broken"], one["by_all"]) for one in shell.json("rules", "check", "shop")] == [
        ("never", 39, False),
        ("always", 40, True),
    ]


def test_without_rules_and_with_kept_rules_that_is_said(shell: Shell) -> None:
    code, _, err = shell("rules", "check", "shop")
    assert code == 0
    assert "shop has no house rules. Propose some with: shelftalk rules propose shop" in err
    write_rules(shell.root / "catalogues" / "shop.rules.toml", HouseRules(emoji=False))
    assert "All 40 texts keep the rules in" in shell("rules", "check", "shop")[1]


def test_mistakes_of_a_file_are_one_line(shell: Shell) -> None:
    (shell.root / "catalogues" / "shop.rules.toml").write_text("[style]\nemojis = false\nspelling = 1\n")
    said = shell.mistake("rules", "check", "shop")
    assert "shop.rules.toml has 2 mistakes. Line 2: style.emojis is no rule; did you mean style.emoji?" in said
    assert "Line 3: style.spelling must be British or American, got 1." in said
    assert "There is no catalogue 'none'" in shell.mistake("rules", "propose", "none")
