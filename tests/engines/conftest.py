"""A Ray cluster of two nodes on this machine's loopback, and the means to kill its parts."""

from __future__ import annotations

import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from shelftalk.engines import cluster as clusters

LOOPBACK = "127.0.0.1"


class TwoNodes:
    """A head node, which the driver is on, and another one; one CPU each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        common: dict[str, Any] = {"node_ip_address": LOOPBACK, "num_cpus": 1}
        self._common = common
        self.cluster = Cluster(initialize_head=True, head_node_args={**common, "include_dashboard": False})
        self.address: str = self.cluster.address
        self.add_node()

    def add_node(self) -> None:
        self.node = self.cluster.add_node(**self._common)

    def kill_worker(self) -> None:
        """Kill a process of either node that works; wait for one if need be."""
        while not (found := [one for raylet in self._raylets() for one in working(raylet)]):
            time.sleep(0.02)
        kill(random.choice(found))

    def kill_raylet(self) -> None:
        """Kill the other node's raylet, with which its workers end."""
        kill(self._raylets()[1])

    def repair(self) -> None:
        """Put another node in the place of one that was killed."""
        if self.node.any_processes_alive() and self.node.remaining_processes_alive():
            return
        self.cluster.remove_node(self.node, allow_graceful=False)
        self.add_node()

    def _raylets(self) -> list[int]:
        nodes = [self.cluster.head_node, self.node]
        return [node.all_processes["raylet"][0].process.pid for node in nodes]


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def working(raylet: int) -> list[int]:
    """Return the raylet's children that run a task or an actor of ours, by the names that Ray gives them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == raylet and name.startswith(("ray::Map", "ray::RayTrainWorker")):
            found.append(int(folder.name))
    return found


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[TwoNodes]:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'shelftalk[ray]'")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    clusters.prepare_environment(f"{LOOPBACK}:0")
    nodes = TwoNodes()
    yield nodes
    nodes.cluster.shutdown()


@pytest.fixture
def strike(two_nodes: TwoNodes) -> Iterator[Callable[[str, float], None]]:
    """Kill a "worker" or a "raylet" so many seconds from now, while the test goes on."""
    threads: list[threading.Thread] = []

    def begin(victim: str, delay: float) -> None:
        def act() -> None:
            time.sleep(delay)
            two_nodes.kill_worker() if victim == "worker" else two_nodes.kill_raylet()

        threads.append(threading.Thread(target=act, daemon=True))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "nothing was there to be killed"
    two_nodes.repair()
