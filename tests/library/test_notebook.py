"""The notebook's cells run in order in a fresh process, and what is stored of them shows no machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
SMALL = 'settings={"base_model": "tiny", "products": 12, "vocabulary": "full"}'


def code_cells(path: Path) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["metadata"]["kernelspec"]["language"]) == (4, "python")
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell: dict[str, Any]) -> str:
    return "".join(line for one in cell["outputs"] for line in one["text"])


def test_all_cells_run_in_a_fresh_process(tmp_path: Path) -> None:
    copy = Path(shutil.copy(NOTEBOOK, tmp_path))
    command = [sys.executable, "-m", "tools.run_notebook", str(copy), "--folder", str(tmp_path), "--set", SMALL]
    done = subprocess.run(
        [*command, "--set", "measured=2"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    cells = code_cells(copy)
    assert [cell["execution_count"] for cell in cells] == list(range(1, 11))
    assert [number for number, cell in enumerate(cells, 1) if not printed(cell)] == [1]
    assert "2 held-out products" in printed(cells[8])
    assert (tmp_path / "exported" / "adapter_model.safetensors").is_file()


def test_the_stored_outputs_are_those_of_a_whole_run_and_name_no_machine() -> None:
    cells = code_cells(NOTEBOOK)
    assert [cell["execution_count"] for cell in cells] == list(range(1, 11))
    assert [number for number, cell in enumerate(cells, 1) if not printed(cell)] == [1]
    assert "24 held-out products" in printed(cells[8])
    assert not re.search(r"/tmp|/home|/root|/work|/Users|[A-Z]:\\|PosixPath", NOTEBOOK.read_text(encoding="utf-8"))
