"""Workers share torch's threads, and the thread that starts them has its own back afterwards."""

from __future__ import annotations

import pytest
import torch

from shelftalk.models.threads import core_count, share_threads, thread_count, thread_workers


@pytest.mark.parametrize(
    ("threads", "most", "expected"),
    [
        (1, 4, (1, 1)),
        (2, 4, (2, 1)),
        (4, 4, (4, 1)),
        (6, 4, (3, 2)),
        (16, 4, (4, 4)),
        (16, 16, (16, 1)),
    ],
)
def test_few_threads_are_idle(threads: int, most: int, expected: tuple[int, int]) -> None:
    assert share_threads(threads, most) == expected


def test_each_worker_computes_with_its_share() -> None:
    with thread_count(6):
        with thread_workers(torch.device("cpu"), most=4) as pool:
            assert torch.get_num_threads() == 1
            assert set(pool.map(lambda _: torch.get_num_threads(), range(20))) == {2}
        assert torch.get_num_threads() == 6


def test_the_number_of_cores_is_limited_as_torch_s_threads_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert core_count() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert core_count() >= 1
