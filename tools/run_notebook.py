"""Run the code cells of a notebook in order, and store what they print, as `jupyter execute` does; without Jupyter.

    python -m tools.run_notebook docs/notebook.ipynb --folder FOLDER

The cells run in this process, in FOLDER, as one plain program: they may use no magics and no `await`. What they print
on standard output, and the value of a last expression, is stored. `--set NAME=VALUE` assigns a Python value after the
first cell, which holds what a reader may change.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run_cells(notebook: dict[str, Any], assigned: Mapping[str, object]) -> None:
    """Run the code cells and replace their outputs; the names in `assigned` are set after the first one."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate((one for one in notebook["cells"] if one["cell_type"] == "code"), 1):
        printed, value = _run("".join(cell["source"]), names, f"<cell {number}>")
        cell["execution_count"], cell["outputs"] = number, []
        if printed:
            cell["outputs"].append({"name": "stdout", "output_type": "stream", "text": printed.splitlines(True)})
        if value is not None:
            shown = {"text/plain": repr(value).splitlines(True)}
            one = {"data": shown, "execution_count": number, "metadata": {}, "output_type": "execute_result"}
            cell["outputs"].append(one)
        if number == 1:
            names.update(assigned)


def _run(source: str, names: dict[str, Any], file: str) -> tuple[str, object]:
    """Run one cell, and return what it prints and the value of its last expression, None if it has none."""
    body = ast.parse(source, file).body
    last = body[-1] if body and isinstance(body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body[:-1] if last else body, []), file, "exec"), names)  # noqa: S102 - that is what it is for
        value = eval(compile(ast.Expression(last.value), file, "eval"), names) if last else None  # noqa: S307
    return printed.getvalue(), value


def main() -> None:
    """Run a notebook and write it again with its outputs."""
    parser = argparse.ArgumentParser(description="Run a notebook's code cells and store their outputs.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="Where the cells run.")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="A Python value.")
    arguments = parser.parse_args()
    path = arguments.notebook.resolve()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    pairs = (one.partition("=") for one in arguments.set)
    os.chdir(arguments.folder)
    run_cells(notebook, {name: ast.literal_eval(value) for name, _, value in pairs})
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
