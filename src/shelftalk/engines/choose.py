"""Choose where work runs: in this process and others of this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shelftalk.engines.place import LOCAL, Needs, Place
from shelftalk.records import Map

# The engines' modules stay out of this one: each loads what the other does without.


@contextmanager
def open_map(place: Place = LOCAL, needs: Needs = "core", spread: bool = True) -> Iterator[Map]:
    """Yield what maps a stage's work at `place`, and end what was started for it when the block ends.

    `needs` says what each call takes on a cluster: a core; a GPU where there are some, otherwise a core; or a GPU where
    there are some, otherwise a whole machine. On this machine there is a process for each core where `spread` says that
    the work is worth starting them, otherwise this one does it.

    Raises:
        Failure: see `local.processes`.
        MissingPackage, Unreachable, AccessDenied: see `cluster.connected`.
    """
    if place.engine == "local":
        if not spread:
            yield map
            return
        from shelftalk.engines.local import processes

        with processes() as mapped:
            yield mapped
        return
    from shelftalk.engines.cluster import connected

    with connected(place.address):
        from shelftalk.engines.ray import ray_map

        yield ray_map(needs)
