"""Catalogue and vectors made on a cluster have the same bytes as local ones, even if a process is killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shelftalk import pipeline
from shelftalk.catalogue import files
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.retrieval import vectors
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace
from tests.cluster.conftest import TwoNodes
from tests.conftest import write_catalogue_file

SETTINGS = PrepareSettings(test_share=0.2)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if not file.name.startswith(".")}


def test_a_catalogue_is_the_same_to_the_byte(
    two_nodes: TwoNodes,
    kill_later: Callable[[str, float], None],
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 1 << 20)
    source = write_catalogue_file(tmp_path / "pegs.jsonl", 40_000)
    with source.open("a", encoding="utf-8") as file:
        file.write(
            '{"title": "no description"}\nnot JSON\n{"uid": "0000000003", "title": "again", "content": "again"}\n'
        )
    assert source.stat().st_size > 3 * files.BLOCK_BYTES
    pipeline.prepare_catalogue(workspace, source, "here", SETTINGS)
    kill_later("worker", 0)
    pipeline.prepare_catalogue(workspace, source, "there", SETTINGS, cluster=two_nodes.address)
    assert contents(workspace.catalogue("there")) == contents(workspace.catalogue("here"))


def test_vectors_are_the_same_to_the_byte(two_nodes: TwoNodes, tiny_run: Run, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "own")
    shutil.copytree(tiny_run.workspace.root, workspace.root)
    run = Run.open(workspace, "pegs")
    shutil.rmtree(run.index)
    pipeline.index_run(run, cluster=two_nodes.address)
    assert (run.index / vectors.FILE).read_bytes() == (tiny_run.index / vectors.FILE).read_bytes()
