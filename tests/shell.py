"""The commands of shelftalk, run in this process as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalk.cli.main import run


class Shell:
    """Runs commands in one workspace and returns (exit code, standard output, standard error)."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = run([*map(str, arguments), "--workspace", str(self.root)])
        out, err = self.capsys.readouterr()
        return code, out, err

    def json(self, *arguments: object):
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    def mistake(self, *arguments: object) -> str:
        """Run a command that fails with a user error, and return the one line of the error."""
        code, out, err = self(*arguments)
        assert code == 2, err
        assert out == ""
        assert "Traceback" not in err
        (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
        return line
