"""Every place that shows claims says of a German run that they are not checked, and never that there are none."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.cli.explain import show_evidence
from shelftalk.cli.output import marked_text, show_support
from shelftalk.evaluation.measures import Answer, measures_of, tables_of
from shelftalk.evidence.support import measure_support, sample_support
from shelftalk.evidence.unchecked import not_checked
from shelftalk.generation.faults import check_text
from shelftalk.records import Comparison, Description, Product, Reference
from shelftalk.review.check import Checker
from shelftalk.review.review import Review
from shelftalk.rules.house_rules import HouseRules
from shelftalk.runs.run import Run
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace
from tests.api.served import WatchedEngine, make_app
from tests.evaluation.test_report import pages, result
from tests.german import TEXT, TITLE, german_workspace
from tests.review.outputs import row, write_output
from tests.shell import Shell

SAID = "Claims are not checked in this language (German): there are rules for English and Portuguese."
FEW = ["--max-new-tokens", "12"]


@pytest.fixture(scope="module")
def german(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return german_workspace(tiny_run, tmp_path_factory.mktemp("german") / "workspace")


def words(shown: str) -> str:
    """Return what a terminal shows without its line breaks."""
    return " ".join(shown.split())


@pytest.fixture
def shell(german: Workspace, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(german.root, capsys)


def test_the_sentence_names_the_language_and_is_none_where_claims_are_checked() -> None:
    assert not_checked("de") == SAID
    assert not_checked("en") is not_checked("pt") is None


def test_the_columns_of_generate_are_empty_and_not_0(shell: Shell, tmp_path: Path) -> None:
    source, output = tmp_path / "titel.csv", tmp_path / "texte.csv"
    source.write_text(f"title\n{TITLE}\n", encoding="utf-8")
    code, out, err = shell("generate", "pegs", "--input", source, "--output", output, *FEW)
    assert code == 0, err
    assert f"{SAID} The columns unsupported and contradicted are empty." in out
    with output.open(encoding="utf-8-sig", newline="") as file:
        [written] = csv.DictReader(file)
    assert (written["unsupported"], written["contradicted"]) == ("", "")
    summary = shell.json("generate", "pegs", "--input", source, "--output", output, *FEW)
    assert summary["language"] == "de"
    assert summary["faults"]["unsupported"] is summary["faults"]["contradicted"] is None

    code, out, err = shell("review", "pegs", "--texts", output)
    assert code == 0
    assert SAID in out + err
    assert shell.json("review", "pegs", "--texts", output)["claims_checked"] is False


def test_a_run_is_shown_with_its_language(shell: Shell) -> None:
    assert shell.json("runs", "show", "pegs")["language"] == "de"
    assert re.search(r"^ +language +de$", shell("runs", "show", "pegs")[1], re.MULTILINE)


def test_explain_and_ask_say_so(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    asked = shell.json("ask", "pegs", TITLE, "--explain", *FEW)
    assert (asked["language"], asked["claims_checked"], asked["claims"]) == ("de", False, [])
    show_evidence(TEXT, asked)  # as explain prints it too
    out = words(capsys.readouterr().out)
    assert SAID in out and "No checkable claims" not in out


def test_an_answer_beside_another_says_so() -> None:
    one = Description(TEXT, True, 3)
    assert marked_text(Comparison(TITLE, one, one, [], {}, "de", False)).plain == f"{TEXT}\n[{SAID}]"
    assert "said neither by the title" in marked_text(Comparison(TITLE, one, one, [])).plain


def test_of_a_catalogue_nothing_is_expected(german: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """`inspect` and `prepare` print this."""
    found = sample_support(Catalogue.open(german.root / "catalogues/pegs"))
    assert (found["language"], found["forecast"]) == ("de", "unknown")
    assert found["claims"] is found["none"] is found["unsupported_per_100_words"] is None
    show_support(found)
    assert capsys.readouterr().out == f"Expect: nothing is known. {SAID}\n"


def test_an_evaluation_leaves_the_measure_out_and_its_report_says_why(shell: Shell, german: Workspace) -> None:
    code, out, err = shell("evaluate", "pegs", "--ways", "base,tuned", "--max-products", 2, *FEW)
    assert code == 0, err
    assert SAID in out
    folder = german.root / "runs/pegs/report"
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["result"]
    assert (found["language"], found["claims_checked"]) == ("de", False)
    assert all("unsupported_per_100_words" not in found[way] and "chrf" in found["tuned"] for way in found["order"])
    for name in ("report.html", "report.md"):
        page = (folder / name).read_text(encoding="utf-8")
        assert "Claims are not checked in this language" in page
        assert "Unsupported claims are" not in page


def test_a_report_of_an_english_evaluation_says_nothing_of_the_kind() -> None:
    for page in pages(result() | {"language": "en", "claims_checked": True}):
        assert "not checked" not in page and "Unsupported claims are marked" in page
    for page in pages(result() | {"language": "", "claims_checked": True}):
        assert "do not look English" in page


def test_a_measure_of_claims_needs_claims() -> None:
    answer = Answer("a b", "a c", "d", True, 1.0, 3, 0.5, 0.1, 1, 0.0, None, 0, 0, 0)
    assert "unsupported_per_100_words" not in measures_of([answer, answer])
    assert "unsupported_per_100_words" in tables_of([replace(answer, unsupported=0)])


def test_faults_of_a_german_text_are_unknown_and_house_rules_are_still_checked() -> None:
    faults = check_text(TEXT, f"{TITLE}\nMaterial: Eiche", [Reference("1", "Haken", "", 0.5)], language="de")
    assert (faults.unsupported, faults.contradicted, list(faults.untold), faults.total) == (None, None, ["Material"], 1)
    ruled = check_text(TEXT, TITLE, [], HouseRules(never=("Messing",)), language="de")
    assert (ruled.unsupported, len(ruled.broken), ruled.first) == (None, 1, TEXT.index("Messing"))


def test_the_forecast_of_a_portuguese_catalogue_is_made_by_its_rules() -> None:
    text = "Feita de carvalho, com 9 cm e acabamento em óleo. Vem com 5 ganchos de latão e pesa 2 kg."
    product = Product("1", "Cabideiro", text, (("material", "carvalho"), ("comprimento", "9 cm")))
    found = measure_support([product] * 3, "pt")
    assert (found["claims"], found["forecast"], found["told"]) == (15, "invents", 1.0)


def test_the_review_desk_says_so(tmp_path: Path, german: Workspace) -> None:
    review = Review(write_output(tmp_path, [row(1)]))
    check = Checker(Run.open(german, "pegs")).check(review.texts[0], TEXT)
    assert (check.checked, check.language, check.claims, check.wrong) == (False, "de", [], [])
    from shelftalk.studio.review_card import _facts

    told = texts("en")["evidence.not_checked"].format(language="German")
    assert told in _facts(review.state(0), check)
    assert told not in _facts(review.state(0), replace(check, checked=True))


def test_the_api_has_a_field_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(make_app(WatchedEngine()), base_url="http://127.0.0.1") as client:
        english = client.post("/v1/describe", json={"title": TITLE}).json()
        monkeypatch.setattr(Run, "language", "de")
        german = client.post("/v1/describe", json={"title": TITLE}).json()
    assert (english["language"], english["claims_checked"]) == ("en", True)
    assert (german["language"], german["claims_checked"]) == ("de", False)
