"""`explain`, `ask --explain` and `evaluate` as a user types them, on the tiny run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shelftalk.cli.explain import show_evidence
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace
from tests.shell import Shell

FEW = ["--max-new-tokens", "12"]
TITLE = "Oak peg 7 cm"
EVIDENCE = {"spans", "language", "claims_checked", "claims", "told"}
KEYS = {"query", "attributes", "tuned", "references", *EVIDENCE, "influence"}


@pytest.fixture(scope="module")
def root(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run's workspace that tests may write to."""
    folder = tmp_path_factory.mktemp("explained") / "workspace"
    shutil.copytree(tiny_run.workspace.root, folder)
    return folder


@pytest.fixture
def shell(root: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(root, capsys)


def test_a_given_description_is_explained(shell: Shell) -> None:
    copied = "Holds a coat of 7 stone, oiled twice, and 40 cm of brass."
    found = shell.json("explain", "pegs", TITLE, "--description", copied, "--references", 3)
    assert found.keys() == KEYS
    assert found["tuned"]["text"] == copied
    assert len(found["references"]) == 3
    claims = {claim["text"]: claim["support"] for claim in found["claims"]}
    assert claims["40 cm"] == "none"
    assert claims["brass"] == "none"
    assert len(found["influence"]) == 23  # similar and random rows, here all training rows
    scores = [one["score"] for one in found["influence"]]
    assert scores == sorted(scores, reverse=True)
    for claim in found["claims"]:
        assert copied[claim["start"] : claim["end"]] == claim["text"]


def test_a_span_copied_from_the_training_texts_is_found_with_its_source(shell: Shell, root: Path) -> None:
    trained = Run.open(Workspace(root), "pegs").products()[0]
    found = shell.json("explain", "pegs", TITLE, "--description", f"New: {trained.description}", "--no-influence")
    [span] = found["spans"]
    assert span["text"] == trained.description.rstrip(".")
    assert span["places"][0]["uid"] == trained.uid
    assert found["influence"] is None


def test_a_description_is_written_where_none_is_given(shell: Shell) -> None:
    found = shell.json("explain", "pegs", TITLE, "--no-influence", *FEW)
    assert found["tuned"]["tokens"] <= 12
    grounded = shell.json("explain", "pegs", TITLE, "--no-influence", "--grounded", *FEW)
    assert grounded.keys() == KEYS
    code, out, _ = shell("explain", "pegs", TITLE, "--description", "Holds 40 cm of brass.")
    assert code == 0
    assert "Holds 40 cm of brass." in out
    assert "nothing" in out
    assert "influence (estimate)" in out


def test_ask_explains_too_and_its_json_keeps_its_shape(shell: Shell) -> None:
    found = shell.json("ask", "pegs", TITLE, "--explain", *FEW)
    assert found.keys() == {"query", "attributes", "base", "tuned", "references", *EVIDENCE}
    assert shell.json("ask", "pegs", TITLE, "--grounded", *FEW).keys() == {
        "query",
        "attributes",
        "base",
        "tuned",
        "references",
        "language",
        "claims_checked",
    }
    code, out, _ = shell("ask", "pegs", TITLE, "--explain", "--grounded", *FEW)
    assert code == 0
    assert "nearest training products" in out


def test_an_evaluation_is_printed_with_its_report(shell: Shell, root: Path) -> None:
    code, out, err = shell("evaluate", "pegs", "--ways", "base,tuned", "--max-products", 5, *FEW)
    assert code == 0, err
    assert "too few for intervals" in out
    assert "nearest product's text" in out
    report = root / "runs" / "pegs" / "report" / "report.html"
    assert str(report) in out.replace("\n", "")
    assert report.is_file()
    again = shell.json("evaluate", "pegs", "--ways", "tuned, base", "--max-products", 5, *FEW)
    assert again == json.loads((root / "runs" / "pegs" / "report" / "evaluation.json").read_text())["result"]


def test_user_errors_are_reported_in_one_line(shell: Shell) -> None:
    assert "TEXT is empty" in shell.mistake("explain", "pegs", "  ")
    assert "no run 'nope'" in shell.mistake("explain", "nope", TITLE)
    assert "--description is empty" in shell.mistake("explain", "pegs", TITLE, "--description", " ")
    assert "leave one of them out" in shell.mistake("explain", "pegs", TITLE, "--description", "x", "--grounded")
    assert "--ways must be of base" in shell.mistake("evaluate", "pegs", "--ways", "sideways")


def test_control_characters_of_evidence_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    claim = {"text": "\x1b[2Jx", "kind": "name", "support": "none", "where": None, "start": 0, "end": 5}
    span = {"text": "\x1b]0;t\x07", "count": 1, "words": 4, "places": [{"title": "\x9b31m"}]}
    show_evidence("\x1b[2Jx brass", {"language": "en", "claims": [claim], "spans": [span], "influence": None})
    assert not set(capsys.readouterr().out) & set("\x1b\x07\x9b")


def test_attributes_are_given_by_name_and_support_claims(shell: Shell) -> None:
    described = ["--description", "Made of brass, 40 cm long.", "--no-influence"]
    given = ["--attribute", "material=&nbsp;brass", "--attribute", "length = 40 cm"]
    code, out, err = shell("explain", "pegs", TITLE, *described, *given, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["attributes"] == {"material": "brass", "length": "40 cm"}
    assert all(claim["support"] != "none" for claim in found["claims"])
    assert "'pegs' was not trained on material, length, which is used all the same" in err
    code, out, _ = shell("explain", "pegs", TITLE, *described, *given, "--attribute", "lid=\x1b[2J hinged")
    assert code == 0
    assert "Attributes told: 2 of 3; not told: lid.\n" in out
    assert "NAME=VALUE, got 'brass'" in shell.mistake("explain", "pegs", TITLE, "--attribute", "brass")
    assert "NAME=VALUE, got '=brass'" in shell.mistake("ask", "pegs", TITLE, "--attribute", "=brass")
    asked = shell.json("ask", "pegs", TITLE, "--attribute", "material=brass", "--attribute", "Material=ash", *FEW)
    assert asked["attributes"] == {"material": "brass, ash"}
    code, out, _ = shell("ask", "pegs", TITLE, "--attribute", "material=brass", "--explain", *FEW)
    assert code == 0
    assert "Attributes told: 0 of 1; not told: material.\n" in out
    assert "Attributes told" not in shell("ask", "pegs", TITLE, "--explain", *FEW)[1]
