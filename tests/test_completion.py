"""The shell's completion: installed into a home, and used there by the shells that this machine has."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shelftalk.cli.main import run
from shelftalk.workspace import Workspace

PLACES = {
    "bash": ".bash_completions/shelftalk.sh",
    "zsh": ".zfunc/_shelftalk",
    "fish": ".config/fish/completions/shelftalk.fish",
}
# What each shell sets when the key is pressed behind a line.
VARIABLES = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}
PROGRAM = "import sys; sys.argv[0] = 'shelftalk'; from shelftalk.cli import main; main()"
HEAVY = {"torch", "transformers", "chromadb", "pyarrow", "numpy", "streamlit", "fastapi"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a workspace of two runs and two catalogues, and with a command `shelftalk`."""
    workspace = Workspace(tmp_path / "workspace")
    for folder, file in (
        (workspace.run("first"), "run.json"),
        (workspace.run("second"), "run.json"),
        (workspace.catalogue("pegs"), "catalogue.json"),
        (workspace.catalogue("pots"), "catalogue.json"),
    ):
        folder.mkdir(parents=True)
        (folder / file).write_text("{}")
    command = tmp_path / "bin" / "shelftalk"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
    command.chmod(0o755)
    return tmp_path


def surroundings(home: Path, **more: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "SHELFTALK_"))},
        "HOME": str(home),
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb",
        **more,
    }


def offered_here(home: Path, line: str, capsys: pytest.CaptureFixture[str], **more: str) -> list[str]:
    """Return what is offered behind a line in bash, without a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.delenv("SHELFTALK_WORKSPACE", raising=False)
        asked = {"HOME": str(home), "_SHELFTALK_COMPLETE": "complete_bash", **VARIABLES["bash"](line), **more}
        for name, value in asked.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit):
            run([])
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out.split()


def completed(home: Path, shell: str, line: str) -> list[str]:
    """Return what is offered behind a line, as the shell's script asks for it."""
    environment = surroundings(home, _SHELFTALK_COMPLETE=f"complete_{shell}", **VARIABLES[shell](line))
    done = subprocess.run(
        [home / "bin" / "shelftalk"], check=False, capture_output=True, text=True, cwd=home, env=environment, timeout=60
    )
    assert done.stderr == ""
    if shell == "zsh":  # "name":"help" in one list
        return [one.split('"')[1] for one in done.stdout.splitlines() if '"' in one]
    return [one.split("\t")[0] for one in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", PLACES)
def test_the_completion_is_installed_once_into_the_home(shell: str, home: Path) -> None:
    command: list[str | Path] = [home / "bin" / "shelftalk", "--install-completion", shell]
    environment = surroundings(home, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    for _ in range(2):
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=home, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert PLACES[shell] in done.stdout.replace("\n", "")
    assert "_SHELFTALK_COMPLETE" in (home / PLACES[shell]).read_text()
    if shell == "bash":
        assert (home / ".bashrc").read_text().count("shelftalk.sh") == 1


@pytest.mark.parametrize("shell", PLACES)
def test_commands_and_names_are_completed_in_every_shell(shell: str, home: Path) -> None:
    assert completed(home, shell, "shelftalk tr") == ["train"]
    assert completed(home, shell, "shelftalk ask f") == ["first"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("shelftalk ask ", ["first", "second"]),
        ("shelftalk runs show s", ["second"]),
        ("shelftalk inspect p", ["pegs", "pots"]),
        ("shelftalk rules check po", ["pots"]),
        ("shelftalk train pe", ["pegs"]),
        ("shelftalk train pegs --from ", ["first", "second"]),
        ("shelftalk train pegs --preset quick", ["quick-test"]),
        ("shelftalk estimate pegs --pres", ["--preset", "--presets"]),
        ("shelftalk ask --workspace none ", []),
        ("shelftalk ask --workspace ~/workspace fi", ["first"]),
        ("shelftalk ask --workspace ~nobody-has-this-name/w fi", []),
    ],
)
def test_names_of_runs_catalogues_and_presets_are_completed(
    line: str, offered: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered_here(home, line, capsys) == offered


def test_the_workspace_of_the_environment_is_looked_in(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "workspace").rename(home / "elsewhere")
    assert offered_here(home, "shelftalk ask ", capsys) == []
    found = offered_here(home, "shelftalk ask ", capsys, SHELFTALK_WORKSPACE=str(home / "elsewhere"))
    assert found == ["first", "second"]


def test_a_workspace_that_cannot_be_read_is_no_traceback(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(home / "workspace" / "runs")
    (home / "workspace" / "runs").symlink_to("runs")  # a link to itself: an error of the disk for root, too
    assert offered_here(home, "shelftalk ask ", capsys) == []


def test_completing_loads_no_heavy_library(home: Path) -> None:
    program = (
        f"import atexit, sys; atexit.register(lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
        f"{PROGRAM}"
    )
    environment = surroundings(home, _SHELFTALK_COMPLETE="complete_bash", **VARIABLES["bash"]("shelftalk ask f"))
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=home, env=environment
    )
    assert (done.stdout, done.stderr) == ("first\n", "[]\n")


@pytest.mark.parametrize("shell", PLACES)
def test_the_key_completes_a_name_in_the_shell_itself(shell: str, home: Path) -> None:
    """A real shell at a terminal; `--install-completion` knows the shell by the one that started it."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"There is no {shell} here.")
    environment = surroundings(home, PS1="> ", TERM="xterm")
    install = subprocess.run(
        [program, "-c", "shelftalk --install-completion; echo ended"],  # with one command it would become that command
        check=False,
        capture_output=True,
        text=True,
        cwd=home,
        env=environment,
    )
    assert (home / PLACES[shell]).is_file(), install.stdout + install.stderr
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home)
        os.execve(program, [program, "-i"], environment)
    try:
        type_and_read(terminal, "echo rea''dy\n", "ready")
        # zsh's first press in a terminal only loads the script: typer's defines the completion and does not call it.
        type_and_read(terminal, "shelftalk runs show sec\t", "ond", again="\t")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def type_and_read(terminal: int, keys: str, wanted: str, again: str = "") -> None:
    """Type into a terminal, and read until it shows `wanted`; type `again` where it shows nothing for two seconds."""
    os.write(terminal, keys.encode())
    shown, end = "", time.monotonic() + 60
    while wanted not in shown:
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 2)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
        elif again:
            os.write(terminal, again.encode())
