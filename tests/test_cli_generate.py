"""`shelftalk generate` as a user types it, on the tiny model: formats, kills, Ctrl-C, one line for each user error."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shelftalk.claims.faults import find_faults
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace, lock, read_json
from tests.forks import Command
from tests.shell import Shell
from tests.test_cli import TINY, wait_until

SHORT = ["--max-new-tokens", "24", "--temperature", "0"]


def write_titles(path: Path, count: int) -> Path:
    titles = [f"Oak peg {number} cm" for number in range(count)]
    path.write_text("".join(f'{{"title": "{title}"}}\n' for title in titles) + "[]\n")
    return path


def generate(source: Path, output: Path, *more: object) -> list[object]:
    return ["generate", "pegs", "--input", source, "--output", output, *SHORT, *more]


def test_from_a_file_to_a_file(trained: Shell, copied_run: Run, tmp_path: Path) -> None:
    source = write_titles(tmp_path / "titles.jsonl", 5)
    summary = trained.json(*generate(source, tmp_path / "out.jsonl"))
    assert (summary["rows"], summary["described"], summary["before"]) == (6, 5, 0)
    assert summary["bad_rows"] == {"not_an_object": {"count": 1, "lines": [6]}}
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5, 6]
    trained_on = {product.uid for product in copied_run.products()}
    assert all({one["uid"] for one in row["references"]} <= trained_on for row in rows)
    assert [len(row["references"]) for row in rows] == [3, 3, 3, 3, 3, 0]
    for row in rows[:5]:
        answer = trained.json("ask", "pegs", row["title"], *SHORT)
        assert row["description"] == answer["tuned"]["text"]
        assert [one["uid"] for one in row["references"]] == [one["uid"] for one in answer["references"]]
    again = trained.json(*generate(source, tmp_path / "out.jsonl"))
    assert again == {**summary, "before": 5, "seconds": 0.0, "rows_per_second": None}


def test_what_a_person_reads(trained: Shell, tmp_path: Path) -> None:
    source = write_titles(tmp_path / "titles.jsonl", 3)
    code, out, err = trained(*generate(source, tmp_path / "out.csv", "--references", 0, "--max-new-tokens", 2))
    assert code == 0, err
    first, *rest = out.splitlines()
    assert first.startswith(f"3 of 4 rows described in {tmp_path / 'out.csv'} (")
    assert first.endswith(" rows a second).")
    assert "  1 cannot be described, not an object (line 4)" in rest
    assert "Describing titles.jsonl: done in" in err
    code, out, _ = trained(*generate(source, tmp_path / "out.csv", "--references", 0, "--max-new-tokens", 2))
    assert code == 0
    assert "(as an earlier call left it)" in out
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["title"] for row in csv.DictReader(file)] == ["Oak peg 0 cm", "Oak peg 1 cm", "Oak peg 2 cm", ""]


def write_csv(path: Path, head: str, *rows: str) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_a_run_takes_the_attributes_that_it_knows_from_the_columns_of_the_file(
    copied_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path / "workspace", capsys)
    shutil.copytree(copied_run.workspace.root / "models", shell.root / "models")
    pegs = (f"Peg {n} cm,An oak peg of {n} cm in blue.,oak,{'' if n % 4 else 'blue'}" for n in range(12))
    source = write_csv(tmp_path / "pegs.csv", "title,content,Material,Colour", *pegs)
    shell.json("prepare", source, "--name", "pegs", "--test-share", "0.2")
    shell.json("train", "pegs", "--run", "pegs", *TINY, "--set=epochs=1")
    run = Run.open(Workspace(shell.root), "pegs")
    assert run.known_attributes.names == ["Material", "Colour"]

    titles = write_csv(
        tmp_path / "titles.csv", "Name,material,Weight,price", "Peg 40 cm,ash,2 kg,3", "Peg 41 cm,,2 kg,3"
    )
    command = generate(titles, tmp_path / "out.jsonl", "--references", 0, "--title-field", "Name", "--temperature", 1)
    code, out, err = shell(*command)
    assert code == 0, err
    assert "The input has 1 of the 2 attributes that the run was trained on; not there: Colour." in err
    assert "Used all the same, though it was not trained on them: Weight." in err
    assert run.known_attributes.usual == ["Material"]
    assert "Nearly all products" not in err  # the input has it
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    faults = find_faults(rows[0]["description"], "Peg 40 cm\nMaterial: ash\nWeight: 2 kg", (), language="en")
    assert (rows[0]["unsupported"], rows[0]["contradicted"]) == faults[:2]
    assert (rows[0]["untold"], rows[1]["untold"]) == ("Material; Weight", "Weight")
    assert "  2 without some of their attributes (column untold)\n" in out
    [record] = (run.folder / "generated").glob("*.json")
    assert read_json(record)["job"]["attributes"] == ["material", "Weight"]  # no price

    assert run.known_attributes.order == ["material", "colour"]
    write_csv(titles, "Colour,Name,material", "red,Peg 40 cm,ash", "red,Peg 41 cm,")
    assert "exists and is not this job's output" in shell.mistake(*command)
    (tmp_path / "out.jsonl").unlink()
    code, _, err = shell(*command)
    assert code == 0
    assert "The input has 2 of the 2 attributes that the run was trained on.\n" in err
    mixed = (tmp_path / "out.jsonl").read_text().splitlines()
    (tmp_path / "out.jsonl").unlink()
    write_csv(titles, "Name,material,Colour", "Peg 40 cm,ash,red", "Peg 41 cm,,red")
    assert shell(*command)[0] == 0
    again = (tmp_path / "out.jsonl").read_text().splitlines()
    assert list(map(json.loads, again)) == list(map(json.loads, mixed))  # only the columns' order, as in the file
    assert again != mixed


def has_lines(journal: Path, more_than: int) -> bool:
    return journal.exists() and journal.read_bytes().count(b"\n") > more_than


@pytest.mark.kill
def test_after_ctrl_c_and_a_kill_the_same_command_goes_on(trained: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    source, output, journal = write_titles(folder / "titles.jsonl", 150), folder / "out.csv", folder / "out.csv.journal"
    command, seen = [*generate(source, output), "--workspace", trained.root], 0
    for number, expected in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = Command(command, tmp_path / "streams")
        wait_until(partial(has_lines, journal, seen + 20), process)
        process.send_signal(number)
        assert process.wait() == expected, process.stderr
        if number == signal.SIGINT:
            assert process.stderr.splitlines()[-1] == "Stopped. Run the same command again to go on."
        else:
            assert "rows were done before." in process.stderr
        seen = journal.read_bytes().count(b"\n")
        assert 20 < seen < 151
        assert not output.exists()
    assert trained.json(*generate(source, output))["before"] >= seen - 2
    trained.json(*generate(source, folder / "whole.csv"))
    assert output.read_bytes() == (folder / "whole.csv").read_bytes()
    assert {one.name for one in folder.iterdir()} == {"titles.jsonl", "out.csv", "whole.csv"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"--output": "out.xlsx"}, ["--output must end in .csv, .tsv, .jsonl, .parquet", "out.xlsx"]),
        ({"--output": "no/out.csv"}, ["no folder", "mkdir -p"]),
        ({"--output": "titles.csv"}, ["is the --input"]),
        ({"--input": "none.csv"}, ["There is no file", "none.csv"]),
        ({"--input": "x" * 300}, ["cannot be opened: file name too long"]),
        ({"--output": f"{'x' * 300}.csv"}, ["file name is too long"]),
        ({"--title-field": "Name"}, ["no column 'Name'", "sku, title"]),
        ({"--temperature": "-1"}, ["temperature must be at least 0"]),
        ({"--references": "101"}, ["--references"]),
    ],
)
def test_a_mistake_is_one_line(trained: Shell, tmp_path: Path, arguments: dict[str, Any], words: list[str]) -> None:
    (tmp_path / "titles.csv").write_text("sku,title\n1,Oak peg\n")
    given = {"--input": "titles.csv", "--output": "out.csv", **arguments}
    for option in ("--input", "--output"):
        given[option] = tmp_path / given[option]
    line = trained.mistake("generate", "pegs", *(word for pair in given.items() for word in pair))
    for word in words:
        assert word in line
    assert {one.name for one in tmp_path.iterdir()} == {"titles.csv"}


def test_runs_that_cannot_write_are_named(trained: Shell, tmp_path: Path) -> None:
    source = write_titles(tmp_path / "titles.jsonl", 1)
    assert "no run 'nope'; there are: pegs" in trained.mistake(
        "generate", "nope", "--input", source, "--output", tmp_path / "out.csv"
    )


def test_the_second_of_two_processes_reports_which_one_writes(trained: Shell, tmp_path: Path) -> None:
    source = write_titles(tmp_path / "titles.jsonl", 1)
    with lock(tmp_path / "out.csv", "writing descriptions"):
        code, _, err = trained(*generate(source, tmp_path / "out.csv"))
    assert code == 1
    assert f"out.csv is in use by process {os.getpid()} (writing descriptions)" in err
