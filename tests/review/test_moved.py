"""Outputs of `generate` are found when the workspace, or the folder around it, was moved, and nothing else is taken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shelftalk.errors import UserError
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.moved import places
from shelftalk.review.accepted import all_accepted
from shelftalk.review.outputs import find_record, list_outputs
from shelftalk.review.review import Review
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace
from tests.review.outputs import HEADER, KNOWN, answer, row


def open_run(shop: Path) -> Run:
    workspace = Workspace(shop / "workspace")
    return Run("pegs", workspace.run("pegs"), workspace, {})


def job(shop: Path, output: Path, adapter: str = "0" * 64) -> Job:
    record = find_record(open_run(shop), output)
    settings = DecodingSettings(max_new_tokens=60)
    return Job(shop / "shop.csv", output, settings, {"adapter": adapter}, record, 0, known=KNOWN)


def describe(job: Job) -> dict[str, object]:
    return describe_titles(job, lambda: ScriptedEngine(answer), lambda: None)  # type: ignore[arg-type,return-value]


@pytest.fixture(params=["workspace/texts/ab/texts.csv", "texts.csv"])
def moved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A shop's folder that was moved after its texts were written and accepted; where they are in it."""
    shop = tmp_path / "before" / "shop"
    output = shop / request.param
    output.parent.mkdir(parents=True)
    (shop / "shop.csv").write_text("\n".join([HEADER, row(1), row(2)]) + "\n", encoding="utf-8")
    describe(job(shop, output))
    (written,) = list_outputs(open_run(shop))
    review = Review(written)
    review.accept(review.select(["undecided"], clean=None), "Ana")
    target = tmp_path / "after" / "mine"
    target.parent.mkdir()
    shop.rename(target)
    return target, request.param


def test_texts_and_their_decisions_are_found(moved: tuple[Path, str]) -> None:
    shop, name = moved
    (found,) = list_outputs(open_run(shop))
    assert found.path == shop / name
    assert found.source == shop / "shop.csv"
    assert len(all_accepted(open_run(shop))) == 2  # which a next run learns from


def test_the_same_command_knows_its_output(moved: tuple[Path, str]) -> None:
    shop, name = moved
    assert describe(job(shop, shop / name))["before"] == 2
    with pytest.raises(UserError, match="is not this job's output"):
        describe(job(shop, shop / name, adapter="1" * 64))


def test_another_file_of_that_name_is_not_taken(moved: tuple[Path, str]) -> None:
    shop, name = moved
    (shop / name).write_text("sku,title\n")
    assert list_outputs(open_run(shop)) == []
    with pytest.raises(UserError, match="is not this job's output"):
        describe(job(shop, shop / name))


def test_a_copy_does_not_take_over_the_record_of_an_output_that_is_there(tmp_path: Path) -> None:
    output = tmp_path / "texts.csv"
    (tmp_path / "shop.csv").write_text("\n".join([HEADER, row(1)]) + "\n", encoding="utf-8")
    describe(job(tmp_path, output))
    copy = Path(shutil.copy(output, tmp_path / "copy.csv"))
    assert find_record(open_run(tmp_path), output) != find_record(open_run(tmp_path), copy)


def test_places_are_the_recorded_one_and_those_in_and_beside_the_workspace(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    found = list(places(Path("/old/shop/base"), root))
    assert found[0] == Path("/old/shop/base")
    assert found[-2:] == [root / "base", tmp_path / "base"]
    assert set(places(Path("/old/../base"), root)) == {Path("/old/../base"), root / "base", tmp_path / "base"}
