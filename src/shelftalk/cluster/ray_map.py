"""Spread a function over the machines of a Ray cluster; see `connect.connected` for the cluster.

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

from shelftalk.cluster.resources import Needs, Resources, resources_of_a_call, total
from shelftalk.errors import Failure, ShelftalkError
from shelftalk.records import Item, Map, Result

IN_FLIGHT = 8  # items for each task that can run at once: enough to keep them busy, and all that is held in memory

for _name in ("ray.data", "ray.train"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # both tell each step to whoever watches


def ray_map(needs: Needs) -> Map:
    """Return the map over the cluster that this process is connected to; see `resources.Needs`."""
    resources = resources_of_a_call(needs)
    at_once = total("GPU") if "GPU" in resources else total("CPU") // resources["CPU"]
    return partial(_map, resources, IN_FLIGHT * max(1, at_once))


def _map(
    resources: Resources, window: int, function: Callable[[Item], Result], items: Iterable[Item], /
) -> Iterator[Result]:
    """Yield the results a window at a time: whatever their number, no more items and results than that are held."""
    remaining = iter(items)
    while parcels := [{"item": Parcel(one)} for one in islice(remaining, window)]:
        dataset = ray.data.from_items(parcels, override_num_blocks=len(parcels))
        dataset.context.execution_options.preserve_order = True
        dataset.context.enable_progress_bars = False
        # Without max_calls a process that takes a GPU ends after one item, and the next one loads its model anew.
        call, gpus = partial(_apply, function), resources.get("GPU")
        done = dataset.map(call, num_cpus=resources["CPU"], num_gpus=gpus, max_calls=0)
        for row in _rows(done):
            yield row["result"].open()


def _rows(dataset: Any) -> Iterator[dict[str, Parcel]]:
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayTaskError as error:
        raise Failure(f"A machine of the cluster failed: {' '.join(str(error.cause).split())}") from error


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
