"""`shelftalk train --accepted` as a user types it: from reviewed texts of the tiny run to a run that learned them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shelftalk.runs.accepted import settings_for
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import Workspace
from tests.shell import Shell


@pytest.fixture
def reviewed(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell with the run `pegs`, which has written texts for five products it trained on and a held-out one."""
    shell = Shell(tmp_path / "workspace", capsys)
    shutil.copytree(tiny_run.workspace.root, shell.root)
    shutil.rmtree(shell.root / "runs" / "pegs" / "generated", ignore_errors=True)  # what other tests have written
    products = [*tiny_run.products()[:5], tiny_run.catalogue().products("test")[0]]
    source = tmp_path / "shop.jsonl"
    source.write_text("".join(json.dumps({"id": one.uid, "title": one.title}) + "\n" for one in products))
    options = ["--references", 0, "--max-new-tokens", 12, "--temperature", 0]
    shell.json("generate", "pegs", "--input", source, "--output", tmp_path / "out.jsonl", *options)
    return shell


def train(name: str, *more: object) -> list[object]:
    return ["train", "pegs", "--run", name, "--from", "pegs", "--accepted", *more]


def test_a_run_learns_what_was_accepted_and_says_so(reviewed: Shell, tmp_path: Path) -> None:
    shown = reviewed.json("review", "pegs", "--texts", tmp_path / "out.jsonl", "--accept", "all")
    assert shown["accepted"] == 6
    code, out, err = reviewed(*train("second", "--set", "edited_weight=2", "--set", "products=3"))
    assert code == 0, err
    assert "1 accepted texts are of held-out products and stay out." in err
    first, run = (Run.open(Workspace(reviewed.root), name) for name in ("pegs", "second"))
    usual = TrainingSettings.from_mapping(settings_for(first.settings))
    assert run.settings == usual.replace({"edited_weight": 2, "products": 3})
    described = reviewed.json("runs", "show", "second")
    assert described["accepted"] == {"texts": 5, "edited": 0, "held_out": 1, "empty": 0}
    code, out, err = reviewed("runs", "show", "second")
    assert "accepted\n  texts     5\n" in out
    assert reviewed.json("runs", "show", "pegs")["accepted"] is None
    reviewed.json(*train("second"))  # the same command again, with the run's own settings
    assert "and 5 accepted texts (0 edited)" in (run.adapter / "README.md").read_text()


def test_without_a_run_or_an_accepted_text_one_line_says_the_cure(reviewed: Shell) -> None:
    code, _, err = reviewed("train", "pegs", "--run", "none", "--accepted")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--from" in err
    code, _, err = reviewed(*train("none"))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "shelftalk review" in err
    assert Workspace(reviewed.root).runs() == ["pegs"]
