"""Which torch `make` installs, with and without an NVIDIA card: real runs of make and pip, between two local indexes.

One stands for PyPI, with a torch for CUDA, and one for PyTorch's index of CPU wheels. Their wheels hold nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest

from shelftalk.cli.doctor import CPU_INDEX
from tests.conftest import ROOT
from tests.packaging.distributions import make_environment, outside
from tools import install_torch

PINNED = install_torch.pinned_version()
LEFT_TO_PIP = "torch is left to pip"


class Index:
    """A package index on this machine; `asked` has the paths that it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *arguments: Any) -> None:
                asked.append(self.path)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name: str, version: str, needs: str = "") -> None:
        """Add a wheel of nothing but its metadata."""
        page = self.folder / name
        page.mkdir(exist_ok=True)
        about = f"{name}-{version}.dist-info"
        files = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            + (f"Requires-Dist: {needs}\n" if needs else ""),
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        with ZipFile(page / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            for file, text in files.items():
                wheel.writestr(f"{about}/{file}", text)
            wheel.writestr(f"{about}/RECORD", "".join(f"{about}/{file},,\n" for file in [*files, "RECORD"]))


@pytest.fixture
def pypi(tmp_path: Path) -> Iterator[Index]:
    """An index that has torch, which needs a library of CUDA there, and a package that needs torch."""
    index = Index(tmp_path / "pypi")
    index.folder.mkdir()
    index.add("torch", PINNED, needs="cudalibrary")
    index.add("cudalibrary", "13.0")
    index.add("smalllibrary", "1.0")
    index.add("needstorch", "1.0", needs="torch")
    yield index
    index.server.shutdown()


@pytest.fixture
def pytorch(tmp_path: Path) -> Iterator[Index]:
    """An index that has torch for the CPU, and no package that it needs."""
    index = Index(tmp_path / "pytorch")
    index.folder.mkdir()
    index.add("torch", f"{PINNED}+cpu", needs="smalllibrary")
    index.add("torch", "99.0+cpu")
    yield index
    index.server.shutdown()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    make_environment(sys.executable, folder)
    return folder


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Folders with a driver of NVIDIA's that finds a card, and with one that finds none."""
    if sys.platform != "linux" or (compiler := shutil.which("cc")) is None:
        pytest.skip("A driver is made with a C compiler, for Linux.")
    folders = {}
    for has_card, code in ((True, 0), (False, 100)):  # CUDA_SUCCESS, CUDA_ERROR_NO_DEVICE
        folder = tmp_path_factory.mktemp("driver")
        source = folder / "driver.c"
        source.write_text(f"int cuInit(unsigned int flags) {{ return {code}; }}\n")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source], check=True, timeout=60)
        folders[has_card] = folder
    return folders


class Machine:
    """An environment without torch on a machine with or without a card, where pip has no settings but `settings`."""

    def __init__(self, environment: Path, driver: Path) -> None:
        self.environment = environment
        self.settings: dict[str, str] = {}
        foreign = re.compile("PIP_|MAKE|MFLAGS|PYTHON")
        self._variables = {name: value for name, value in outside().items() if not foreign.match(name)}
        self._variables |= {"PIP_CONFIG_FILE": os.devnull, "LD_LIBRARY_PATH": str(driver)}

    def _run(self, *command: object) -> subprocess.CompletedProcess[str]:
        variables = self._variables | self.settings
        words = [str(one) for one in command]
        return subprocess.run(words, check=False, capture_output=True, text=True, env=variables, timeout=120)

    def make(self, index: str, *variables: str) -> subprocess.CompletedProcess[str]:
        """Run `make` for torch alone, with the address of PyTorch's index."""
        target = self.environment / "torch"
        target.unlink(missing_ok=True)
        return self._run(
            "make", "--silent", "-C", ROOT, f"VENV={self.environment}", f"TORCH_INDEX={index}", *variables, target
        )

    def install_the_rest(self, pypi: Index) -> None:
        """Install a package that needs torch, as the Makefile's next line does."""
        options = ("--quiet", "--constraint", ROOT / "constraints.txt", "--index-url", pypi.url)
        done = self._run(self.environment / "bin" / "python", "-m", "pip", "install", *options, "needstorch")
        assert done.returncode == 0, done.stderr

    def packages(self) -> set[str]:
        """Return the packages that are installed, less pip and its own."""
        found = {path.name.removesuffix(".dist-info") for path in self._packages()}
        return {name for name in found if not name.startswith(("pip-", "setuptools-", "wheel-"))}

    def clear(self) -> None:
        for path in self._packages():
            if path.name.removesuffix(".dist-info") in self.packages():
                shutil.rmtree(path)

    def _packages(self) -> Iterator[Path]:
        return self.environment.glob("lib/python*/site-packages/*.dist-info")


@pytest.fixture
def machines(environment: Path, drivers: dict[bool, Path]) -> Iterator[dict[bool, Machine]]:
    """The machine with a card, and the one without; they share an environment."""
    both = {has_card: Machine(environment, driver) for has_card, driver in drivers.items()}
    yield both
    both[True].clear()


@pytest.fixture
def with_card(machines: dict[bool, Machine]) -> Machine:
    return machines[True]


@pytest.fixture
def without_card(machines: dict[bool, Machine]) -> Machine:
    return machines[False]


def test_without_a_card_the_pinned_torch_comes_from_pytorchs_index_and_stays(
    without_card: Machine, pypi: Index, pytorch: Index
) -> None:
    without_card.settings = {"PIP_DEFAULT_TIMEOUT": "30", "PIP_NO_CACHE_DIR": "1"}  # which name no place of packages
    done = without_card.make(pytorch.url)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert without_card.packages() == {f"torch-{PINNED}+cpu"}
    without_card.install_the_rest(pypi)
    assert without_card.packages() == {f"torch-{PINNED}+cpu", "smalllibrary-1.0", "needstorch-1.0"}


def test_with_a_card_torch_is_the_one_of_pypi(with_card: Machine, pypi: Index, pytorch: Index) -> None:
    done = with_card.make(pytorch.url)
    assert (done.returncode, done.stdout, pytorch.asked) == (0, "", []), done.stderr
    with_card.install_the_rest(pypi)
    assert with_card.packages() == {f"torch-{PINNED}", "cudalibrary-13.0", "needstorch-1.0"}


@pytest.mark.parametrize("setting", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "file"])
def test_where_pip_is_told_its_places_no_other_is_asked(
    without_card: Machine, pytorch: Index, tmp_path: Path, setting: str
) -> None:
    if setting == "file":
        (tmp_path / "pip.conf").write_text("[install]\nindex_url = http://127.0.0.1:9/\n")
        without_card.settings = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    else:
        without_card.settings = {setting: "1" if setting == "PIP_NO_INDEX" else "http://127.0.0.1:9/"}
    done = without_card.make(pytorch.url)
    assert (done.returncode, pytorch.asked, without_card.packages()) == (0, [], set()), done.stderr
    assert done.stdout.startswith(LEFT_TO_PIP)
    assert done.stdout.count("\n") == 1


def unreachable() -> str:
    """Return an address of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_index_that_cannot_be_reached_is_said_in_one_line(without_card: Machine) -> None:
    index = unreachable()
    done = without_card.make(index)
    assert (done.returncode, without_card.packages(), done.stderr) == (0, set(), "")
    assert done.stdout.startswith(LEFT_TO_PIP)
    assert index in done.stdout
    assert done.stdout.count("\n") == 1


def test_an_index_without_the_pinned_version_leaves_torch_to_pip(without_card: Machine, pypi: Index) -> None:
    shutil.rmtree(pypi.folder / "torch")
    pypi.add("torch", "99.0+cpu")
    done = without_card.make(pypi.url)
    assert (done.returncode, without_card.packages()) == (0, set()), done.stderr
    assert f"{pypi.url} has no torch {PINNED}" in done.stdout


def test_an_index_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_torch, "SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert install_torch.versions(f"http://127.0.0.1:{silent.getsockname()[1]}") == []


def test_torch_cpu_is_for_the_cpu_whatever_the_machine_and_pips_settings_are(
    with_card: Machine, pypi: Index, pytorch: Index
) -> None:
    with_card.settings = {"PIP_INDEX_URL": pypi.url, "PIP_RETRIES": "0"}
    assert with_card.make(unreachable(), "TORCH=cpu").returncode != 0  # and never another than was asked for
    assert with_card.packages() == set()
    done = with_card.make(pytorch.url, "TORCH=cpu")
    assert (done.returncode, pypi.asked) == (0, []), done.stderr
    assert with_card.packages() == {f"torch-{PINNED}+cpu"}


def test_torch_cuda_leaves_torch_to_pip(without_card: Machine, pytorch: Index) -> None:
    done = without_card.make(pytorch.url, "TORCH=cuda")
    assert (done.returncode, done.stdout, pytorch.asked) == (0, "", []), done.stderr
    assert without_card.make(pytorch.url, "TORCH=gpu").returncode != 0


def test_a_torch_of_the_pinned_version_is_left_alone(without_card: Machine, pypi: Index, pytorch: Index) -> None:
    without_card.install_the_rest(pypi)
    before = without_card.packages()
    done = without_card.make(pytorch.url)
    assert (done.returncode, done.stdout, pytorch.asked) == (0, "", []), done.stderr
    assert without_card.packages() == before
    assert f"torch-{PINNED}" in before


def test_the_address_of_pytorchs_index_is_the_same_everywhere() -> None:
    files = ("Makefile", "Dockerfile", "PYPI.md", "docs/install.md", "src/shelftalk/cli/doctor.py")
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    found = re.findall(r"https://download\.pytorch\.org[^\s;)`\"]*", text)
    assert set(found) == {CPU_INDEX}
    assert len(found) >= len(files)
