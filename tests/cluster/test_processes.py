"""Test the map over local processes: order, errors, killed processes, and orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelftalk.cluster.processes import AHEAD, processes
from shelftalk.errors import Damaged, Failure


def slow_square(number: int) -> int:
    time.sleep(0.05 if number % 3 == 0 else 0)  # so that later items are done first
    return number * number


def refuse_seven(number: int) -> int:
    if number == 7:
        raise Damaged("Seven is damaged; give another.")
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_the_order_of_the_items() -> None:
    with processes(2) as mapped:
        assert list(mapped(slow_square, range(30))) == [number * number for number in range(30)]
        assert list(mapped(slow_square, [])) == []


def test_items_are_consumed_lazily() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with processes(2) as mapped:
        results = mapped(slow_square, items())
        next(results)
        assert len(taken) <= 2 * AHEAD + 1


def test_an_error_is_raised_unchanged_in_place_of_its_result() -> None:
    seen: list[int] = []
    with pytest.raises(Damaged, match="Seven is damaged"), processes(2) as mapped:
        for result in mapped(refuse_seven, range(20)):
            seen.append(result)
    assert seen == list(range(7))


def test_a_killed_process_is_reported_in_one_line() -> None:
    with pytest.raises(Failure, match="was killed"), processes(2) as mapped:
        list(mapped(die_at_three, range(10)))


SCRIPT = """
import os, sys, time
from shelftalk.cluster.processes import processes
with processes(2) as mapped:
    pids = set(mapped(eval, ["(__import__('time').sleep(0.2), __import__('os').getpid())[1]"] * 6))
    print(*pids, flush=True)
    if sys.argv[1:]:
        time.sleep(60)
"""


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 1, "the program ran again in a process"
    assert done.stderr == ""


@pytest.mark.kill
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script, "stay"], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pids = [int(one) for one in parent.stdout.readline().split()]
        parent.kill()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
