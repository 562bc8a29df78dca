"""How the tests are spread over the cores, and what they cost: hooks of pytest, which conftest.py takes up.

Each worker of pytest-xdist takes whole files, so that what a file's fixtures made is made once. What must not run
beside itself, or shares something dear, is one group, whatever the file. The groups that take longest begin first.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

# Threads of two processes on the same cores wait for each other at every step: one thread for each worker instead.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAYON_NUM_THREADS", "1")

# The beginning of a file's path, and the group and the marker of its tests; the longest group first.
GROUPS = {
    "tests/test_end_to_end.py": ("model", "model"),
    "tests/studio/test_browser": ("browser", "browser"),
    "tests/cluster/test_ray": ("ray", "ray"),
    "tests/export/": ("export", None),
}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups, and before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its group, and put the long groups first."""
    order = list(GROUPS)
    places = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        start = next((one for one in order if file.startswith(one)), None)
        group, marker = GROUPS[start] if start else (file, None)
        item.add_marker(pytest.mark.xdist_group(group))
        if marker:
            item.add_marker(marker)
        places[item] = order.index(start) if start else len(order)
    items.sort(key=places.__getitem__)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many seconds the tests of each folder took."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0].rpartition("/")[0]] += report.duration  # type: ignore[assignment]
    terminalreporter.section("seconds by folder")
    for folder, spent in seconds.most_common():
        terminalreporter.line(f"{spent:8.1f}  {folder}")
