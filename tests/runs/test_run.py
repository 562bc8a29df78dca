"""What a run knows of the data that it was trained on."""

from __future__ import annotations

from pathlib import Path

from shelftalk.runs.describe import measure_disk
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace


def test_attributes_are_spelt_as_in_the_catalogue(tmp_path: Path) -> None:
    run = Run("pegs", tmp_path, Workspace(tmp_path), {"attributes": ["Material", "set in"]})
    given = (("MATERIAL", "Oak"), ("Set In", "Kent"), ("Lid", "cork"))
    assert run.spell_attributes(given) == (("Material", "Oak"), ("set in", "Kent"), ("Lid", "cork"))
    old = Run("old", tmp_path, Workspace(tmp_path), {})  # from before there were attributes
    assert old.spell_attributes(given) == given


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
    assert run.spell_attributes((("MATERIAL", "oak"),)) == (("material", "oak"),)


def test_a_run_says_how_large_it_is_and_what_may_be_deleted(tiny_run: Run) -> None:
    found = measure_disk(tiny_run)
    assert found["index"] == sum(file.stat().st_size for file in tiny_run.index.rglob("*") if file.is_file())
    assert found["run"] > sum(size for name, size in found.items() if name != "run")
    assert "checkpoints" not in found  # they do not come back
