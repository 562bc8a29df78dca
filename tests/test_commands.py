"""Commands in separate processes: the lock that they hold, their output, and the token that they receive."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from shelftalk.commands import NICENESS, start_command
from shelftalk.locks import is_locked, lock_holder
from shelftalk.workspace import lock

TOKEN = "hf_canary0123456789"


@pytest.mark.kill
def test_a_command_holds_the_lock_until_it_ends_and_gets_its_token_unseen(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    with (
        lock(folder, "starting") as descriptor,
        (tmp_path / "out").open("wb") as out,
        (tmp_path / "err").open("wb") as err,
    ):
        arguments = ["train", "nothing", "--run", "one", "--workspace", str(tmp_path)]
        start_command(arguments, descriptor, "testing", out, err, TOKEN)
        process = Path(f"/proc/{lock_holder(folder)}")
        deadline = time.monotonic() + 60
        while b"--token-stdin" not in (process / "cmdline").read_bytes():  # both are empty while it becomes Python
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert os.getpriority(os.PRIO_PROCESS, int(process.name)) == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
        assert TOKEN.encode() not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert is_locked(folder)
    deadline = time.monotonic() + 60
    while is_locked(folder):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (tmp_path / "err").read_text().startswith("Error: There is no catalogue")
    assert (tmp_path / "out").read_text() == ""
