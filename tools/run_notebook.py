"""Run the code cells of a notebook in order, and store what they print, as `jupyter execute` does; without Jupyter.

    python -m tools.run_notebook docs/notebook.ipynb --folder FOLDER

The cells run in this process, in FOLDER, as one plain program: they may use no magics and no `await`. What they print
on standard output is stored; the value of a last expression is not. `--set NAME=VALUE` assigns a Python value after
the first cell, which holds what a reader may change.
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
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"<cell {number}>", "exec"), names)  # noqa: S102 - that is its use
        text = printed.getvalue().splitlines(keepends=True)
        cell["execution_count"] = number
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text}] if text else []
        if number == 1:
            names.update(assigned)


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
