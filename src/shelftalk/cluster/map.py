"""Choose where work runs: in this process and others of this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shelftalk.records import Map

# Ray and loky are imported lazily.
if TYPE_CHECKING:
    from shelftalk.cluster.resources import Needs


@contextmanager
def open_map(cluster: str | None = None, needs: Needs = "core", spread: bool = True) -> Iterator[Map]:
    """Yield a parallel `map` for a stage's work; when the block ends, stop the processes that were started for it.

    The work runs on `cluster`, see `connect.connected`; `needs` are the resources of each call there. Without a
    cluster it runs on this machine: with `spread` in one process for each core, otherwise in this process.

    Raises:
        Failure: see `processes.processes`.
        InvalidSettings, MissingPackage, Unreachable, AccessDenied: see `connect.connected`.
    """
    if cluster is None:
        if not spread:
            yield map
            return
        from shelftalk.cluster.processes import processes

        with processes() as mapped:
            yield mapped
        return
    from shelftalk.cluster.connect import connected

    with connected(cluster):
        from shelftalk.cluster.ray_map import ray_map

        yield ray_map(needs)
