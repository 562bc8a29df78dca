"""Exports are atomic: a failed gate, an existing destination, a full disk, a kill; and the command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shelftalk.cli.main import run as run_command
from shelftalk.errors import Busy, Damaged, NotFound, NotWritable, ParityFailed, UserError
from shelftalk.export import formats
from shelftalk.export.export import export
from shelftalk.models.merge import write_merged
from shelftalk.runs.run import Run
from shelftalk.workspace import faults, lock, read_json
from tests import forks

Usage = namedtuple("Usage", "total used free")


def corrupt_tensor(file: Path) -> None:
    """Negate one tensor of a safetensors file."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(file)
    key = next(key for key in sorted(tensors) if "down_proj" in key)
    tensors[key] = -tensors[key]
    save_file(tensors, file, metadata={"format": "pt"})


def corrupt_gguf(file: Path) -> None:
    """Set one tensor of a GGUF file to zero."""
    import gguf

    reader = gguf.GGUFReader(file, "r+")
    next(tensor for tensor in reader.tensors if "ffn_down" in tensor.name).data[:] = 0
    reader.data.flush()


def corrupt_tokenizer(file: Path) -> None:
    """Make a tokenizer omit the start token."""
    described = json.loads(file.read_text())
    described["post_processor"] = None
    file.write_text(json.dumps(described))


@pytest.mark.parametrize(
    ("name", "file", "corrupt", "words"),
    [
        ("adapter", "adapter_model.safetensors", corrupt_tensor, "divergence"),
        ("merged", "model.safetensors", corrupt_tensor, "divergence"),
        ("vllm", "model.safetensors", corrupt_tensor, "divergence"),
        ("gguf", "pegs-q8_0.gguf", corrupt_gguf, "agree"),
        ("ollama", "pegs-q8_0.gguf", corrupt_gguf, "agree"),
        ("merged", "tokenizer.json", corrupt_tokenizer, "other tokens"),
    ],
)
def test_a_file_damaged_after_writing_is_never_exported(
    tiny_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    file: str,
    corrupt: Callable[[Path], None],
    words: str,
) -> None:
    real = formats.FORMATS[name]

    def write(artefact: formats.Artefact, folder: Path) -> None:
        real.write(artefact, folder)
        corrupt(folder / file)

    monkeypatch.setitem(formats.FORMATS, name, replace(real, write=write))
    with pytest.raises(ParityFailed, match=words) as failure:
        export(tiny_run, name, tmp_path / "out")
    assert "\n" not in str(failure.value)
    assert "Nothing was exported; take --" in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_gate_leaves_the_earlier_export(
    tiny_run: Run, exports: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exports["adapter"], tmp_path / "out")

    def write_damaged(model: Path, adapter: Path, target: Path, kind: str, *rest: Any) -> None:
        write_merged(model, adapter, target, kind, *rest)
        corrupt_tensor(target / "model.safetensors")

    monkeypatch.setattr(formats, "write_merged", write_damaged)
    with pytest.raises(ParityFailed):
        export(tiny_run, "merged", tmp_path / "out")
    assert read_json(tmp_path / "out" / "parity.json")["format"] == "adapter"
    assert faults(tmp_path / "out") == []


def test_an_earlier_export_or_an_empty_folder_is_replaced(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(tiny_run, "gguf", tmp_path / "out")
    export(tiny_run, "adapter", tmp_path / "out")
    assert faults(tmp_path / "out") == []
    assert not list((tmp_path / "out").glob("*.gguf"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _foreign_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def _changed_file(folder: Path) -> None:
    with (folder / "README.md").open("a") as file:
        file.write("my own words")


def _no_report(folder: Path) -> None:
    (folder / "parity.json").unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [(_foreign_file, r"notes\.txt"), (_changed_file, r"changed.*README\.md"), (_no_report, "no export wrote")],
)
def test_files_that_no_export_wrote_are_not_touched(
    tiny_run: Run, exports: dict[str, Path], tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(exports["adapter"], folder)
    change(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError, match=words):
        export(tiny_run, "adapter", folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_invalid_destination_is_refused(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        export(tiny_run, "adapter", tmp_path / "file")
    with pytest.raises(NotWritable, match="not a folder"):
        export(tiny_run, "adapter", tmp_path / "file" / "out")
    for inside in (tiny_run.folder / "out", tiny_run.folder, tiny_run.workspace.root / "models" / "out"):
        with pytest.raises(UserError, match="one of the workspace's own folders"):
            export(tiny_run, "adapter", inside)
    with pytest.raises(UserError, match="no export wrote"):
        export(tiny_run, "adapter", tiny_run.workspace.root)
    assert tiny_run.finished


def test_an_unfinished_or_damaged_run_is_refused(tiny_run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="has not finished"):
        export(replace(tiny_run, folder=tmp_path), "adapter", tmp_path / "out")
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    corrupt_tensor(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    for name in ("adapter", "merged"):
        with pytest.raises(Damaged, match="adapter_model"):
            export(replace(tiny_run, folder=tmp_path / "run"), name, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_is_reported_before_anything_is_written(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 123_456, 123_456))
    for name in formats.FORMATS:
        with pytest.raises(NotWritable, match=r"needs [\d,]{7,} bytes in .*, and 123,456 are free"):
            export(tiny_run, name, tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_for_temporary_files_is_reported_too(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GGUF's tensors are collected there; on one disk both folders share the free space."""
    folder, temporary = formats.disk_needed(formats.plan(tiny_run, tiny_run.base_model(), "gguf", None))
    free = folder + temporary - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - free, free))
    with pytest.raises(NotWritable, match=f"needs {free + 1:,} bytes"):
        export(tiny_run, "gguf", tmp_path / "out")


def test_one_export_at_a_time(tiny_run: Run, tmp_path: Path) -> None:
    with lock(tiny_run.workspace.root / "export", "exporting another"), pytest.raises(Busy, match="exporting another"):
        export(tiny_run, "adapter", tmp_path / "out")


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _export_until(moment: str, run: Run, folder: Path) -> None:
    setattr(sys.modules[export.__module__], moment, _die)
    export(run, "gguf", folder)


@pytest.mark.kill
@pytest.mark.parametrize("moment", ["pass_gate", "model_card"])  # the weights are written; all but the card is
def test_a_kill_leaves_no_half_export(tiny_run: Run, tmp_path: Path, moment: str) -> None:
    folder = tmp_path / "out"
    assert forks.call(_export_until, moment, tiny_run, folder) == -signal.SIGKILL
    (staging,) = tmp_path.iterdir()
    assert (staging / "pegs-q8_0.gguf").is_file()
    assert not folder.exists()
    export(tiny_run, "gguf", folder)
    assert faults(folder) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_progress_reaches_its_end(tiny_run: Run, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    export(tiny_run, "gguf", tmp_path / "out", progress=lambda *one: told.append(one))
    assert told == sorted(told)
    assert told[-1] == (50, 50)  # writing, and twenty prompts in each engine


def command(run: Run, *arguments: object) -> int:
    return run_command(["export", *map(str, arguments), "--workspace", str(run.workspace.root)])


def test_the_command_as_a_person_types_it(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tiny_run, "pegs", "--to", tmp_path / "a", "--format", "ollama", "--quantization", "f16") == 0
    out = capsys.readouterr().out
    for words in (
        "mean divergence",
        "worst margin",
        "agreement",
        "read as the same tokens",
        "chat as alone",
        "20 prompts",
        "Ollama",
    ):
        assert words in out
    assert str(tmp_path / "a") in out.replace("\n", "")
    assert command(tiny_run, "pegs", "--to", tmp_path / "b", "--format", "merged", "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told.pop("folder") == os.fspath((tmp_path / "b").resolve())
    assert told == read_json(tmp_path / "b" / "parity.json")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nope", "--to", "out", "--format", "merged"], 2, "no run 'nope'"),
        (["pegs", "--to", "out", "--format", "zip"], 2, "--format must be one of"),
        (["pegs", "--to", "file", "--format", "merged"], 2, "is a file"),
        (["pegs", "--format", "merged"], 2, "--to"),
        (["pegs", "--to", "file/out", "--format", "merged"], 1, "choose another --to"),
    ],
)
def test_a_mistake_is_one_line(
    tiny_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert command(tiny_run, *arguments) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert words in line
