"""A Ray cluster of two nodes on this machine's loopback address, and functions that kill its processes."""

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

from shelftalk.cluster.connect import connected, prepare_environment

LOOPBACK = "127.0.0.1"
# A death is noticed in a second or two and not in a quarter of a minute, and what only watches is not started.
SETTINGS = {
    "RAY_health_check_period_ms": "300",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_enable_metrics_collection": "0",
}


class TwoNodes:
    """Two nodes of one CPU each, and a head node without CPUs, on which the driver runs."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"node_ip_address": LOOPBACK, "num_cpus": 0, "include_dashboard": False}
        head |= {"no_monitor": True, "include_log_monitor": False}  # neither is needed, and each is a process
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self.cluster.address
        self.nodes = [self._add_node() for _ in range(2)]

    def require_address(self, address: str, **_: object) -> None:
        """Stand for Ray's own connecting where this process is connected already."""
        assert address == self.address

    def _add_node(self) -> Any:
        return self.cluster.add_node(node_ip_address=LOOPBACK, num_cpus=1)

    def kill_worker(self) -> None:
        """Kill a busy worker process; wait until there is one."""
        kill(random.choice(self._working())[1])

    def kill_raylet(self) -> None:
        """Kill the raylet of a busy node, and so its workers; wait until there is one."""
        kill(random.choice(self._working())[0])

    def repair(self) -> None:
        """Replace the killed nodes."""
        for node in [one for one in self.nodes if one.dead_processes()]:
            self.cluster.remove_node(node, allow_graceful=False)
            self.nodes.remove(node)
            self.nodes.append(self._add_node())

    def _working(self) -> list[tuple[int, int]]:
        """Return the raylet and the process of every busy worker."""
        while True:
            raylets = [node.all_processes["raylet"][0].process.pid for node in self.nodes]
            if found := [(raylet, process) for raylet in raylets for process in working(raylet)]:
                return found
            time.sleep(0.02)


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


@pytest.fixture(scope="package")
def ray_environment() -> None:
    """Set Ray's environment variables before the first import of Ray."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'shelftalk[ray]'")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.update(SETTINGS)
    prepare_environment(f"{LOOPBACK}:0")


@pytest.fixture(scope="package")
def two_nodes(ray_environment: None) -> Iterator[TwoNodes]:
    """The cluster, and one connection of this process to it for all tests.

    Ray's workers end with the connection that they work for, and what they have imported with them: here they stay.
    Drivers in processes of their own connect by themselves.
    """
    nodes = TwoNodes()
    with connected(nodes.address), pytest.MonkeyPatch.context() as patch:
        import ray

        patch.setattr(ray, "init", nodes.require_address)
        patch.setattr(ray, "shutdown", lambda: None)
        yield nodes
        patch.undo()
    nodes.cluster.shutdown()


@pytest.fixture
def kill_later(two_nodes: TwoNodes) -> Iterator[Callable[[str, float], None]]:
    """Kill a "worker" or a "raylet" after a delay in seconds, while the test continues."""
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
        assert not thread.is_alive(), "no process was found to kill"
    two_nodes.repair()
