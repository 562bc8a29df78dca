"""The README is short, its commands and those of the way from export to import work, and all that docs list exists."""

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
WAY = (ROOT / "docs" / "how_to" / "export_to_import.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (?:\.venv/bin/)?shelftalk (.+)$", README + WAY, flags=re.MULTILINE)
WORDS = 750  # that a person reads in three minutes


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
        "ask",
        "evaluate",
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
            words += [
                "--set",
                "base_model=tiny",
                "--set",
                "seed=1",
                "--set",
                "learning_rate=0.01",
            ]  # writes no control characters
        if words[0] in ("ask", "evaluate", "generate", "explain"):
            words += ["--max-new-tokens", "8"]
        if words[0] == "review":
            words[words.index("clean")] = "all"  # the tiny model's texts are cut off
        assert run(words) == 0, command
    assert (tmp_path / "workspace" / "runs" / "first" / "adapter" / "manifest.json").is_file()
    assert (tmp_path / "products_import.csv").read_text().startswith("Handle,Title,Body (HTML)\n")


def test_it_is_read_in_three_minutes() -> None:
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", README)  # links without their targets
    prose = re.sub(r"^    .*$", "", shown, flags=re.MULTILINE)
    assert len(re.findall(r"[A-Za-z][\w'.-]*", prose)) <= WORDS


def test_the_two_commands_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)$", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_command_and_preset_is_in_its_table() -> None:
    tables = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("commands.md", "training.md"))
    named = set(re.findall(r"^\| `([a-z-]+)", tables, flags=re.MULTILINE))
    commands = {(one.name or one.callback.__name__) for one in app.registered_commands if one.callback}
    assert commands | set(preset_names()) <= named


def test_links_point_to_existing_files() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"
