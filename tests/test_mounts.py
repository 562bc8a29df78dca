"""Results at mount points: an empty one is filled, everything else is refused before the work, with the cure."""

from __future__ import annotations

import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shelftalk import mounts, pipeline, workspace
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import NotWritable, UserError
from shelftalk.export.export import export
from shelftalk.mounts import is_mount, refuse_mounted_file
from shelftalk.publishing.publish import publish
from shelftalk.records import AcceptedText
from shelftalk.runs.folders import delete_run, rename_run
from shelftalk.runs.run import Run
from shelftalk.workspace import MANIFEST, Workspace, faults, read_json, recover_folder, staged_folder, write_bytes
from tests import forks
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.mounts import mount, mount_memory, require_mounts


@pytest.fixture(scope="module", autouse=True)
def mounts_allowed(tmp_path_factory: pytest.TempPathFactory) -> None:
    require_mounts(tmp_path_factory.mktemp("probe"))


def make(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True)


def _look(root: Path) -> None:
    mount([(root / "volume", root / "a mount"), (root / "a.csv", root / "b.csv")])
    assert is_mount(root / "a mount")  # of the same file system: os.path.ismount does not know it
    assert not os.path.ismount(root / "a mount")
    assert is_mount(root / "b.csv")
    for other in ("a.csv", "volume", "a mount/inside", "link", "none"):
        assert not is_mount(root / other), other
    assert is_mount(root / "link" / ".." / "a mount")
    with pytest.raises(NotWritable, match=r"b\.csv: it is in use by the system, as a mount point is; unmount it"):
        write_bytes(root / "b.csv", b"new")
    assert (root / "b.csv").read_bytes() == b"old"
    refuse_mounted_file(root / "a.csv", "--output")
    with pytest.raises(UserError, match=r"--output .*b\.csv is a mount point, .*; mount its folder instead, and give"):
        refuse_mounted_file(root / "b.csv", "--output")


def test_mounted_folders_and_files_are_known(tmp_path: Path) -> None:
    make(tmp_path / "volume" / "inside", tmp_path / "a mount")
    (tmp_path / "link").symlink_to(tmp_path / "a mount")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"old")
    assert forks.call(_look, tmp_path) == 0


def test_without_a_table_of_mounts_the_root_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert is_mount(Path("/"))
    assert not is_mount(tmp_path)


def command(root: Path, *arguments: object, on: list[tuple[Path, Path]]) -> forks.Command:
    return forks.Command(arguments, root / "streams", before=partial(mount, on))


def test_an_empty_volume_is_filled_and_a_full_one_refused_at_once(tiny_run: Run, tmp_path: Path) -> None:
    """The rest of a killed export, and what a new disk holds, are no content."""
    volume, out = tmp_path / "volume", tmp_path / "out"
    make(volume / "lost+found", volume / ".shelftalk-staging" / "of a killed one", out)
    export = ["export", "pegs", "--to", out, "--format", "adapter", "--workspace", tiny_run.workspace.root]
    done = command(tmp_path, *export, on=[(volume, out)])
    assert done.wait() == 0, done.stderr
    assert faults(volume, required=["adapter_model.safetensors", "parity.json", "README.md"]) == []
    listed = {MANIFEST, "lost+found", *read_json(volume / MANIFEST)["files"]}
    assert {entry.name for entry in volume.iterdir()} == listed
    assert list(out.iterdir()) == []
    before = {entry: entry.stat().st_mtime_ns for entry in volume.rglob("*")}
    again = command(tmp_path, *export, on=[(volume, out)])
    assert again.wait() == 2
    words = f"--to {out} is a mount point, which cannot be replaced, and holds README.md; empty it, or name a folder in"
    assert words in again.stderr
    assert f"such as {out / 'pegs'}." in again.stderr
    assert {entry: entry.stat().st_mtime_ns for entry in volume.rglob("*")} == before


def _export_to_a_small_volume(run: Run, root: Path) -> None:
    mount()
    mount_memory(root / "out", 1 << 16)
    with pytest.raises(NotWritable, match=rf"needs [\d,]+ bytes in {root / 'out'}, and 65,536 are free"):
        export(run, "adapter", root / "out")


def test_the_space_of_the_volume_counts_and_not_that_of_its_place(tiny_run: Run, tmp_path: Path) -> None:
    make(tmp_path / "out")
    assert forks.call(_export_to_a_small_volume, tiny_run, tmp_path) == 0


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


CALLED = {"before it is whole": (workspace, "write_manifest"), "before anything is moved up": (mounts, "move_up")}


def _fill(root: Path, moment: str) -> None:
    mount([(root / "volume", root / "out")])
    if moment in CALLED:
        setattr(*CALLED[moment], _die)
    elif moment == "in the middle":
        moved: list[Any] = []
        rename = Path.rename

        def count(self: Path, target: Path) -> Path:
            if self.parent.name == mounts.WHOLE:
                moved.append(self)
            if len(moved) == 2:
                _die()
            return rename(self, target)

        setattr(Path, "rename", count)  # noqa: B010 - an assignment has another type
    with staged_folder(root / "out") as staging:
        for name in ("a", "z", ".hidden"):
            (staging / name).write_text(name)


def _recover(root: Path) -> None:
    mount([(root / "volume", root / "out")])
    recover_folder(root / "out")


@pytest.mark.kill
@pytest.mark.parametrize("moment", [*CALLED, "in the middle"])
def test_a_kill_while_a_volume_is_filled_is_made_good(tmp_path: Path, moment: str) -> None:
    volume = tmp_path / "volume"
    make(volume, tmp_path / "out")
    assert forks.call(_fill, tmp_path, moment) == -signal.SIGKILL
    assert not (volume / MANIFEST).exists()  # it is the last file, and says that the folder is whole
    assert forks.call(_recover, tmp_path) == 0
    if moment == "before it is whole":
        assert forks.call(_fill, tmp_path, "") == 0
    assert faults(volume, required=["a", "z", ".hidden"]) == []
    assert sorted(entry.name for entry in volume.iterdir()) == [".hidden", "a", MANIFEST, "z"]


def test_a_mounted_output_is_refused_before_the_first_row(tiny_run: Run, tmp_path: Path) -> None:
    titles, output, own = tmp_path / "titles.csv", tmp_path / "out.csv", tmp_path / "own.csv"
    titles.write_text("title\nOak peg 3 cm\n")
    for file in (output, own):
        file.write_text("")
    place = ["--workspace", tiny_run.workspace.root]
    arguments = ["generate", "pegs", "--input", titles, "--output", output, *place]
    done = command(tmp_path, *arguments, on=[(own, output)])
    assert done.wait() == 2
    assert f"--output {output} is a mount point, and a mounted file cannot be replaced; mount its folder" in done.stderr
    assert (own.read_text(), output.read_text()) == ("", "")
    assert {one.name for one in tmp_path.iterdir()} == {"titles.csv", "out.csv", "own.csv", "streams"}
    done = command(tmp_path, "download", "amazontitles", "--output", output, on=[(own, output)])
    assert done.wait() == 2
    assert f"--output {output} is a mount point" in done.stderr


def _publish(root: Path, mounted: str) -> None:
    source, accepted = root / "products.csv", [AcceptedText(2, "1", "Peg", (), "A peg.", edited=False)]
    mount([(root / "own.csv", root / mounted)])
    with pytest.raises(UserError, match=rf"--to .*/{mounted} is a mount point"):
        publish(source, root / "new.csv", accepted)
    assert (root / "own.csv").read_text() == ""
    assert publish(source, root / "other.csv", accepted)["written"] == 1


@pytest.mark.parametrize("mounted", ["new.csv", "new.restore.csv"])
def test_publish_refuses_a_mounted_file_and_a_mounted_restore_file(tmp_path: Path, mounted: str) -> None:
    (tmp_path / "products.csv").write_text("id,title,description\n1,Peg,\n")
    for name in ("own.csv", mounted):
        (tmp_path / name).write_text("")
    assert forks.call(_publish, tmp_path, mounted) == 0


def _work(root: Path) -> None:
    """All stages in a workspace that is a volume, with volumes of their own for its parts and for one catalogue."""
    place = Workspace(root / "workspace")
    mount([(root / "volume", place.root)])
    for name in ("catalogues", "models", "runs"):
        make(root / name, place.root / name)
        mount([(root / name, place.root / name)])
    make(root / "pegs", place.catalogue("pegs"))
    mount([(root / "pegs", place.catalogue("pegs"))])
    file, settings = write_catalogue_file(root / "pegs.jsonl"), PrepareSettings(test_share=0.2)
    pipeline.prepare_catalogue(place, file, "pegs", settings)
    read: list[int] = []
    with pytest.raises(NotWritable, match=r"pegs is a mount point, .* and holds catalogue\.json; empty it, or unmount"):
        pipeline.prepare_catalogue(place, file, "pegs", settings, progress=lambda done, total: read.append(done))
    assert not read
    run = pipeline.train_run(place, "pegs", "first", TINY_SETTINGS.replace({"epochs": 1, "products": 8}))
    rename_run(place, "first", "second")
    assert place.runs() == ["second"]
    mount([(root / "own", place.run("second"))])
    shutil.copytree(root / "runs" / "second", place.run("second"), dirs_exist_ok=True)
    for call in (partial(rename_run, place, "second", "third"), partial(delete_run, place, "second")):
        with pytest.raises(NotWritable, match="runs/second: it is in use by the system, as a mount point is; unmount"):
            call()
    assert Run.open(place, "second").description == run.description


def test_a_workspace_and_its_parts_may_be_volumes(tmp_path: Path) -> None:
    make(tmp_path / "workspace", tmp_path / "volume", tmp_path / "own")
    assert forks.call(_work, tmp_path) == 0
    assert faults(tmp_path / "pegs", required=["products.parquet"]) == []


def _replace_in_image(root: Path) -> None:
    mount(overlay=(root / "image", root / "container"))
    container = root / "container"
    with (
        pytest.raises(NotWritable, match=r"done: it cannot be moved, as a folder of a container's image cannot be"),
        staged_folder(container / "done"),
    ):
        raise AssertionError("the work began")
    assert sorted(entry.name for entry in container.iterdir()) == ["done", "empty"]
    assert (container / "done" / "file").read_text() == "old"
    for text in ("new", "newer"):  # a folder that the container itself wrote can be moved
        with staged_folder(container / "empty") as staging:
            (staging / "file").write_text(text)
    assert faults(container / "empty", required=["file"]) == []
    assert (container / "empty" / "file").read_text() == "newer"
    assert sorted(entry.name for entry in container.iterdir()) == ["done", "empty"]


def test_what_a_containers_image_holds_is_refused_before_the_work(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require_mounts(tmp_path_factory.mktemp("probe"), overlay=True)
    make(tmp_path / "image" / "done", tmp_path / "image" / "empty", tmp_path / "container")
    (tmp_path / "image" / "done" / "file").write_text("old")
    assert forks.call(_replace_in_image, tmp_path) == 0


def _replace_around_a_mount(run: Run, root: Path) -> None:
    mount()
    mount_memory(root / "out" / "cache", 1 << 16)
    (root / "out" / "cache" / "file").write_text("mine")
    with pytest.raises(NotWritable, match=r"out/cache is a mount point, .*; unmount it"), staged_folder(root / "out"):
        raise AssertionError("the work began")
    with pytest.raises(UserError, match=r"--to .*/out cannot be replaced: .*/out/cache in it is a mount point;"):
        export(run, "adapter", root / "out")
    (root / "out").rename(root / ".next.outgoing")  # as earlier versions left it
    with pytest.raises(NotWritable, match=r"outgoing/cache is a mount point"), staged_folder(root / "next"):
        raise AssertionError("the work began")
    assert (root / ".next.outgoing" / "cache" / "file").read_text() == "mine"


def test_a_folder_in_which_a_mount_lies_is_refused_before_the_work(tiny_run: Run, tmp_path: Path) -> None:
    make(tmp_path / "out" / "cache")
    assert forks.call(_replace_around_a_mount, tiny_run, tmp_path) == 0


def _delete_around_a_mount(place: Workspace, root: Path) -> None:
    mount([(root / "volume", place.run("pegs") / "mine")])
    with pytest.raises(NotWritable, match=r"runs/pegs/mine is a mount point"):
        delete_run(place, "pegs")
    assert (place.run("pegs") / "mine" / "file").read_text() == "mine"
    assert (place.run("pegs") / "run.json").is_file()


def test_a_run_in_which_a_mount_lies_is_not_deleted(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "workspace")
    make(tmp_path / "volume", place.run("pegs") / "mine")
    (tmp_path / "volume" / "file").write_text("mine")
    (place.run("pegs") / "run.json").write_text("{}")
    assert forks.call(_delete_around_a_mount, place, tmp_path) == 0


def _work_that_fails(root: Path) -> None:
    mount([(root / "volume", root / "out")])
    with pytest.raises(RuntimeError), staged_folder(root / "out"):
        raise RuntimeError


def test_a_kill_and_then_an_empty_mount_lose_nothing(tmp_path: Path) -> None:
    make(tmp_path / ".out.outgoing", tmp_path / "out", tmp_path / "volume")
    (tmp_path / ".out.outgoing" / "file").write_text("old")
    assert forks.call(_work_that_fails, tmp_path) == 0
    assert list((tmp_path / "volume").iterdir()) == []
    recover_folder(tmp_path / "out")
    assert (tmp_path / "out" / "file").read_text() == "old"
