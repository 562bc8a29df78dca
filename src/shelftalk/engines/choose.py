"""Choose where work runs: in this process and others of this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from shelftalk.errors import InvalidSettings
from shelftalk.records import Map

ENGINES = ("local", "ray")

Needs = Literal["core", "gpu or core", "gpu or machine"]

# The engines' modules stay out of this one: each loads what the other does without.


@dataclass(frozen=True)
class Place:
    """Where work runs: `engine` is one of `ENGINES`.

    `address` is that of a Ray cluster, HOST:PORT; without one a cluster is started on this machine. `workers` is how
    many processes train together on Ray.
    """

    engine: str = "local"
    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        """Check what was asked for.

        Raises:
            InvalidSettings: there is no engine of that name, or the local one was given what only Ray knows.
        """
        if self.engine not in ENGINES:
            raise InvalidSettings(f"--engine must be one of {', '.join(ENGINES)}, got {self.engine!r}.")
        if self.engine == "local" and (self.address or self.workers):
            name = "--address" if self.address else "--workers"
            raise InvalidSettings(f"{name} is for Ray; add --engine ray.")


LOCAL = Place()


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
