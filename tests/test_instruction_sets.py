"""What must be exact is exact at each lower level of instructions that this CPU has; see docs/testing.md.

The kernels of oneDNN, MKL and torch differ by level, and one CPU can act as an older one. The libraries read the level
when they are loaded, so each level has a process of its own. The CPU's own level is tested by the ordinary run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from benchmarks.isa import LEVELS, is_lower
from tests.conftest import ROOT

FEWEST = 30  # tests marked exact; fewer would mean that some were not found
MARK = "pytest.mark.exact"  # stands in this file too, none of whose tests has it


@pytest.mark.parametrize("name", LEVELS)
def test_what_is_exact_is_so_at_every_level(name: str) -> None:
    if not is_lower(name):
        pytest.skip(f"{name} is not below this CPU's own level")
    # Only some files are collected, which saves importing the others' libraries.
    files = [file for file in (ROOT / "tests").rglob("test_*.py") if MARK in file.read_text(encoding="utf-8")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "exact and not slow", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env={**environment, **LEVELS[name], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-1000:]
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed and int(passed[1]) >= FEWEST, ended.stdout[-300:]
