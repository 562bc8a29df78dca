"""The status of a run from its state file and its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalk.runs.state import read_status
from shelftalk.workspace import lock, write_json


@pytest.mark.parametrize(
    ("written", "free", "held"),
    [
        ("queued", "interrupted", "queued"),
        ("running", "interrupted", "running"),
        ("stopped", "stopped", "running"),
        ("failed", "failed", "running"),
        (None, "interrupted", "running"),
    ],
)
def test_the_lock_distinguishes_dead_from_running(tmp_path: Path, written: str | None, free: str, held: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    if written:
        write_json(folder / "state.json", {"status": written})
    assert read_status(folder, finished=False) == free
    with lock(folder, "training"):
        assert read_status(folder, finished=False) == held
    assert read_status(folder, finished=True) == "finished"
