"""The distributions of this checkout, environments in which the wheel is installed, and what the wheel declares."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from email.parser import Parser
from importlib.metadata import distribution
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shelftalk.cli.doctor import CPU_INDEX
from tests.conftest import ROOT

SOURCE = ROOT / "src" / "shelftalk"
INSTALL = ("-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
PINNED = ("--constraint", str(ROOT / "constraints.txt"))


class Distributions(NamedTuple):
    """What `python -m build` makes: the source distribution, and the wheel that was built from it."""

    sdist: Path
    wheel: Path


def build(folder: Path, *options: str) -> Path:
    """Run `python -m build` on this checkout and return the folder that holds the result."""
    # Without an environment of its own: `pip install --editable .`, which came first, has built in one.
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, *options, ROOT]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def build_both(folder: Path) -> Distributions:
    """Return both distributions, the wheel built from the source distribution."""
    build(folder)
    return Distributions(next(folder.glob("*.tar.gz")), next(folder.glob("*.whl")))


def outside() -> dict[str, str]:
    """Return this process's environment without what would let a child import from this checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def make_environment(python: str | Path, folder: Path, *options: str) -> Path:
    """Make an empty environment in `folder` and return its Python."""
    subprocess.run([python, "-m", "venv", *options, folder], check=True, env=outside(), timeout=120)
    return folder / "bin" / "python"


def linked_environment(folder: Path, wheel: Path) -> Path:
    """Make an environment with pip, a wheel and what that needs, and return its Python.

    What it needs is taken from the environment that runs the tests, as hard links, and needs no package index. pip
    installs the wheel, and refuses if anything that it declares is missing.
    """
    python = make_environment(sys.executable, folder, "--without-pip")
    (packages,) = folder.glob("lib/*/site-packages")
    for name in with_requirements([Requirement("pip"), *requirements(wheel)[""].values()]):
        link_files(name, packages)
    done = install(python, "--no-index", str(wheel), pinned=False)
    assert done.returncode == 0, done.stderr
    return python


def with_requirements(wanted: Iterable[Requirement]) -> set[str]:
    """Return the names of the distributions that are wanted and of those that they need, as they are installed here."""
    waiting = [(one, frozenset({""})) for one in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one, extras = waiting.pop()
        found = canonicalize_name(one.name), frozenset({"", *one.extras})
        if found in seen or (one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in extras)):
            continue
        seen.add(found)
        waiting += [(Requirement(line), found[1]) for line in distribution(one.name).requires or []]
    return {name for name, _ in seen}


def link_files(name: str, packages: Path) -> None:
    """Link the files of a distribution, and what of it is compiled, into the folder of packages of an environment."""
    for file in distribution(name).files or []:
        if ".." in file.parts:
            continue  # a program, which would start the tests' own Python
        source, target = Path(str(file.locate())), packages / file
        for linked, to in ((source, target), (compiled(source), compiled(target))):
            if linked.is_file() and not to.exists():
                to.parent.mkdir(parents=True, exist_ok=True)
                try:
                    to.hardlink_to(linked)
                except OSError:  # on another file system
                    shutil.copy2(linked, to)


def compiled(source: Path) -> Path:
    """Return where Python keeps a module that it has compiled."""
    return Path(cache_from_source(str(source)))


def install(python: Path, *what: str, pinned: bool = True) -> subprocess.CompletedProcess[str]:
    """Install into an environment with pip, if `pinned` at the versions of constraints.txt."""
    command: list[str | Path] = [python, *INSTALL, *(PINNED if pinned else ()), *what]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=outside(), timeout=900)


def install_torch(python: Path) -> None:
    """Install torch first, as `make` does where there is no card; elsewhere pip chooses it with the rest."""
    command: list[str | Path] = [python, ROOT / "tools" / "install_torch.py", "automatic", CPU_INDEX]
    subprocess.run(command, check=True, capture_output=True, env=outside(), timeout=600)


def has_an_index(python: Path) -> bool:
    """Return whether pip finds packages from here: it looks for one that every index has."""
    options = ("--quiet", "--dry-run", "--ignore-installed", "--no-deps", "packaging")
    command: list[str | Path] = [python, "-m", "pip", "install", *options]
    return subprocess.run(command, check=False, capture_output=True, env=outside(), timeout=600).returncode == 0


def find_python(version: str) -> Path | None:
    """Return an interpreter of a version, such as "3.13", that starts; None if there is none on this machine."""
    name = f"python{version}"
    places = [shutil.which(name), *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"), reverse=True)]
    for place in places:
        if place and subprocess.run([place, "-c", ""], check=False, capture_output=True, timeout=60).returncode == 0:
            return Path(place)
    return None


def requirements(wheel: Path) -> dict[str, dict[str, Requirement]]:
    """Return what a wheel declares, by extra ("" for what is always installed) and name of the package."""
    with ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    found: dict[str, dict[str, Requirement]] = {extra: {} for extra in ["", *metadata.get_all("Provides-Extra", [])]}
    for line in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(line)
        extra = re.search(r"""extra == ["']([\w-]+)""", line)
        found[extra[1] if extra else ""][canonicalize_name(requirement.name)] = requirement
    return found


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the first names of the modules that a file imports, outside of the standard library and shelftalk."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in {one.split(".")[0] for one in names}:
            if name not in sys.stdlib_module_names and name != "shelftalk":
                yield name
