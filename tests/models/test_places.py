"""A base model's folder may move: it is found by the hash of its weights, or its old place and the cure are said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged, InvalidSettings, NewerFormat, NotFound
from shelftalk.models import tiny
from shelftalk.models.gguf_files import base_folder
from shelftalk.models.registry import find_model, made_once
from shelftalk.runs.run import Run, with_adapter_of
from shelftalk.settings import TrainingSettings
from shelftalk.training.checkpoints import newest_checkpoint
from shelftalk.training.train import fingerprint
from shelftalk.workspace import Workspace, faults
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.shell import Shell


def settings(base: Path) -> TrainingSettings:
    return TINY_SETTINGS.replace({"base_model": str(base), "epochs": 1, "validate_every": 0, "checkpoint_every": 1})


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's folder: a base model, and a workspace whose run was killed in its second update."""
    shop = tmp_path_factory.mktemp("places") / "shop"
    tiny.save(shop / "base")
    workspace = Workspace(shop / "workspace")
    pipeline.prepare_catalogue(workspace, write_catalogue_file(shop / "pegs.jsonl", 20), "pegs", PrepareSettings())

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.train_run(workspace, "pegs", "run", settings(shop / "base"), progress=stop)
    return shop


@pytest.fixture
def shop(original: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy in another place; the original one is not there while a test runs."""
    copy = shutil.copytree(original, tmp_path / "elsewhere" / "shop")
    hidden = original.with_name("hidden")
    original.rename(hidden)
    yield copy
    hidden.rename(original)


def opened(shop: Path) -> Run:
    return Run.open(Workspace(shop / "workspace"), "run")


def other_weights(folder: Path) -> Path:
    tiny.save(folder)
    tiny.make(1)[0].save_pretrained(folder)
    return folder


def test_a_base_model_beside_the_workspace_moves_with_it(shop: Path) -> None:
    assert opened(shop).base_model().folder == shop / "base"


def test_the_old_place_and_the_command_for_the_new_one_are_said(shop: Path, original: Path) -> None:
    (shop / "base").rename(shop / "renamed")
    with pytest.raises(NotFound) as caught:
        opened(shop).base_model()
    message = str(caught.value)
    assert f"in {original / 'base'}" in message
    assert "shelftalk runs resume run --set base_model=FOLDER" in message
    assert "\n" not in message


def test_the_same_weights_in_a_new_place_are_no_other_setting_and_the_place_is_remembered(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "base").rename(shop / "renamed")
    run = opened(shop)
    described, hashed = (run.folder / "run.json").read_bytes(), fingerprint(run)
    code, _, err = Shell(run.workspace.root, capsys)("runs", "resume", "run", "--set", f"base_model={shop / 'renamed'}")
    assert code == 0 and "Going on from update 1." in err
    assert (run.folder / "run.json").read_bytes() == described
    found, skipped = newest_checkpoint(run.checkpoints, hashed)
    assert found is not None and not skipped
    opened(shop).require_same("pegs", settings(shop / "renamed"))  # nor for `train`, nor for a run from this one
    given = settings(shop / "renamed").as_mapping()
    assert with_adapter_of(run, given, ["base_model"])["base_model"] == run.settings.base_model
    assert opened(shop).base_model().folder == shop / "renamed"  # it is not named again
    with pytest.raises(InvalidSettings, match="exists with other settings"):
        opened(shop).require_same("pegs", settings(shop / "nowhere"))


def test_other_weights_in_the_new_place_are_refused_with_both_hashes(shop: Path) -> None:
    (shop / "base").rename(shop / "renamed")
    run = opened(shop)
    wrong = other_weights(shop / "wrong")
    found = find_model(str(wrong), run.workspace).revision
    with pytest.raises(InvalidSettings) as caught:
        run.require_same("pegs", settings(wrong))
    assert found in str(caught.value)
    assert run.description["base"]["revision"] in str(caught.value)
    assert not (run.workspace.root / "base_models.json").exists()


def test_other_weights_in_the_old_place_are_refused_with_both_hashes(original: Path) -> None:
    run = opened(original)
    kept = original / "base.kept"
    (original / "base").rename(kept)
    try:
        found = find_model(str(other_weights(original / "base")), run.workspace).revision
        with pytest.raises(Damaged) as caught:
            run.base_model()
        assert found in str(caught.value)
        assert run.description["base"]["revision"] in str(caught.value)
        assert run.accept_base(str(kept))  # the right ones in a new place, while wrong ones are in the old
        assert run.base_model().folder == kept
    finally:
        shutil.rmtree(original / "base")
        kept.rename(original / "base")
        (original / "workspace" / "base_models.json").unlink()


def test_only_the_base_model_may_be_set_on_a_run_that_exists(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell(shop / "workspace", capsys)
    for wrong in ("epochs=9", "base_model=./nowhere"):
        code, _, err = shell("runs", "resume", "run", "--set", wrong)
        assert code == 2
        assert wrong.partition("=")[0 if "epochs" in wrong else 2] in err


def test_a_folder_that_this_user_may_not_see_is_none(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = opened(shop)
    old = Path(run.description["base"]["name"])
    real = Path.stat

    def stat(path: Path, **options: bool) -> object:
        if path == old:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)  # the tests may run as root, who sees everything
    assert run.base_model().folder == shop / "base"


def test_a_renamed_base_model_keeps_its_conversion(shop: Path) -> None:
    workspace = Workspace(shop / "workspace")
    before = base_folder(find_model(str(shop / "base"), workspace), workspace)
    made_once(before, lambda folder: (folder / "model.gguf").touch())
    (shop / "base").rename(shop / "renamed")
    assert base_folder(find_model(str(shop / "renamed"), workspace), workspace) == before


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_clone_without_lfs_is_named_as_that(file: str, workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "my base"
    tiny.save(folder)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 536223056\n"
    (folder / file).write_text(pointer)
    with pytest.raises(NotFound) as caught:
        find_model(str(folder), workspace)
    assert str(caught.value) == (
        f"{folder / file} has {len(pointer)} bytes: a pointer of Git LFS instead of the file itself; fetch the model "
        f"with: git -C '{folder}' lfs pull"
    )


def test_a_run_whose_base_model_became_pointers_says_so(shop: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\n"
    (shop / "base" / "model.safetensors").write_text(pointer)
    with pytest.raises(Damaged, match="pointer of Git LFS"):
        opened(shop).base_model()


def test_an_adapter_that_became_a_pointer_says_so(tiny_run: Run, tmp_path: Path) -> None:
    adapter = shutil.copytree(tiny_run.adapter, tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    (found,) = faults(adapter)
    assert "a pointer of Git LFS; fetch the file with: git lfs pull" in found


def test_the_places_of_a_newer_version_are_refused(shop: Path) -> None:
    (shop / "workspace" / "base_models.json").write_text(json.dumps({"format": 2, "folders": []}))
    with pytest.raises(NewerFormat, match=r"base_models.json has format 2.*update shelftalk"):
        opened(shop).base_model()


def test_a_newer_file_of_places_is_not_read_where_the_recorded_one_has_the_weights(original: Path) -> None:
    places = original / "workspace" / "base_models.json"
    places.write_text(json.dumps({"format": 2, "folders": []}))
    try:
        assert opened(original).base_model().folder == original / "base"
    finally:
        places.unlink()


def test_a_damaged_file_of_places_holds_none_and_is_replaced(shop: Path) -> None:
    places = shop / "workspace" / "base_models.json"
    places.write_text('{"format": 1, "folders": {"sa')
    assert opened(shop).base_model().folder == shop / "base"
    (shop / "base").rename(shop / "renamed")
    with pytest.raises(NotFound, match="runs resume run --set base_model=FOLDER"):
        opened(shop).base_model()
    assert opened(shop).accept_base(str(shop / "renamed"))
    assert list(json.loads(places.read_text())["folders"].values()) == [str(shop / "renamed")]


def test_a_folder_that_has_the_name_by_coincidence_is_not_the_reason(shop: Path) -> None:
    run = opened(shop)
    (shop / "base").rename(shop / "renamed")
    run.description["base"]["name"] = "/store/models"
    (shop / "workspace" / "models").mkdir(exist_ok=True)
    with pytest.raises(NotFound, match="there is no folder /store/models"):
        run.base_model()


def test_a_refused_command_remembers_no_place(shop: Path, tiny_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "base").rename(shop / "renamed")
    renamed, run = shop / "renamed", opened(shop)
    shell = Shell(run.workspace.root, capsys)
    given = ("train", "pegs", "--set", f"base_model={renamed}")
    assert "exists with other settings" in shell.mistake(*given, "--run", "run", "--set", "epochs=7")
    shutil.copytree(tiny_run.adapter, run.adapter)  # so that another run may begin from it
    for wrong in ("lora_rank=3", "epochs=-1"):
        shell.mistake(*given, "--run", "next", "--from", "run", "--set", wrong)
    shell.mistake(*given, "--run", "next", "--from", "run", "--detach", "--cluster", "local")
    assert not (run.workspace.root / "base_models.json").exists()


@pytest.fixture
def begun(shop: Path) -> Path:
    """The same, where the run was killed before its first checkpoint."""
    shutil.rmtree(shop / "workspace" / "runs" / "run" / "checkpoints")
    return shop


@pytest.fixture
def start(begun: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Start the run again, up to its first update."""
    monkeypatch.setattr(pipeline, "train_in_turn", lambda *_: None)
    monkeypatch.setattr(pipeline, "start_run", lambda *_: None)
    return lambda train, base: train(Workspace(begun / "workspace"), "pegs", "run", settings(base))


@pytest.mark.parametrize("train", [pipeline.train_run, pipeline.train_detached])
def test_a_run_without_a_checkpoint_finds_its_base_model_too(
    train: Callable[..., Run], start: Callable[..., Run], begun: Path, original: Path
) -> None:
    described = opened(begun).description
    assert start(train, original / "base").base_model().folder == begun / "base"
    again = opened(begun).description
    assert again["base"] == {**described["base"], "name": str(begun / "base")}
    assert again["settings"] == described["settings"]  # so that the same command goes on with it


def test_a_run_without_a_checkpoint_begins_with_what_replaced_its_base_model(
    start: Callable[..., Run], begun: Path, original: Path
) -> None:
    shutil.rmtree(begun / "base")
    other_weights(original / "base")
    try:
        begins = start(pipeline.train_run, original / "base").description["base"]["revision"]
        assert begins == find_model(str(original / "base"), Workspace(begun / "workspace")).revision
    finally:
        shutil.rmtree(original)


def test_the_error_of_a_run_without_a_checkpoint_says_how_to_name_the_new_place(begun: Path, original: Path) -> None:
    (begun / "base").rename(begun / "renamed")
    with pytest.raises(NotFound, match="runs resume run --set base_model=FOLDER"):
        pipeline.train_run(opened(begun).workspace, "pegs", "run", settings(original / "base"))
