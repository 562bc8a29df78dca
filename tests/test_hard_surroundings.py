"""Commands in unusual surroundings: each works, or ends with a documented exit code and nothing half written.

Mounts are made in a mount namespace of the process itself, which needs root; elsewhere those tests are skipped.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch._inductor.runtime.cache_dir_utils import cache_dir, default_cache_dir

from shelftalk.cli.main import run
from shelftalk.models import tiny
from shelftalk.review.outputs import list_outputs
from shelftalk.runs.run import Run
from shelftalk.training import compiled
from shelftalk.workspace import Workspace
from tests.conftest import write_catalogue_file
from tests.forks import call

NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of sched.h
OUTSIDE_TMP = Path("/mnt")
STAGES = [  # the parts of a command are separated by |
    "prepare|{folder}/pegs.jsonl|--name|more",
    "train|more|--run|new|--set=base_model=tiny|--set=products=all|--set=epochs=1|--set=batch_size=8|--set=max_tokens=192",
    "ask|new|Oak peg 5 cm|--max-new-tokens|8",
    "generate|new|--input|{folder}/two.jsonl|--output|{folder}/texts.csv|--max-new-tokens|8",
    "export|new|--format|merged|--to|{folder}/merged",
]


def mount(*arguments: object) -> None:
    """Mount something, for this process alone."""
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


def own_mounts() -> None:
    """Leave the mount namespace of all other processes."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("--make-rprivate", "/")


def usual(folder: Path) -> Path:
    """Change nothing."""
    return folder


def without_a_home(folder: Path) -> Path:
    """Take HOME away, and the user's entry in the system's list."""
    own_mounts()
    (folder / "nsswitch.conf").write_text("passwd: files\n")  # not systemd too, which knows root by itself
    mount("--bind", folder / "nsswitch.conf", "/etc/nsswitch.conf")
    mount("--bind", os.devnull, "/etc/passwd")
    os.environ.pop("HOME", None)
    with pytest.raises(RuntimeError):
        Path.home()
    return folder


def with_a_read_only_home(folder: Path) -> Path:
    """Make the home folder read-only."""
    own_mounts()
    home = folder / "home"
    home.mkdir()
    make_read_only(str(home))
    os.environ["HOME"] = str(home)
    return folder


def with_a_full_folder_for_temporary_files(folder: Path) -> Path:
    """Leave no space in TMPDIR and none in /tmp; there is some in /var/tmp.

    /tmp is made read-only, as this file may lie in it. The test's own folder gets a name outside of it.
    """
    own_mounts()
    mount("--bind", folder, OUTSIDE_TMP)
    full = folder / "full"
    full.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", full)
    with contextlib.suppress(OSError), (full / "file").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    make_read_only("/tmp")
    os.environ["TMPDIR"] = str(full)
    tempfile.tempdir = None
    return OUTSIDE_TMP


def without_temporary_space(folder: Path) -> Path:
    """Leave no space in any folder for temporary files."""
    with_a_full_folder_for_temporary_files(folder)
    make_read_only("/var/tmp")
    os.chdir("/proc")
    return OUTSIDE_TMP


def make_read_only(folder: str) -> None:
    """Make a folder read-only, for this process alone; what is mounted below stays as it is."""
    mount("--rbind", folder, folder)
    mount("-o", "remount,ro,bind", folder)


def private(folder: Path) -> Path:
    """Give all that is written to its owner alone."""
    os.umask(0o077)
    return folder


def offline(folder: Path) -> Path:
    """Forbid requests to the Hub, with nothing in its cache."""
    from huggingface_hub import constants  # it read the variables when it was imported

    constants.HF_HUB_OFFLINE, constants.HF_HUB_CACHE = True, str(folder / "hub")
    return folder


def go(commands: list[str], surroundings: Callable[[Path], Path], folder: Path) -> None:
    """Call the commands one after the other; write the exit code and the error message of each to answers.json."""
    place, answers = surroundings(folder), []
    for command in commands:
        errors = io.StringIO()
        arguments = [one.format(folder=place) for one in command.split("|")]
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            code = run([*arguments, "--workspace", f"{place}/workspace"])
        last = errors.getvalue().strip().splitlines()[-1:]
        answers.append([code, "".join(last) if code else ""])
    (place / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def called(commands: list[str], surroundings: Callable[[Path], Path], folder: Path) -> list[tuple[int, str]]:
    """Return the exit code of each command and its error message, called in these surroundings."""
    if surroundings in NEED_MOUNTS and call(own_mounts):
        pytest.skip("mounts in a namespace of its own need root")
    assert call(go, commands, surroundings, folder) == 0
    return [(code, error) for code, error in json.loads((folder / "answers.json").read_text())]


SURROUNDINGS = (without_a_home, with_a_read_only_home, with_a_full_folder_for_temporary_files, private)
NEED_MOUNTS = (*SURROUNDINGS[:3], without_temporary_space)


@pytest.fixture
def prepared(tmp_path: Path, tiny_run: Run) -> Path:
    """A folder, with spaces, accents and quotes in its name, of files of products and a copy of a workspace."""
    folder = tmp_path / "uma loja — élan 'n\" 店"
    shutil.copytree(tiny_run.workspace.root, folder / "workspace")
    write_catalogue_file(folder / "pegs.jsonl", 40)
    write_catalogue_file(folder / "two.jsonl", 2)
    return folder


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_every_stage_works(prepared: Path, surroundings: Callable[[Path], Path]) -> None:
    assert called(STAGES, surroundings, prepared) == [(0, "")] * len(STAGES)
    written = [*(prepared / "workspace" / "runs" / "new").rglob("*"), *(prepared / "merged").rglob("*")]
    assert written
    assert not [path for path in written if path.suffix in (".tmp", ".staging")]
    readers = 0 if surroundings is private else 0o044
    assert {path.stat().st_mode & 0o044 for path in written} == {readers}


def test_without_space_for_temporary_files_a_command_ends_with_1_and_leaves_nothing(prepared: Path) -> None:
    answers = called(STAGES, without_temporary_space, prepared)
    assert answers[:2] == [(0, "")] * 2  # these write beside their catalogue and their run
    for code, error in answers[2:]:
        assert code == 1
        assert error.startswith("Error: No usable temporary directory found in ['")
        assert "set TMPDIR" in error
    assert not (prepared / "texts.csv").exists()
    assert not (prepared / "merged").exists()
    assert called(STAGES[2:], usual, prepared) == [(0, "")] * len(STAGES[2:])


def test_offline_with_nothing_cached_the_variable_is_named_and_the_built_in_model_works(prepared: Path) -> None:
    asked = "train|pegs|--run|hub|--set=base_model=google/gemma-3-1b-pt"
    (code, error), *others = called([asked, *STAGES[:2]], offline, prepared)
    assert code == 1
    assert "google/gemma-3-1b-pt is not on this disk" in error
    assert "HF_HUB_OFFLINE" in error
    assert str(prepared / "hub") in error
    assert others == [(0, "")] * 2
    assert Workspace(prepared / "workspace").runs() == ["new", "pegs"]


def test_with_the_clock_set_back_a_day_every_stage_works_and_the_newest_texts_stay_the_newest(prepared: Path) -> None:
    first = [
        STAGES[0],
        STAGES[1],
        "generate|new|--input|{folder}/two.jsonl|--output|{folder}/first.csv|--max-new-tokens|8",
    ]
    assert called(first, usual, prepared) == [(0, "")] * len(first)
    tomorrow = time.time() + 86_400
    for path in [prepared, *prepared.rglob("*")]:
        os.utime(path, (tomorrow, tomorrow), follow_symlinks=False)
    assert called(STAGES, usual, prepared) == [(0, "")] * len(STAGES)
    outputs = list_outputs(Run.open(Workspace(prepared / "workspace"), "new"))
    assert [one.path.name for one in outputs] == ["texts.csv", "first.csv"]


def test_kernels_are_kept_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not under /tmp, where another user may have put some. A read-only home costs only that they are made again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiled, "kernel_folder", compiled.kernel_folder.__wrapped__)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", default_cache_dir())  # as torch itself does when it is imported
    model = tiny.make()[0]
    compiled.compile_layers(model)
    assert cache_dir() == str(tmp_path / "shelftalk" / "compiled")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/here")
    temporary = compiled.kernel_folder()
    assert temporary.parent == Path(tempfile.gettempdir())
    assert temporary.stat().st_mode & 0o777 == 0o700
