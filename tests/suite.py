"""How the tests are spread over the cores, and what they cost: hooks of pytest, which conftest.py takes up.

Each worker of pytest-xdist takes whole files, so that what a file's fixtures made is made once. What must not run
beside itself, or shares something dear, is one group, whatever the file. The groups that take longest begin first.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Threads of two processes on the same cores wait for each other at every step: one thread for each worker instead.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAYON_NUM_THREADS", "1")

# The beginning of a file's path, and the marker of its tests, which are one group; the longest group first.
GROUPS = {
    "tests/test_end_to_end.py": "model",
    "tests/studio/test_browser": "browser",
    "tests/cluster/test_ray": "ray",
    "tests/training/test_trainer.py": None,
    "tests/studio/test_video.py": None,
    "tests/export/": None,
    "tests/training/test_faults.py": None,
    "tests/test_cli.py": None,
    "tests/library/": None,
    "tests/test_docs_site.py": None,
    "tests/api/test_clients.py": None,
    "tests/test_instruction_sets.py": "levels",
}


def group_of(nodeid: str) -> str:
    """Return the group of a test: one of `GROUPS`, or its file."""
    file = nodeid.partition("::")[0]
    return next((start for start in GROUPS if file.startswith(start)), file)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole groups to a worker. pytest-xdist's own groups need a field that pytest 9.2 no longer has."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: browser, Ray and kill tests often wait for other processes."""
    return len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """Distribute the tests by group."""
    return GroupScheduling(config, log)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of a group, and put the long groups first."""
    order = list(GROUPS)
    for item in items:
        if marker := GROUPS.get(group_of(item.nodeid)):
            item.add_marker(marker)
    items.sort(key=lambda item: order.index(group) if (group := group_of(item.nodeid)) in GROUPS else len(order))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many seconds the tests of each folder took."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0].rpartition("/")[0]] += report.duration
    terminalreporter.section("seconds by folder")
    for folder, spent in sorted(seconds.items(), key=lambda one: -one[1]):
        terminalreporter.line(f"{spent:8.1f}  {folder}")
