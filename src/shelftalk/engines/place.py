"""Name the places where work can run, and what a call of it needs there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shelftalk.errors import InvalidSettings

ENGINES = ("local", "ray")

Needs = Literal["core", "gpu or core", "gpu or machine"]


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
