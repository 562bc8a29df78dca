"""Every error, notice and reason on a page is said in the page's language, wherever it comes from."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.runs.run import Run
from shelftalk.studio.language import STATE
from shelftalk.studio.review_desk import ERROR
from shelftalk.studio.tasks import read_task, start_task
from shelftalk.training.state import RunState
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace
from tests.review.outputs import write_output
from tests.studio.test_pages import _labelled, drawn, page, shown
from tests.studio.test_review_page import ROWS


def drawn_with(workspace: Workspace, view: str, language: str, monkeypatch: pytest.MonkeyPatch, **state: str) -> str:
    """Return all that a page shows at once: Streamlit's test of a second run knows only English selections."""
    monkeypatch.setenv("SHELFTALK_WORKSPACE", str(workspace.root))
    app = AppTest.from_function(page, default_timeout=60, kwargs={"view": view})
    for name, value in {STATE: language, **state}.items():
        app.session_state[name] = value
    return "\n".join(shown(app.run()))


NO_FILE = {"en": "There is no file {}; check the path.", "pt-BR": "Não há arquivo {}; confira o caminho."}
NO_TITLES = {
    "en": "No row of rows.jsonl can be used: 3 of 3 have missing_title, the first in line 1: One peg.; the title was "
    "read from 'name', and --title-field names another column.",
    "pt-BR": "Nenhuma linha de rows.jsonl pode ser usada: 3 de 3 têm título ausente, a primeira na linha 1: One "
    "peg.; o campo título foi lido de 'name', e --title-field indica outra coluna.",
}
NO_MEMORY = {
    "en": "A pass of 512 tokens does not fit into memory.",
    "pt-BR": "Uma passada de 512 tokens não cabe na memória.",
}
LEFT_OUT = {
    "en": ("it is cut off within the object", "1.json has no title column", "files with .docx, which are not read"),
    "pt-BR": (
        "é cortado dentro do objeto",
        "1.json: nenhuma coluna de título",
        "arquivos com .docx, que não são lidos",
    ),
}
NOTICED = {
    "en": "The input has 1 of the 1 attributes that the run was trained on.",
    "pt-BR": "O arquivo tem 1 dos 1 atributos com que a execução foi treinada.",
}


@pytest.mark.parametrize("language", NO_FILE)
def test_the_error_of_a_file_that_a_page_reads(
    language: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = drawn(workspace, "catalogue", monkeypatch, language)
    path = _labelled(app.text_input, texts(language)["catalogue.path"])
    path.set_value(str(tmp_path / "my; file is here.csv")).run()
    assert NO_FILE[language].format("my; file is here.csv") in shown(app)


def test_the_error_of_a_command_that_a_page_started(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"name": "", "description": "One peg."}\n' * 3, encoding="utf-8")
    about = {"name": "pegs", "source": str(source)}
    assert start_task(workspace, "prepare-pegs", ["prepare", str(source), "--name", "pegs"], about)
    while read_task(workspace, "prepare-pegs").status == "running":
        time.sleep(0.05)
    for language, said in NO_TITLES.items():
        assert said in shown(drawn(workspace, "catalogue", monkeypatch, language))


@pytest.mark.parametrize("language", NO_MEMORY)
def test_the_error_of_a_failed_run(
    language: str, workspace: Workspace, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    run = Run.open(workspace, tiny_run.name)
    shutil.rmtree(run.adapter)
    RunState(run.folder).become("failed", error=NO_MEMORY["en"])
    assert NO_MEMORY[language] in shown(drawn(workspace, "fine_tune", monkeypatch, language))


@pytest.mark.parametrize("language", LEFT_OUT)
def test_why_rows_and_files_were_left_out(
    language: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for year in (2024, 2025):
        rows = [f'{{"title": "Peg {one} of {year}", "content": "Holds {one} coats, {year}."}}' for one in range(9)]
        (folder / f"{year}.jsonl").write_text("\n".join([*rows, "{"]))
    (folder / "1.json").write_text('{"version": 3}')
    (folder / "notes.docx").write_text("x")
    prepare(folder, workspace.catalogue("shop"), PrepareSettings())
    tab = {"catalogue-tab": texts(language)["catalogue.left_out"]}
    seen = drawn_with(workspace, "catalogue", language, monkeypatch, **tab)
    assert [one for one in LEFT_OUT[language] if one not in seen] == [], seen


@pytest.mark.parametrize("language", LEFT_OUT)
def test_a_title_among_the_rows_that_were_left_out_stays_as_it_is(
    language: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"title": f"Peg {one}", "description": f"Holds {one} coats."} for one in range(12)]
    rows.append({"title": "nested too deep", "description": ""})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    prepare([tmp_path / "rows.jsonl"], workspace.catalogue("pegs"), PrepareSettings())
    tab = {"catalogue-tab": texts(language)["catalogue.left_out"]}
    assert "→  nested too deep" in drawn_with(workspace, "catalogue", language, monkeypatch, **tab)


@pytest.mark.parametrize("language", NOTICED)
def test_notices_on_a_file_and_what_a_decision_could_not_do(
    language: str, tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    shutil.rmtree(workspace.run(tiny_run.name) / "generated", ignore_errors=True)
    write_output(tmp_path, ROWS, records=workspace.run(tiny_run.name) / "generated")
    refused = {
        "en": "The text of sku-2 is empty; edit it, or reject it.",
        "pt-BR": "O texto de sku-2 está vazio; edite-o, ou rejeite-o.",
    }
    seen = drawn_with(workspace, "review", language, monkeypatch, **{ERROR: refused["en"]})
    assert NOTICED[language] in seen
    assert refused[language] in seen
