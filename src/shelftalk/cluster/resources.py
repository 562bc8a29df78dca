"""Decide how many cores and GPUs of a cluster each call takes, so that all calls can be scheduled."""

from __future__ import annotations

from typing import Literal

import ray

from shelftalk.errors import InvalidSettings

# What a call needs: a core; a GPU, or a core in a cluster without GPUs; or a GPU, or a whole machine in a cluster
# without GPUs.
Needs = Literal["core", "gpu or core", "gpu or machine"]

Resources = dict[str, int]  # "CPU" and "GPU" that one call takes


def resources_of_a_call(needs: Needs) -> Resources:
    """Return the resources of each call of a map.

    A whole machine means as many cores as the smallest machine has: a larger one may run several calls in parallel.

    Raises:
        InvalidSettings: the cluster has no cores.
    """
    if not total("CPU"):
        raise InvalidSettings("The cluster's machines have 0 CPUs between them; start one with: ray start --num-cpus")
    if needs != "core" and total("GPU"):
        return _resources_per_gpu()
    return {"CPU": min(_machines("CPU")) if needs == "gpu or machine" else 1}


def resources_of_a_group(workers: int | None) -> tuple[int, Resources]:
    """Return the number of processes that run together, and the resources of each.

    The number is `workers`, by default the number of GPUs, or one without a GPU.

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
        return count, _resources_per_gpu()
    cpus = _machines("CPU")
    largest = next(cores for cores in range(max(cpus), 0, -1) if sum(one // cores for one in cpus) >= count)
    return count, {"CPU": largest}


def total(kind: str) -> int:
    """Return the number of whole CPUs or GPUs of all the cluster's machines together."""
    return sum(_machines(kind))


def _resources_per_gpu() -> Resources:
    """Return one GPU, and as many cores as every machine with GPUs has for each GPU."""
    machines = [one for one in _resources() if one.get("GPU", 0) >= 1]
    return {"CPU": max(1, min(int(one.get("CPU", 0) // one["GPU"]) for one in machines)), "GPU": 1}


def _machines(kind: str) -> list[int]:
    """Return the number of CPUs or GPUs of each machine that has at least one."""
    return [int(one[kind]) for one in _resources() if one.get(kind, 0) >= 1]


def _resources() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
