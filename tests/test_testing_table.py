"""The table of docs/testing.md names tests that exist, and every test that runs in `make test-long` only."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")
ROWS = [row for row in (line.split(" | ") for line in TEXT.splitlines()) if len(row) == 3 and "tests/" in row[1]]


@cache
def functions(path: str) -> dict[str, str]:
    """Return the functions of a file with their decorators; a mark that was given a name is written out in them."""
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    marks = {
        target.id: ast.unparse(one.value)
        for one in module.body
        if isinstance(one, ast.Assign) and "pytest.mark." in ast.unparse(one.value)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    found = {}
    for one in module.body:
        if isinstance(one, ast.FunctionDef):
            words = (
                re.sub(r"\w+", lambda word: marks.get(word[0], word[0]), ast.unparse(d)) for d in one.decorator_list
            )
            found[one.name] = "\n".join(words)
    return found


def slow_tests() -> dict[tuple[str, str], bool]:
    """Return the tests that are slow, and whether they are in each of their forms."""
    files = sorted(Path(ROOT / "tests").rglob("test_*.py"))
    paths = [file.relative_to(ROOT).as_posix() for file in files if file.name != Path(__file__).name]
    return {
        (path, name): "pytest.mark.slow" in decorators.splitlines()
        for path in paths
        for name, decorators in functions(path).items()
        if "pytest.mark.slow" in decorators
    }


def test_every_named_file_and_function_exists() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > 100
    missing = [path for path, _ in named if not (ROOT / path).is_file()]
    assert missing == []
    assert [f"{path}::{name}" for path, name in named if name and name not in functions(path)] == []


def test_every_row_names_a_test_and_a_form() -> None:
    assert [row for row in ROWS if not NAMED.search(row[1]) or not re.match(r"(short|long)\b", row[2])] == []


def test_slow_tests_are_in_rows_of_the_long_form() -> None:
    slow = slow_tests()
    in_long = {one for row in ROWS if "long" in row[2] for one in NAMED.findall(row[1])}
    in_short = {one for row in ROWS if row[2].startswith("short") for one in NAMED.findall(row[1])}
    assert sorted(set(slow) - in_long) == []
    assert sorted(one for one, always in slow.items() if always and one in in_short) == []


def test_a_row_of_the_long_form_has_a_slow_test() -> None:
    slow = slow_tests()
    assert [row[0] for row in ROWS if "long" in row[2] and not set(NAMED.findall(row[1])) & set(slow)] == []
