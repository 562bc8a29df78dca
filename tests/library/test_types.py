"""A program that uses the public face passes mypy --strict, and its wrong calls do not."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

PROGRAM = "tests/library/typed_program.py"
# What the face's types are made of: reading all that it calls, with torch, takes mypy a minute (`make check` does).
FACE = ("__init__.py", "records.py", "errors.py", "library/*.py", "claims/found.py", "evidence/*.py")


def test_a_typed_program_passes_and_its_wrong_calls_do_not() -> None:
    face = [path for pattern in FACE for path in sorted((ROOT / "src" / "shelftalk").glob(pattern))]
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--follow-imports=skip",
        "--cache-dir=/dev/null",
    ]
    done = subprocess.run(
        [*command, *face, PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert f"checked {len(face) + 1} source files" in done.stdout, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith(PROGRAM)] == []
