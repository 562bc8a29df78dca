"""`shelftalk publish` as a user types it: generate, review, publish, and one line for each user error."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.shell import Shell
from tests.test_cli_generate import generate

SHORT = ["--references", 0]


def write_shop(path: Path, count: int) -> Path:
    rows = "".join(f"peg-{number};Oak peg {number} cm;{'By hand.' if number == 1 else ''}\n" for number in range(count))
    path.write_text(f"Our pegs\n\nref;what;Body (HTML)\n{rows}", encoding="utf-8")
    return path


def read(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    return {uid: text for uid, _, text in rows[3:]}


def test_from_a_shops_file_to_the_file_of_its_importer(trained: Shell, tmp_path: Path) -> None:
    source, texts, target = write_shop(tmp_path / "shop.csv", 4), tmp_path / "texts.csv", tmp_path / "import.csv"
    how = ["--title-field", "what", "--id-field", "ref", "--header-line", 3]
    trained.json(*generate(source, texts, *SHORT, *how))
    trained.json("review", "pegs", "--texts", texts, "--accept", "peg-0,peg-1,peg-3")
    # How the file is read is known from generate.
    publish = ["publish", "pegs", "--texts", texts, "--input", source, "--to", target]
    code, out, err = trained(*publish, "--accepted", "--dry-run")
    assert code == 0, err
    assert out.startswith("2 texts would be written (plain); nothing was.\n  1 not written: their rows have a text,")
    assert "peg-0" in out and "peg-3" in out and not target.exists()

    code, out, err = trained(*publish, "--accepted")
    assert code == 0, err
    restore = tmp_path / "import.restore.csv"
    assert out.startswith(
        f"2 texts written to {target} (plain, utf-8).\nThe old texts are in {restore}, which the same"
    )
    with texts.open(encoding="utf-8", newline="") as file:
        generated = {row["ref"]: row["description"] for row in csv.DictReader(file)}
    found = read(target)
    assert (found["peg-1"], found["peg-2"]) == ("By hand.", "")
    assert found["peg-0"].strip() and found["peg-0"] == generated["peg-0"]
    again = trained.json(*publish, "--accepted")
    assert (again["written"], again["kept"], again["left_out"]) == (2, 1, {})

    assert "--accepted is missing: only texts that a person accepted" in trained.mistake(*publish)
    write_shop(source, 3)
    message = trained.mistake(*publish, "--accepted")
    assert "is not the file that the texts were written for" in message and "--by-id" in message
    other = [*publish[:-1], tmp_path / "other.csv", "--accepted", "--by-id", *how]
    code, out, err = trained(*other)
    assert code == 0, err
    assert "  1 not written for rows that the input does not have: peg-3" in out.splitlines()


def test_texts_must_be_accepted_first(trained: Shell, tmp_path: Path) -> None:
    source, texts = write_shop(tmp_path / "shop.csv", 2), tmp_path / "texts.csv"
    trained.json(*generate(source, texts, *SHORT, "--title-field", "what", "--header-line", 3))
    publish = ["publish", "pegs", "--texts", texts, "--input", source, "--to", tmp_path / "to.csv", "--accepted"]
    assert "No text of " in trained.mistake(*publish)
    assert "is no output of run 'pegs'" in trained.mistake(*publish[:3], source, *publish[4:])
