"""Outputs of `generate` are found when the workspace, or the folder around it, was moved, and nothing else is taken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shelftalk.errors import UserError
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.moved import places
from shelftalk.prompts import ENGLISH
from shelftalk.review.accepted import all_accepted
from shelftalk.review.outputs import find_record, list_outputs
from shelftalk.review.review import Review
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace, read_json, write_json
from tests.review.outputs import HEADER, KNOWN, answer, row


def open_run(shop: Path) -> Run:
    workspace = Workspace(shop / "workspace")
    return Run("pegs", workspace.run("pegs"), workspace, {})


def job(shop: Path, output: Path, adapter: str = "0" * 64) -> Job:
    record = find_record(open_run(shop), output)
    settings = DecodingSettings(max_new_tokens=60)
    return Job(shop / "shop.csv", output, settings, {"adapter": adapter}, record, ENGLISH, 0, known=KNOWN)


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


@pytest.fixture(params=["workspace/texts/ab/texts.csv", "texts.csv"])
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, str]:
    """A shop's folder with texts, a copy of it, and where the texts are in both."""
    shop = tmp_path / "A"
    (shop / request.param).parent.mkdir(parents=True)
    (shop / "shop.csv").write_text("\n".join([HEADER, row(1), row(2)]) + "\n", encoding="utf-8")
    describe(job(shop, shop / request.param))
    return shop, shutil.copytree(shop, tmp_path / "B"), request.param


def test_a_copy_decides_on_its_own_texts_and_not_on_those_of_the_original(copied: tuple[Path, Path, str]) -> None:
    original, copy, name = copied
    before = sorted(original.rglob("*"))
    (found,) = list_outputs(open_run(copy))
    assert (found.path, found.source) == (copy / name, copy / "shop.csv")
    review = Review(found)
    review.reject(review.select(["undecided"], clean=None), "Ana")
    assert sorted(original.rglob("*")) == before
    assert describe(job(copy, copy / name))["before"] == 2  # the same command knows its output in the copy, too
    (kept,) = list_outputs(open_run(original))
    assert (kept.path, kept.source) == (original / name, original / "shop.csv")


def test_a_copy_finds_its_texts_after_the_original_was_written_again(copied: tuple[Path, Path, str]) -> None:
    original, copy, name = copied
    (original / "shop.csv").write_text("\n".join([HEADER, row(5, "ash")]) + "\n", encoding="utf-8")
    describe(replace(job(original, original / name), replace=True))
    (found,) = list_outputs(open_run(copy))
    assert (found.path, found.source) == (copy / name, copy / "shop.csv")
    (copy / name).unlink()
    assert list_outputs(open_run(copy)) == []  # what the original's texts are now is none of the copy's


def test_a_copied_workspace_alone_decides_on_the_texts_in_it_and_shares_those_outside(
    copied: tuple[Path, Path, str],
) -> None:
    original, _, name = copied
    shutil.copytree(original / "workspace", original / "workspace2")
    workspace = Workspace(original / "workspace2")
    (found,) = list_outputs(Run("pegs", workspace.run("pegs"), workspace, {}))
    assert found.path == original / name.replace("workspace", "workspace2")


def test_a_copy_of_the_texts_beside_the_workspace_is_not_taken_for_those_that_are_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "shop.csv").write_text("\n".join([HEADER, row(1)]) + "\n", encoding="utf-8")
    describe(job(tmp_path, tmp_path / "out" / "texts.csv"))
    shutil.copy(tmp_path / "out" / "texts.csv", tmp_path)
    (found,) = list_outputs(open_run(tmp_path))
    assert found.path == tmp_path / "out" / "texts.csv"


def test_a_record_without_the_way_from_it_is_known_by_the_hash(copied: tuple[Path, Path, str]) -> None:
    original, copy, name = copied
    (record,) = open_run(copy).folder.glob("generated/*.json")
    held = read_json(record)
    write_json(record, {key: value for key, value in held.items() if not key.endswith("_from_here")})
    (original / name).write_text("sku,title\n")
    (found,) = list_outputs(open_run(copy))
    assert found.path == copy / name


def test_places_are_the_recorded_one_and_those_in_and_beside_the_workspace(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    found = list(places(Path("/old/shop/base"), root))
    assert found[0] == Path("/old/shop/base")
    assert found[-2:] == [root / "base", tmp_path / "base"]
    assert set(places(Path("/old/../base"), root)) == {Path("/old/../base"), root / "base", tmp_path / "base"}


def test_places_are_beside_a_link_to_the_workspace_and_beside_the_workspace_itself(tmp_path: Path) -> None:
    (tmp_path / "big" / "workspace").mkdir(parents=True)
    link = tmp_path / "link" / "workspace"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "big" / "workspace")
    found = list(places(Path("/old/base"), link))
    assert {tmp_path / "link" / "base", tmp_path / "big" / "base", tmp_path / "big" / "workspace" / "base"} <= {*found}
