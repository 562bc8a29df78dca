"""A program that uses the public face, as mypy --strict reads it; `test_types.py` runs mypy, nothing runs this.

An ignored error must be one: mypy --strict reports a comment that ignores nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from typing_extensions import assert_type

import shelftalk
from shelftalk import Catalogue, Comparison, DescribedFile, Description, Evaluation, Evidence, Product, Reference, Run


def show(done: int, total: int) -> None:
    print(f"{done} of {total}")


workspace = shelftalk.Workspace("workspace")
catalogue = workspace.prepare(["a.csv", Path("b.csv")], name="mine", settings={"seed": 1}, on_progress=show)
assert_type(catalogue, Catalogue)
assert_type(catalogue.split, Mapping[str, int])
assert_type(catalogue.products("test"), list[Product])

run = workspace.train("mine", name="first", preset="quick-test", settings={"epochs": 1}, on_progress=print)
assert_type(run, Run)
with workspace.open_run("first") as opened:
    assert_type(opened, Run)
    assert_type(opened.describe("Moka Pot", {"material": "aluminium"}), Description)
    assert_type(opened.describe_all(["Moka Pot", ("Oak Tray", {"material": "oak"})]), Iterator[Description])
    assert_type(opened.compare("Moka Pot", attributes={"material": "aluminium"}), Comparison)
    assert_type(opened.references("Moka Pot", count=5), list[Reference])
    evidence = opened.evidence("Moka Pot", "A pot of aluminium.", influence=True)
    assert_type(evidence, Evidence)
    assert_type([claim.support for claim in evidence.claims or ()], list[str])
    assert_type([place.title for span in evidence.spans for place in span.places], list[str])
    assert_type([one.score for one in evidence.influence or ()], list[float])
    assert_type(opened.describe_file("titles.csv", Path("texts.csv")), DescribedFile)
    evaluation = opened.evaluate(max_products=50, on_progress=lambda done, total: print(done / total))
    assert_type(evaluation, Evaluation)
    assert_type(evaluation.measures["bits_per_byte"].interval, "tuple[float, float] | None")
    assert_type(opened.export("exported", "gguf"), Path)

try:
    workspace.open_run("second")
except shelftalk.errors.NotFound as error:
    assert_type(error.exit_code, int)
except shelftalk.ShelftalkError:
    raise

shelftalk.Workspaces  # type: ignore[attr-defined]  # noqa: B018
workspace.prepare("a.csv")  # type: ignore[call-arg]
workspace.train("mine", "first", on_progress=lambda done: None)  # type: ignore[arg-type, misc]
run.describe(7)  # type: ignore[arg-type]
run.describe("Moka Pot", {"cups": 3})  # type: ignore[dict-item]
run.describe("Moka Pot", None, True)  # type: ignore[call-arg]
catalogue.kept = 7  # type: ignore[misc]
