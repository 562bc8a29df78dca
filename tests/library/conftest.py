"""A small shop, prepared and trained through the public face, that the tests of it only read, or copy."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from shelftalk import Run, Workspace

MATERIALS = ("oiled oak", "waxed beech", "plain ash")
USES = (
    "wet towels beside the bath",
    "coats of guests in the hall",
    "keys that nobody must lose",
    "hats with a wide brim",
    "bags behind the kitchen door",
    "aprons near a warm stove",
)
SETTINGS = {
    "base_model": "tiny",
    "epochs": 2,
    "batch_size": 2,
    "gradient_accumulation": 2,
    "learning_rate": 1e-2,
    "max_tokens": 192,
}


def write_products(path: Path, count: int = 24) -> Path:
    """Write `count` small products with an attribute as CSV, and the first of them again."""
    rows = [
        (f"Oak Peg {number} cm", f"A peg of {material}, {number} cm long, for {USES[number % len(USES)]}.", material)
        for number in range(count)
        for material in [MATERIALS[number % len(MATERIALS)]]
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("title", "description", "material"), *rows, rows[0]])
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with products.csv and a workspace with the catalogue `mine` and the finished run `first`."""
    folder = tmp_path_factory.mktemp("shop")
    workspace = Workspace(folder / "workspace")
    workspace.prepare(write_products(folder / "products.csv"), name="mine")
    with workspace.train("mine", name="first", settings=SETTINGS) as run:
        run.references("Oak Tray")  # builds the index
        run.describe("Oak Tray", settings={"max_new_tokens": 1})  # makes the engine's files
    return folder


@pytest.fixture
def run(made: Path) -> Run:
    return Workspace(made / "workspace").open_run("first")


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Workspace:
    """A copy of the workspace, which may be changed."""
    return Workspace(shutil.copytree(made / "workspace", tmp_path / "workspace"))
