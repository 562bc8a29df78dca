"""What a run knows of the data that it was trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.known_attributes import attribute_order
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged
from shelftalk.runs.describe import list_runs, measure_disk
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace, write_json


def test_attributes_are_spelt_as_in_the_catalogue(tmp_path: Path) -> None:
    run = Run("pegs", tmp_path, Workspace(tmp_path), {"attributes": ["Material", "set in"]})
    given = (("MATERIAL", "Oak"), ("Set In", "Kent"), ("Lid", "cork"))
    assert run.known_attributes.arrange(given) == (("Material", "Oak"), ("set in", "Kent"), ("Lid", "cork"))
    old = Run("old", tmp_path, Workspace(tmp_path), {})  # from before there were attributes
    assert old.known_attributes.arrange(given) == given


def test_a_run_of_an_earlier_version_asks_in_english(tmp_path: Path, tiny_run: Run) -> None:
    assert Run("old", tmp_path, Workspace(tmp_path), {}).language == "en"
    assert tiny_run.language == tiny_run.description["language"] == tiny_run.catalogue().language == "en"


def test_the_likeliest_token_is_usual_only_where_the_prompt_holds_attributes(tmp_path: Path) -> None:
    knows = Run("pegs", tmp_path, Workspace(tmp_path), {"attributes": ["material"]})
    titles = Run("titles", tmp_path, Workspace(tmp_path), {"attributes": []})
    asked = DecodingSettings(seed=7)
    assert knows.decoding(asked) == asked.replace({"temperature": 0})
    assert titles.decoding(asked) == asked.replace({"temperature": 1})
    for temperature in (0.0, 0.3):
        given = asked.replace({"temperature": temperature})
        assert knows.decoding(given) == titles.decoding(given) == given


def test_of_two_spellings_the_commoner_is_used() -> None:
    run = Run("run", Path("run"), Workspace(Path()), {"attributes": ["material", "Material"]})
    assert run.known_attributes.arrange((("MATERIAL", "oak"),)) == (("material", "oak"),)


def test_the_order_is_that_of_the_training_products_and_of_the_run_it_began_from(tmp_path: Path) -> None:
    source, workspace = tmp_path / "pegs.csv", Workspace(tmp_path / "workspace")
    pegs = (f"Peg {one},{'' if one % 2 else 'oak'},An oak peg {one} that holds a coat.,{one} cm" for one in range(20))
    source.write_text("\n".join(["title,Material,content,Size", *pegs]) + "\n")
    pipeline.prepare_catalogue(workspace, source, "pegs", PrepareSettings())
    catalogue = Catalogue.open(workspace.catalogue("pegs"))
    assert attribute_order(catalogue, 42, None) == ["material", "size"]
    began_from = ["type", "size", "material", "note"]
    assert attribute_order(catalogue, 42, began_from) == ["type", "material", "size", "note"]


def test_a_run_says_how_large_it_is_and_what_may_be_deleted(tiny_run: Run) -> None:
    found = measure_disk(tiny_run)
    assert found["index"] == sum(file.stat().st_size for file in tiny_run.index.rglob("*") if file.is_file())
    assert found["run"] > sum(size for name, size in found.items() if name != "run")
    assert "checkpoints" not in found  # they do not come back


NO_RUNS = ["[]", "null", '"x"', "7", "{}", '{"catalogue": "pegs", "base": {}}', "[" * 200_000]


@pytest.mark.parametrize("text", NO_RUNS)
def test_a_damaged_run_ends_no_list(tiny_run: Run, tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path / "workspace")
    for name in ("bad", "pegs"):
        workspace.run(name).mkdir(parents=True)
        shutil.copy(tiny_run.folder / "run.json", workspace.run(name))
    (workspace.run("bad") / "run.json").write_text(text)
    assert [one["status"] for one in list_runs(workspace)] == ["damaged", "interrupted"]
    if not text.startswith("{"):
        with pytest.raises(Damaged, match=r"run\.json"):
            Run.open(workspace, "bad")


@pytest.mark.parametrize("base", [[], "x", None, {}])
def test_a_run_whose_base_model_is_damaged_ends_no_list(tiny_run: Run, tmp_path: Path, base: object) -> None:
    workspace = Workspace(tmp_path)
    write_json(workspace.run("bad") / "run.json", {**tiny_run.description, "base": base})
    assert [one["status"] for one in list_runs(workspace)] == ["damaged"]
