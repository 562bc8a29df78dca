"""Map a function over items on the machines of a Ray cluster; see `connect.connected` for the cluster.

This is `records.Map` through Ray Data. If a worker or machine dies, Ray retries its calls on another one. shelftalk's
own errors are raised here unchanged. If this process dies, the workers end, and the next call of the stage resumes from
the files that it wrote.
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

IN_FLIGHT = 8  # items for each task that can run in parallel: enough to keep the workers busy; limits memory

for _name in ("ray.data", "ray.train"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # both log every step


def ray_map(needs: Needs) -> Map:
    """Return a map over the cluster that this process is connected to; see `resources.Needs`."""
    resources = resources_of_a_call(needs)
    at_once = total("GPU") if "GPU" in resources else total("CPU") // resources["CPU"]
    return partial(_map, resources, IN_FLIGHT * max(1, at_once))


def _map(
    resources: Resources, window: int, function: Callable[[Item], Result], items: Iterable[Item], /
) -> Iterator[Result]:
    """Yield the results, `window` items at a time, so that memory does not grow with their number."""
    remaining = iter(items)
    while batch := [{"item": Boxed(one)} for one in islice(remaining, window)]:
        dataset = ray.data.from_items(batch, override_num_blocks=len(batch))
        dataset.context.execution_options.preserve_order = True
        dataset.context.enable_progress_bars = False
        # Without max_calls a process with a GPU ends after one item, and the next one loads the model again.
        call, gpus = partial(_apply, function), resources.get("GPU")
        done = dataset.map(call, num_cpus=resources["CPU"], num_gpus=gpus, max_calls=0)
        for row in _rows(done):
            yield row["result"].unbox()


def _rows(dataset: Any) -> Iterator[dict[str, Boxed]]:
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayTaskError as error:
        raise Failure(f"A machine of the cluster failed: {' '.join(str(error.cause).split())}") from error


class Boxed:
    """Holds one value unchanged: Ray Data would convert a mapping, a tuple or an array to columns."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def unbox(self) -> Any:
        """Return the value, or raise it if it is a `ShelftalkError`."""
        if isinstance(self.value, ShelftalkError):
            raise self.value
        return self.value


def _apply(function: Callable[[Any], Any], row: dict[str, Boxed]) -> dict[str, Boxed]:
    try:
        return {"result": Boxed(function(row["item"].value))}
    except ShelftalkError as error:  # returned, because Ray retries a call that raises
        return {"result": Boxed(error)}
