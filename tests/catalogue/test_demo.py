"""The demo catalogue in the package."""

from __future__ import annotations

from pathlib import Path

from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings


def test_the_demo_catalogue_is_prepared_with_something_to_clean(tmp_path: Path) -> None:
    summary = prepare(demo_file(), tmp_path / "demo", PrepareSettings())
    assert summary["kept"] >= 300
    assert len(summary["rejected"]) >= 5
    assert min(summary["split"].values()) > 0
