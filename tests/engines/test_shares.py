"""What each call may take of clusters that nobody has at hand: by their machines' resources alone."""

from __future__ import annotations

from typing import Any

import pytest

from shelftalk.engines.place import Needs
from shelftalk.errors import InvalidSettings

CORES = [{"CPU": 3.0}, {"CPU": 3.0}, {"CPU": 3.0}, {"memory": 1.0}]
MIXED = [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 2.0}]


@pytest.fixture
def shares(ray_environment: None) -> Any:
    from shelftalk.engines import shares

    return shares


@pytest.mark.parametrize(
    ("machines", "needs", "share"),
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
    shares: Any, monkeypatch: pytest.MonkeyPatch, machines: list[dict[str, float]], needs: Needs, share: dict[str, int]
) -> None:
    monkeypatch.setattr(shares, "_resources", lambda: machines)
    assert shares.share_of_a_call(needs) == share


def test_a_cluster_without_cores_is_refused(shares: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_resources", lambda: [{"memory": 1.0}])
    with pytest.raises(InvalidSettings, match="0 CPUs between them"):
        shares.share_of_a_call("core")


@pytest.mark.parametrize(
    ("machines", "workers", "found"),
    [
        (CORES, None, (1, {"CPU": 3})),
        (CORES, 3, (3, {"CPU": 3})),
        (CORES, 4, (4, {"CPU": 1})),  # two cores each would leave room for three
        (CORES, 9, (9, {"CPU": 1})),
        (MIXED, None, (4, {"CPU": 4, "GPU": 1})),
        (MIXED, 2, (2, {"CPU": 4, "GPU": 1})),
    ],
)
def test_a_group_finds_room(
    shares: Any,
    monkeypatch: pytest.MonkeyPatch,
    machines: list[dict[str, float]],
    workers: int | None,
    found: tuple[int, Any],
) -> None:
    monkeypatch.setattr(shares, "_resources", lambda: machines)
    assert shares.shares_of_a_group(workers) == found


@pytest.mark.parametrize(("machines", "words"), [(CORES, "9 CPUs"), (MIXED, "4 GPUs")])
def test_more_than_there_is_room_for_is_refused(
    shares: Any, monkeypatch: pytest.MonkeyPatch, machines: list[dict[str, float]], words: str
) -> None:
    monkeypatch.setattr(shares, "_resources", lambda: machines)
    with pytest.raises(InvalidSettings, match=f"--workers 10 are more than the cluster's {words}"):
        shares.shares_of_a_group(10)
