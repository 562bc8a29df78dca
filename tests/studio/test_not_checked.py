"""The studio says of a German run that claims are not checked, in the page's language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from shelftalk.generation.history import read_history
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.records import Comparison, Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.studio.language import STATE
from shelftalk.translations.texts import LANGUAGES, texts
from shelftalk.workspace import Workspace, read_json, write_json
from tests.evaluation.test_report import result
from tests.german import TEXT, TITLE, german_workspace
from tests.studio.test_pages import drawn


@pytest.fixture(scope="module")
def german(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return german_workspace(tiny_run, tmp_path_factory.mktemp("german") / "workspace")


def forecast(folder: str) -> None:
    """Draw what the page Catalogue says of a training on a catalogue."""
    from pathlib import Path

    from shelftalk.catalogue.catalogue import Catalogue
    from shelftalk.studio.forecast_view import show_forecast

    show_forecast(Catalogue.open(Path(folder)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_studio_says_so_beside_an_answer(language: str, german: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.studio.views.compare.warm_up", lambda *_: None)
    monkeypatch.setattr("shelftalk.pipeline.ready", lambda run: True)  # nothing is asked
    app = drawn(german, "compare", monkeypatch, language)
    one = Description(TEXT, True, 5)
    app.session_state["shown"] = {
        "run": "pegs",
        "comparison": Comparison(TITLE, one, one, [], {}, "de", False),
        "settings": DecodingSettings(),
        "order": ["base", "tuned"],
        "blind": False,
        "true": None,
        "vote": None,
        "number": 1,
    }
    app.run()
    assert list(app.exception) == []
    shown = [one.value for one in (*app.info, *app.markdown)]
    assert texts(language)["evidence.not_checked"].format(language=texts(language)["language.de"]) in shown
    assert texts(language)["evidence.no_claims"] not in shown


def ask(folder: str) -> None:
    """Answer a question on the page Compare, as its button does."""
    from pathlib import Path

    from shelftalk.runs.run import Run
    from shelftalk.settings import DecodingSettings
    from shelftalk.studio.views import compare
    from shelftalk.workspace import Workspace

    run = Run.open(Workspace(Path(folder)), "pegs")
    compare._answer(run, "Eichenhaken", (), DecodingSettings(temperature=0), 1, False, False)


def test_an_answer_of_the_studio_is_stored_in_the_language_of_its_run(
    german: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writing:
        @contextmanager
        def writing(self, *_: object) -> Iterator[tuple[ScriptedEngine, SimpleNamespace]]:
            yield ScriptedEngine(lambda prompt, tuned: TEXT), SimpleNamespace(search=lambda *_: [])

    monkeypatch.setattr("shelftalk.studio.views.compare.writers", Writing)
    monkeypatch.setattr("streamlit.rerun", lambda: None)
    app = AppTest.from_function(ask, default_timeout=60, args=(str(german.root),)).run()
    assert list(app.exception) == []
    [stored] = read_history(german.root / "runs/pegs")
    assert (stored["language"], stored["claims_checked"]) == ("de", False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_studio_says_so_of_a_catalogue_and_of_a_report(
    language: str, german: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = texts(language)["evidence.not_checked"].format(language=texts(language)["language.de"])
    app = AppTest.from_function(forecast, default_timeout=60, args=(str(german.root / "catalogues/pegs"),))
    app.session_state[STATE] = language
    assert told in [one.value for one in app.run().info]
    file = german.root / "catalogues/pegs/catalogue.json"
    held = read_json(file)
    write_json(file, {**held, "language": "en"})  # prepared again in another language: the products are the same
    assert told not in [one.value for one in app.run().info]
    write_json(file, held)
    found: dict[str, Any] = {**result(), "language": "de", "claims_checked": False}
    monkeypatch.setattr("shelftalk.proof.read_evaluation", lambda *_: found)
    assert told in [one.value for one in drawn(german, "report", monkeypatch, language).info]
