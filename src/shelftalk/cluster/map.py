"""Choose where work runs: in this process and others of this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shelftalk.records import Map

# What runs the work is imported when it is needed: loky, or Ray.
if TYPE_CHECKING:
    from shelftalk.cluster.resources import Needs


@contextmanager
def open_map(cluster: str | None = None, needs: Needs = "core", spread: bool = True) -> Iterator[Map]:
    """Yield what maps a stage's work, and end what was started for it when the block ends.

    The work runs on `cluster`, see `connect.connected`; `needs` says what each call takes there. Without a cluster it
    runs on this machine: in a process for each core where `spread` says that it is worth starting them, otherwise in
    this one.

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
