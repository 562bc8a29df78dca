"""`shelftalk review` as a user types it: counts, accepting and rejecting, and one line for each user error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelftalk.review.accepted import accepted_texts, all_accepted
from shelftalk.review.outputs import find_output, list_outputs
from shelftalk.runs.run import Run
from shelftalk.workspace import read_json, sha256, write_json
from tests.shell import Shell
from tests.test_cli_generate import generate, write_titles


def test_texts_are_accepted_and_rejected_by_id_and_all_at_once(trained: Shell, copied_run: Run, tmp_path: Path) -> None:
    source, texts = write_titles(tmp_path / "titles.jsonl", 4), tmp_path / "out.csv"
    trained.json(*generate(source, texts, "--references", 0))
    review = ["review", "pegs", "--texts", texts]
    counts = trained.json(*review)
    assert (counts["texts"], counts["undecided"], counts["accepted"]) == (4, 4, 0)
    assert counts["decisions"] == str(texts) + ".decisions.jsonl"
    counts = trained.json(*review, "--accept", "Oak peg 0 cm, Oak peg 2 cm", "--reject", "Oak peg 1 cm", "--by", "Ana")
    assert (counts["accepted_now"], counts["rejected_now"], counts["undecided"]) == (2, 1, 1)
    code, out, _ = trained(*review, "--accept", "all")
    assert code == 0
    assert out.startswith("Now 1 accepted and 0 rejected.\n4 texts: 3 accepted, 0 edited, 1 rejected, 0 undecided (0")
    assert trained.json(*review, "--accept", "clean")["accepted_now"] == 0

    output = find_output(copied_run, texts)
    accepted = accepted_texts(output)
    assert [(one.line, one.uid, one.title) for one in accepted] == [
        (1, "", "Oak peg 0 cm"),
        (3, "", "Oak peg 2 cm"),
        (4, "", "Oak peg 3 cm"),
    ]
    assert output.input_sha256 == sha256(source)
    assert [one.title for one in all_accepted(copied_run)][:3] == [one.title for one in accepted]


def test_each_mistake_gets_one_line(trained: Shell, tmp_path: Path) -> None:
    source, texts = write_titles(tmp_path / "titles.jsonl", 2), tmp_path / "out.jsonl"
    trained.json(*generate(source, texts, "--references", 0))
    review = ["review", "pegs", "--texts"]
    assert "There is no file" in trained.mistake(*review, tmp_path / "none.csv")
    assert "has no text of nobody, 7;" in trained.mistake(*review, texts, "--accept", "nobody, 7")
    assert "--accept names no product" in trained.mistake(*review, texts, "--accept", " , ")
    assert trained.json(*review, texts, "--accept", "Oak peg 0 cm\nOak peg 1 cm\n")["accepted_now"] == 2
    assert "is no output of run 'pegs'" in trained.mistake(*review, source)
    moved = texts.rename(tmp_path / "moved.jsonl")
    assert trained.json(*review, moved)["texts"] == 2
    moved.rename(texts).write_text(texts.read_text().replace("Oak", "oak"))
    assert "was changed since run 'pegs' wrote it" in trained.mistake(*review, texts)


def test_of_two_outputs_with_the_same_bytes_the_record_of_the_given_path_counts(
    trained: Shell, copied_run: Run, tmp_path: Path
) -> None:
    source = write_titles(tmp_path / "titles.jsonl", 1)
    spaced = tmp_path / "spaced.jsonl"
    spaced.write_text(source.read_text().replace(":", ": "))
    assert sha256(spaced) != sha256(source)
    for name, one in (("a", source), ("b", spaced), ("c", source)):
        trained.json(*generate(one, tmp_path / f"{name}.csv", "--references", 0))
    assert sha256(tmp_path / "a.csv") == sha256(tmp_path / "b.csv") == sha256(tmp_path / "c.csv")
    for name, one in (("a", source), ("b", spaced), ("c", source)):
        assert find_output(copied_run, tmp_path / f"{name}.csv").input_sha256 == sha256(one)


@pytest.mark.parametrize("job", ["5", "[]", "{}", "null"])
def test_a_record_without_its_job_is_no_output(trained: Shell, copied_run: Run, tmp_path: Path, job: str) -> None:
    texts = tmp_path / "out.csv"
    trained.json(*generate(write_titles(tmp_path / "titles.jsonl", 1), texts, "--references", 0))
    record = next(
        path for path in (copied_run.folder / "generated").glob("*.json") if read_json(path)["output"] == str(texts)
    )
    write_json(record, {**read_json(record), "job": json.loads(job)})
    assert str(texts) not in [str(one.path) for one in list_outputs(copied_run)]
