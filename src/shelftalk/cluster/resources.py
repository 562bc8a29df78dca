"""Say how many cores and GPUs of a cluster each call takes, so that all of them find room."""

from __future__ import annotations

from typing import Literal

import ray

from shelftalk.errors import InvalidSettings

# What a call needs: a core; a GPU where there are some, otherwise a core; or a GPU where there are some, otherwise a
# whole machine.
Needs = Literal["core", "gpu or core", "gpu or machine"]

Resources = dict[str, int]  # "CPU" and "GPU" that one call takes


def resources_of_a_call(needs: Needs) -> Resources:
    """Return what each call of a map takes.

    A whole machine is as many cores as the smallest one has: on a larger one several such calls run side by side.

    Raises:
        InvalidSettings: the cluster has no core at all.
    """
    if not total("CPU"):
        raise InvalidSettings("The cluster's machines have 0 CPUs between them; start one with: ray start --num-cpus")
    if needs != "core" and total("GPU"):
        return _beside_a_gpu()
    return {"CPU": min(_machines("CPU")) if needs == "gpu or machine" else 1}


def resources_of_a_group(workers: int | None) -> tuple[int, Resources]:
    """Return how many processes run together, one for each GPU or one unless `workers` is given, and what each takes.

    Raises:
        InvalidSettings: the cluster has too few GPUs, or without GPUs too few CPUs, for so many.
    """
    kind = "GPU" if total("GPU") else "CPU"
    count = workers or total("GPU") or 1
    if count > total(kind):
        raise InvalidSettings(
            f"--workers {count} are more than the cluster's {total(kind)} {kind}s; take at most {total(kind)}."
        )
    if kind == "GPU":
        return count, _beside_a_gpu()
    cpus = _machines("CPU")
    largest = next(cores for cores in range(max(cpus), 0, -1) if sum(one // cores for one in cpus) >= count)
    return count, {"CPU": largest}


def total(kind: str) -> int:
    """Return how many whole CPUs or GPUs the cluster's machines have together."""
    return sum(_machines(kind))


def _beside_a_gpu() -> Resources:
    """Return a GPU and the cores that every machine with GPUs has for each of them."""
    machines = [one for one in _resources() if one.get("GPU", 0) >= 1]
    return {"CPU": max(1, min(int(one.get("CPU", 0) // one["GPU"]) for one in machines)), "GPU": 1}


def _machines(kind: str) -> list[int]:
    """Return how many of a kind each machine has that has any."""
    return [int(one[kind]) for one in _resources() if one.get(kind, 0) >= 1]


def _resources() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
