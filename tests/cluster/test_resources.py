"""Test the resources of a call on simulated clusters, given by their machines' resources alone."""

from __future__ import annotations

from typing import Any

import pytest

from shelftalk.errors import InvalidSettings

CORES = [{"CPU": 3.0}, {"CPU": 3.0}, {"CPU": 3.0}, {"memory": 1.0}]
MIXED = [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 2.0}]


@pytest.fixture
def resources(ray_environment: None) -> Any:
    from shelftalk.cluster import resources

    return resources


@pytest.mark.parametrize(
    ("machines", "needs", "taken"),
    [
        (CORES, "core", {"CPU": 1}),
        (CORES, "gpu or core", {"CPU": 1}),
        (CORES, "gpu or machine", {"CPU": 3}),
        (MIXED, "core", {"CPU": 1}),
        (MIXED, "gpu or core", {"CPU": 4, "GPU": 1}),
        (MIXED, "gpu or machine", {"CPU": 4, "GPU": 1}),
    ],
)
def test_a_call_takes_what_every_machine_can_give(
    resources: Any,
    monkeypatch: pytest.MonkeyPatch,
    machines: list[dict[str, float]],
    needs: str,
    taken: dict[str, int],
) -> None:
    monkeypatch.setattr(resources, "_resources", lambda: machines)
    assert resources.resources_of_a_call(needs) == taken


def test_a_cluster_without_cores_is_refused(resources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_resources", lambda: [{"memory": 1.0}])
    with pytest.raises(InvalidSettings, match="0 CPUs between them"):
        resources.resources_of_a_call("core")


@pytest.mark.parametrize(
    ("machines", "workers", "found"),
    [
        (CORES, None, (1, {"CPU": 3})),
        (CORES, 3, (3, {"CPU": 3})),
        (CORES, 4, (4, {"CPU": 1})),  # with two cores each only three would fit
        (CORES, 9, (9, {"CPU": 1})),
        (MIXED, None, (4, {"CPU": 4, "GPU": 1})),
        (MIXED, 2, (2, {"CPU": 4, "GPU": 1})),
    ],
)
def test_a_group_fits(
    resources: Any,
    monkeypatch: pytest.MonkeyPatch,
    machines: list[dict[str, float]],
    workers: int | None,
    found: tuple[int, Any],
) -> None:
    monkeypatch.setattr(resources, "_resources", lambda: machines)
    assert resources.resources_of_a_group(workers) == found


@pytest.mark.parametrize(("machines", "words"), [(CORES, "9 CPUs"), (MIXED, "4 GPUs")])
def test_more_than_fits_is_refused(
    resources: Any, monkeypatch: pytest.MonkeyPatch, machines: list[dict[str, float]], words: str
) -> None:
    monkeypatch.setattr(resources, "_resources", lambda: machines)
    with pytest.raises(InvalidSettings, match=f"--workers 10 are more than the cluster's {words}"):
        resources.resources_of_a_group(10)
