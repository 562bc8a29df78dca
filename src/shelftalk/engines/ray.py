"""Spread a function over the machines of a Ray cluster; see `cluster.connected` for the cluster.

This is `records.Map` through Ray Data. Whose worker or machine dies, Ray runs elsewhere; what the function raises on
purpose comes back as it was raised. If this process dies, all ends, and what the stage had written by then is found by
its next call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import ray
import ray.data

from shelftalk.errors import ShelftalkError
from shelftalk.records import Item, Result

IN_FLIGHT = 8  # items for each task that can run at once: enough to keep them busy, and all that is held in memory

for _name in ("ray.data", "ray.train"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # both tell each step to whoever watches


def map_calls(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
    """Apply `function` to each item on one CPU each; see `records.Map`."""
    return _map(function, items, cpus=1)


def map_models(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
    """Apply `function`, which runs a model, on a GPU each, or where there is none on all CPUs of a machine."""
    if gpus := int(ray.cluster_resources().get("GPU", 0)):
        return _map(function, items, cpus=max(1, _all_cpus() // gpus), gpus=1)
    return _map(function, items, cpus=smallest_machine())


def smallest_machine() -> int:
    """Return how many CPUs each machine of the cluster has at least."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return min((int(one["CPU"]) for one in nodes if one.get("CPU", 0) >= 1), default=1)


def _map(function: Callable[[Item], Result], items: Iterable[Item], *, cpus: int, gpus: int = 0) -> Iterator[Result]:
    """Yield the results a window at a time: whatever their number, no more items and results than that are held."""
    window = IN_FLIGHT * max(1, _all_cpus() // cpus)
    remaining = iter(items)
    while parcels := [{"item": Parcel(one)} for one in islice(remaining, window)]:
        dataset = ray.data.from_items(parcels, override_num_blocks=len(parcels))
        dataset.context.execution_options.preserve_order = True
        dataset.context.enable_progress_bars = False
        for row in dataset.map(partial(_apply, function), num_cpus=cpus, num_gpus=gpus or None).iter_rows():
            yield row["result"].open()


def _all_cpus() -> int:
    return int(ray.cluster_resources().get("CPU", 1))


class Parcel:
    """Carries one value as it is: Ray Data would make columns of a mapping, a tuple or an array."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def open(self) -> Any:
        """Return the value, or raise it if it is one of shelftalk's own errors."""
        if isinstance(self.value, ShelftalkError):
            raise self.value
        return self.value


def _apply(function: Callable[[Any], Any], row: dict[str, Parcel]) -> dict[str, Parcel]:
    try:
        return {"result": Parcel(function(row["item"].value))}
    except ShelftalkError as error:  # an answer, and no reason to try again
        return {"result": Parcel(error)}
