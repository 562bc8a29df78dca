"""The wheel on the oldest and the newest Python that it allows, where this machine has them.

The running Python's own environment is in tests/test_end_to_end.py. torch is the one package that some Pythons cannot
have without gigabytes of CUDA libraries: PyPI's torch for Linux needs them. So the short form runs what needs no torch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path

import pytest

from shelftalk import __version__
from shelftalk.catalogue.demo import demo_file
from tests import small_demo
from tests.packaging.distributions import (
    build_both,
    find_python,
    has_an_index,
    install,
    make_environment,
    outside,
)

OLDEST, NEWEST = "3.10", "3.13"
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
# What preparing a catalogue imports; torch and what needs torch are left out.
WITHOUT_TORCH = (
    "typer",
    "rich",
    "numpy",
    "pyarrow",
    "orjson",
    "charset-normalizer",
    "python-calamine",
    "loky",
    "tomli",
)
PREPARE = """
from pathlib import Path
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
print(prepare(demo_file(), Path("demo"), PrepareSettings())["kept"])
"""


@pytest.fixture(params=[OLDEST, NEWEST])
def python(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The Python of an empty environment of another version than the running one."""
    version: str = request.param
    if version == RUNNING:
        pytest.skip(f"Python {version} is the one that runs the tests: tests/test_end_to_end.py installs the wheel.")
    found = find_python(version)
    if found is None:
        pytest.skip(f"There is no Python {version} here.")
    return make_environment(found, tmp_path / "environment")


def run_in(python: Path, folder: Path, *command: object, seconds: float = 120) -> str:
    """Run a program of an environment in a folder without the repository, and return what it prints."""
    done = subprocess.run(
        [str(one) for one in (python, *command)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=outside(),
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_is_installed_and_compiled_and_prepares_a_catalogue(python: Path, tmp_path: Path) -> None:
    wheel = build_both(tmp_path / "dist").wheel
    for what in (WITHOUT_TORCH, ("--no-deps", str(wheel))):
        done = install(python, *what)
        if done.returncode != 0 and not has_an_index(python):
            pytest.skip("No package index answers here, so nothing can be installed.")
        assert done.returncode == 0, done.stderr
    run_in(python, tmp_path, "-m", "compileall", "-q", *python.parents[1].glob("lib/*/site-packages/shelftalk"))
    assert run_in(python, tmp_path, python.with_name("shelftalk"), "--version") == f"shelftalk {__version__}\n"
    assert int(run_in(python, tmp_path, "-c", PREPARE)) > 800


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_wheel_runs_its_demo(python: Path, tmp_path: Path) -> None:
    wheel = str(build_both(tmp_path / "dist").wheel)
    report = tmp_path / "report.json"
    done = install(python, "--dry-run", "--report", str(report), wheel)
    assert done.returncode == 0, done.stderr
    named = {one["metadata"]["name"].lower() for one in json.loads(report.read_text())["install"]}
    if any(name.startswith("nvidia-") for name in named) and "+cpu" in version_of("torch"):
        pytest.skip("This Python's torch is to be had here with gigabytes of CUDA libraries only.")
    done = install(python, wheel)
    assert done.returncode == 0, done.stderr
    command = (small_demo.__file__, demo_file(), "demo", "--workspace", tmp_path / "workspace")
    assert "type next" in run_in(python, tmp_path, *command, seconds=3000)
