"""The commands in the README work, and everything that it lists exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from shelftalk.cli.app import app
from shelftalk.cli.main import run
from shelftalk.presets import preset_names
from tests.conftest import ROOT, write_catalogue_file

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \.venv/bin/shelftalk (.+)$", README, flags=re.MULTILINE)


@pytest.mark.kill
def test_the_commands_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every command unchanged on a small CSV; the tiny model replaces Gemma to save minutes."""
    monkeypatch.chdir(tmp_path)
    rows = write_catalogue_file(tmp_path / "rows.jsonl", 24)
    import json

    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    table = "title,description\n" + "".join(f'"{row["title"]}","{row["content"]}"\n' for row in lines)
    (tmp_path / "products.csv").write_text(table)
    export = [f"peg-{number},Oak peg {number} cm," for number in range(40, 44)]
    (tmp_path / "products_export.csv").write_text("\n".join(["Handle,Title,Body (HTML)", *export, ""]))
    assert [shlex.split(command)[0] for command in COMMANDS] == [
        "prepare",
        "train",
        "index",
        "ask",
        "evaluate",
        "generate",
        "generate",
        "review",
        "publish",
        "train",
        "explain",
        "export",
    ]
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "train":
            words += ["--set", "base_model=tiny"]
        if words[0] in ("ask", "evaluate", "generate", "explain"):
            words += ["--max-new-tokens", "8"]
        if words[0] == "review":
            words[words.index("clean")] = "all"  # the tiny model's texts are cut off
        assert run(words) == 0, command
    assert (tmp_path / "workspace" / "runs" / "first" / "adapter" / "manifest.json").is_file()
    assert len((tmp_path / "descriptions.csv").read_text().splitlines()) >= 25


def test_the_two_commands_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)$", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_command_and_preset_is_in_its_table() -> None:
    named = set(re.findall(r"^\| `([a-z-]+)", README, flags=re.MULTILINE))
    commands = {(one.name or one.callback.__name__) for one in app.registered_commands if one.callback}
    assert commands | set(preset_names()) <= named


def test_links_point_to_existing_files() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"
