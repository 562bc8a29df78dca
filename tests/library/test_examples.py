"""Every example in a docstring of the public face runs on a real, small run, and every public method has one."""

from __future__ import annotations

import doctest
import inspect
import shutil
from pathlib import Path
from types import ModuleType

import pytest

import shelftalk
import shelftalk.library.catalogue
import shelftalk.library.run
import shelftalk.library.workspace

MODULES = (shelftalk.library.catalogue, shelftalk.library.run, shelftalk.library.workspace)


def examples(module: ModuleType) -> list[doctest.DocTest]:
    return [one for one in doctest.DocTestFinder().find(module) if one.examples]


ALL = [one for module in MODULES for one in examples(module)]


@pytest.mark.parametrize("example", ALL, ids=[one.name.removeprefix("shelftalk.library.") for one in ALL])
def test_an_example_prints_what_it_says(example: doctest.DocTest, made: Path, tmp_path: Path) -> None:
    if "Workspace." in example.name:  # which may write catalogues and runs
        folder = tmp_path / "workspace"
        shutil.copytree(made / "workspace", folder)
    else:
        folder = made / "workspace"
    workspace = shelftalk.Workspace(folder)
    if example.name.endswith(".train"):
        shutil.rmtree(folder / "runs" / "first")
    names = {
        "shelftalk": shelftalk,
        "workspace": workspace,
        "catalogue": workspace.open_catalogue("mine"),
        "products_csv": made / "products.csv",
        "folder": tmp_path,
    }
    if not example.name.endswith(".train"):
        names["run"] = workspace.open_run("first")
    said: list[str] = []
    example.globs.update(names)
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append, clear_globs=False)
    for run in (one for one in example.globs.values() if isinstance(one, shelftalk.Run)):
        run.close()
    assert tried and not failed, "".join(said)


def test_every_public_method_has_an_example() -> None:
    methods = {
        f"{one.__module__}.{one.__name__}.{name}"
        for one in (shelftalk.Workspace, shelftalk.Run, shelftalk.Catalogue)
        for name, member in vars(one).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    assert len(methods) == 17
    assert methods - {one.name for one in ALL} == set()
