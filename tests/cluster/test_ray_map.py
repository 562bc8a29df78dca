"""The cluster's map gives the results of the builtin one, even if a process is killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from shelftalk.cluster.map import open_map
from shelftalk.errors import Damaged, InvalidSettings, Unreachable
from shelftalk.records import Map
from tests.cluster import calls
from tests.cluster.conftest import TwoNodes
from tests.conftest import ROOT

KillLater = Callable[[str, float], None]


@pytest.fixture(scope="module")
def mapped(two_nodes: TwoNodes) -> Iterator[Map]:
    with open_map(two_nodes.address) as found:
        yield found


def test_results_come_in_order_and_as_they_are(mapped: Map) -> None:
    numbers = range(20)
    assert list(mapped(calls.slowly_square, numbers)) == list(map(calls.slowly_square, numbers))
    assert list(mapped(calls.rows, numbers)) == list(map(calls.rows, numbers))
    assert list(mapped(calls.nothing, numbers)) == [None] * 20
    for found, expected in zip(mapped(calls.vectors, numbers), map(calls.vectors, numbers), strict=True):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    assert list(mapped(calls.slowly_square, [])) == []


def test_items_are_consumed_lazily(mapped: Map) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    results = mapped(calls.slowly_square, endless())
    assert [next(results)[0] for _ in range(3)] == [0, 1, 4]
    assert taken <= 16  # eight for each of the two CPUs


def test_an_error_comes_back_as_it_was_raised(mapped: Map) -> None:
    results = mapped(calls.refuse_three, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Damaged, match="The third one is damaged"):
        next(results)


def test_a_call_has_the_threads_of_its_share(mapped: Map) -> None:
    assert list(mapped(calls.threads, range(4))) == [(1, "1")] * 4


def check_survival(mapped: Map, kill_later: KillLater, victim: str, seed: int) -> None:
    kill_later(victim, random.Random(seed).uniform(0.1, calls.LINES * calls.SECONDS / 3))
    assert list(mapped(calls.slowly_square, range(calls.LINES))) == [
        (number * number, {"of": [number]}) for number in range(calls.LINES)
    ]


def test_a_machine_that_dies_is_replaced(mapped: Map, kill_later: KillLater) -> None:
    check_survival(mapped, kill_later, "raylet", 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("victim", ["worker", "raylet"])
def test_after_a_death_at_any_moment_the_results_are_the_same(
    mapped: Map, kill_later: KillLater, victim: str, seed: int
) -> None:
    check_survival(mapped, kill_later, victim, seed)


def check_the_driver_may_die(two_nodes: TwoNodes, folder: Path, seed: int) -> None:
    journal, moment = folder / "journal", random.Random(seed)
    command = [sys.executable, "-m", "tests.cluster.calls", two_nodes.address, str(journal)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as driver:
        lines = moment.randrange(1, calls.LINES - 5)
        while driver.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < lines):
            time.sleep(0.02)
        time.sleep(moment.uniform(0, 3 * calls.SECONDS))
        driver.kill()
    assert driver.returncode == -9
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=120)
    assert [int(line) for line in journal.read_text().split()] == [number * number for number in range(calls.LINES)]


def test_what_was_written_is_found_when_the_driver_died(two_nodes: TwoNodes, tmp_path: Path) -> None:
    check_the_driver_may_die(two_nodes, tmp_path, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_the_driver_may_die_at_any_moment(two_nodes: TwoNodes, tmp_path: Path, seed: int) -> None:
    check_the_driver_may_die(two_nodes, tmp_path, seed)


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("nowhere", InvalidSettings, r"--cluster must be HOST:PORT.* or local, got 'nowhere'"),
        ("", InvalidSettings, r"--cluster must be HOST:PORT.* or local, got ''"),
        ("127.0.0.1:1", Unreachable, r"No Ray cluster answers at 127.0.0.1:1 .*ray start"),
    ],
)
def test_one_line_says_what_is_wrong_with_an_address(address: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words), open_map(address):
        pass


def test_without_a_cluster_this_machine_maps() -> None:
    with open_map() as mapped:
        assert list(mapped(abs, [-1])) == [1]


STRANGER = """
from shelftalk.cluster.map import open_map
from shelftalk.errors import AccessDenied
try:
    with open_map({address!r}):
        pass
except AccessDenied as error:
    print(error)
"""


def test_a_cluster_refuses_clients_without_its_token(two_nodes: TwoNodes) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "RAY_AUTH_TOKEN": "0" * 64}
    program = STRANGER.format(address=two_nodes.address)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "refuses this token" in done.stdout, done.stderr


ALONE = """
import os, sys
from pathlib import Path
from shelftalk.cluster.map import open_map
from tests.cluster import calls
with open_map("local") as mapped:
    assert [square for square, _ in mapped(calls.slowly_square, range(3))] == [0, 1, 4]
    import ray
    folder = Path(ray._private.worker._global_node.get_session_dir_path())
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    assert not [file for file in folder.rglob("*") if file.is_file() and token in file.read_bytes()]
    own = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            assert token not in line
            if str(folder).encode() in line or b"ray::" in line or process.name == str(os.getpid()):
                own |= {os.readlink(one) for one in (process / "fd").iterdir()}
        except OSError:
            pass
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, = row.split()
            if state == "0A" and f"socket:[{row.split()[9]}]" in own:
                assert local.split(":")[0] in ("0100007F", "0000000000000000FFFF00000100007F"), row
                print("listens on loopback")
print(folder)
"""


def test_a_cluster_of_this_machine_is_private_and_leaves_nothing(tmp_path: Path) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'shelftalk[ray]'")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    *lines, folder = done.stdout.splitlines()
    assert lines.count("listens on loopback") >= 4
    assert not Path(folder).exists()
    assert not (tmp_path / ".ray").exists()
    assert done.stderr == ""
