"""Test decisions on texts: what counts, what stays when the file grows, and what two processes do at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shelftalk.errors import Damaged, UserError
from shelftalk.records import LONGEST_TEXT
from shelftalk.review.decisions import log_beside
from shelftalk.review.review import Review
from shelftalk.rules.house_rules import HouseRules
from tests.review.outputs import open_review, row, write_output

ROWS = [row(1), row(2, "ash"), row(3), row(4), "5,half,open,row,5"]


def states(review: Review) -> list[str]:
    return [review.state(number).decision for number in review.rows]


def test_only_rows_with_a_text_are_reviewed_and_clean_ones_are_known(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    assert [review.keys[number] for number in review.rows] == ["sku-1", "sku-2", "sku-3", "sku-4"]
    assert [review.is_clean(number) for number in review.rows] == [True, False, False, True]  # not of oak; empty
    assert review.select(clean=True) == [0, 3] and review.select(["undecided"], clean=False) == [1, 2]
    assert review.counts() == {
        "texts": 4,
        "clean_undecided": 2,
        "faulty_accepted": 0,
        "undecided": 4,
        "accepted": 0,
        "edited": 0,
        "rejected": 0,
    }
    assert review.texts[1].old == "Old text of 2."


def test_decisions_are_counted_and_say_who_and_what_before_and_after(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.accept([0], "Ana")
    review.edit(1, "  Peg 2 is made of ash. ", 0, "Ana")
    review.reject([3], "Bea")
    assert states(review) == ["accepted", "edited", "undecided", "rejected"]
    assert [review.state(number).text for number in (0, 1)] == [
        "Peg 1 is made of oak. It is sanded by hand.",
        "Peg 2 is made of ash.",
    ]
    lines = [json.loads(line) for line in (tmp_path / "texts.csv.decisions.jsonl").read_text().splitlines()]
    assert [(line["product"], line["decision"], line["who"]) for line in lines] == [
        ("sku-1", "accepted", "Ana"),
        ("sku-2", "edited", "Ana"),
        ("sku-4", "rejected", "Bea"),
    ]
    assert lines[1]["before"].startswith("Peg 2 is made of oak") and lines[1]["after"] == "Peg 2 is made of ash."
    assert lines[0]["when"].endswith("+00:00")
    found = [(text.uid, written, edited) for text, written, edited in review.accepted()]
    assert found == [("sku-1", review.state(0).text, False), ("sku-2", "Peg 2 is made of ash.", True)]


def test_an_edit_that_is_accepted_again_stays_an_edit_and_undo_restores_all(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.edit(0, "Mine.", 0, "Ana")
    before = [(number, review.state(number)) for number in (0, 3)]
    review.accept([0, 3], "Ana")
    assert states(review)[0] == "edited"
    review.reject([0], "Ana")
    assert review.state(0).text == review.generated(0)
    review.restore(before, "Ana")
    assert (states(review), review.state(0).text) == (["edited", *["undecided"] * 3], "Mine.")


def test_another_generated_text_is_to_be_decided_on(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.replace(0, "Peg 1, of oak.", 1, "Ana")
    assert (review.state(0).decision, review.state(0).text) == ("undecided", "Peg 1, of oak.")
    review.accept([0], "Ana")
    assert (review.state(0).decision, review.state(0).text) == ("accepted", "Peg 1, of oak.")


def test_decisions_hold_for_a_longer_file_and_not_for_changed_products(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.accept([0, 3], "Ana")
    review.edit(1, "Peg 2 is made of ash.", 0, "Ana")
    (tmp_path / "texts.csv").unlink()
    longer = [row(7), row(1), row(2, "ash"), row(3), row(4, "elm"), row(8)]
    again = Review(write_output(tmp_path, longer))
    decided = {key: again.state(number).decision for number, key in again.keys.items()}
    assert {key for key, decision in decided.items() if decision != "undecided"} == {"sku-1", "sku-2"}
    assert (decided["sku-1"], decided["sku-2"]) == ("accepted", "edited")  # 4 has another material now
    assert again.counts()["undecided"] == 4


def test_a_claim_that_a_person_vouches_for_makes_a_text_clean(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    assert review.counts()["clean_undecided"] == 2
    review.vouch(1, "oak", 0, "Ana")
    assert (review.state(1).claims, review.is_clean(1), review.counts()["clean_undecided"]) == (("oak",), True, 3)
    review.accept(review.select(["undecided"], clean=True), "Ana")
    again = Review(review.output)
    assert states(again) == ["accepted", "accepted", "undecided", "accepted"]
    assert again.state(1).claims == ("oak",)


def test_texts_are_checked_again_where_the_house_rules_changed(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    assert [review.is_clean(number) for number in review.rows] == [True, False, False, True]
    again = Review(review.output, HouseRules(never=("sanded",)))
    assert [again.state(number).faults for number in again.rows] == [1, 2, 1, 1]
    assert again.counts()["clean_undecided"] == 0


def test_a_product_that_changes_and_changes_back_has_its_decision_again(tmp_path: Path) -> None:
    review = open_review(tmp_path, [row(1)])
    review.accept([0], "Ana")
    review.output.path.unlink()
    changed = Review(write_output(tmp_path, [row(1, "elm")]))
    changed.reject([0], "Bea")
    changed.output.path.unlink()
    assert states(Review(write_output(tmp_path, [row(1)]))) == ["accepted"]


def test_a_rejection_holds_for_the_rejected_text_only(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.replace(0, "Another.", 0, "Ana")
    review.reject([0], "Ana")
    assert states(review)[0] == "rejected"
    log = log_beside(review.output.path).path
    other = log.read_text().replace('"after": "Peg 1 is made of oak. It', '"after": "A text of before. It')
    log.write_text(other)
    assert states(Review(review.output))[0] == "undecided"


def test_products_without_ids_are_known_by_their_titles_and_repeated_ones_are_told_apart(tmp_path: Path) -> None:
    review = open_review(tmp_path, [",Peg 1,oak,", ",Peg 1,oak,", "x,Peg 2,oak,", "x,Peg 4,oak,"])
    assert list(review.keys.values()) == ["Peg 1", "Peg 1 (2)", "x", "x (2)"]


def test_an_id_that_looks_like_that_of_a_repeated_product_keeps_its_decisions(tmp_path: Path) -> None:
    rows = ["x,Peg 1,oak,", "x,Peg 1,oak,", "x (2),Peg 1,oak,", "x,Peg 1,oak,", "x (4),Peg 1,oak,"]
    review = open_review(tmp_path, rows)
    assert list(review.keys.values()) == ["x", "x (3)", "x (2)", "x (5)", "x (4)"]
    review.accept([1], "Ana")
    review.reject(review.find(["x (2)"]), "Ana")
    assert states(Review(review.output)) == ["undecided", "accepted", "rejected", "undecided", "undecided"]


def write_another_text(folder: Path) -> Review:
    """Write the texts again; the one of sku-1 is another, with a claim that nothing supports."""
    (folder / "texts.csv").unlink()
    output = write_output(folder, [row(1)], answer=lambda prompt, tuned: "Peg 1 is made of ash.")
    return Review(output)


def test_what_is_wrong_with_a_text_is_not_that_of_the_text_before_it(tmp_path: Path) -> None:
    review = open_review(tmp_path, [row(1)])
    before = [(0, review.state(0))]
    review.accept([0], "Ana")
    review.restore(before, "Ana")
    again = write_another_text(tmp_path)
    assert (again.state(0).decision, again.state(0).text) == ("undecided", "Peg 1 is made of ash.")
    assert not again.is_clean(0) and again.counts()["clean_undecided"] == 0


def test_a_claim_is_vouched_for_in_its_own_text_only(tmp_path: Path) -> None:
    review = open_review(tmp_path, [row(1, "ash")])
    review.vouch(0, "oak", 0, "Ana")
    vouched = review.state(0).text
    (tmp_path / "texts.csv").unlink()
    again = Review(write_output(tmp_path, [row(1, "ash")], answer=lambda prompt, tuned: "A peg of oak and elm."))
    assert (again.state(0).text, again.state(0).claims, again.is_clean(0)) == (vouched, ("oak",), True)


def test_a_name_that_is_no_unicode_costs_no_decision(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.accept([0], "Jos\udce9")  # as Python gives an argument in Latin-1
    assert (states(review)[0], review.state(0).who) == ("accepted", "Jos\ufffd")


@pytest.mark.parametrize(("text", "match"), [(" \n", "is empty"), ("a" * (LONGEST_TEXT + 1), "50,001 characters")])
def test_a_text_that_cannot_be_published_is_refused(tmp_path: Path, text: str, match: str) -> None:
    review = open_review(tmp_path, ROWS)
    with pytest.raises(UserError, match=match):
        review.edit(0, text, 0, "Ana")
    with pytest.raises(UserError, match="sku-3 is empty"):
        review.accept([2], "Ana")
    assert states(review) == ["undecided"] * 4


def test_half_a_character_in_an_edit_does_no_harm(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.edit(0, "Half \ud83d of one.", 0, "Ana")
    assert Review(review.output).state(0).text == "Half \ufffd of one."


def test_damaged_lines_cost_themselves(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.accept([0], "Ana")
    log = log_beside(review.output.path).path
    first = log.read_text()
    claims = "".join(first.replace('"claims": []', f'"claims": {value}') for value in ("5", "null", '"oak"', "[5]"))
    log.write_text(
        '{"product": 5}\n[1]\n'
        + claims.replace("sku-1", "sku-2")
        + first
        + first.replace("accepted", "forged")
        + '{"product": "sku-4", "decision": "acc'
    )
    again = Review(review.output)
    assert states(again) == ["accepted", "undecided", "undecided", "undecided"]
    again.accept([3], "Bea")  # behind the line that was cut off
    assert states(Review(review.output)) == ["accepted", "undecided", "undecided", "accepted"]


def test_two_reviews_see_each_other_and_the_later_decision_counts(tmp_path: Path) -> None:
    first = open_review(tmp_path, ROWS)
    second = Review(first.output)
    first.accept([0], "Ana")
    second.reject([3], "Bea")
    first.refresh()
    assert states(first) == states(second) == ["accepted", "undecided", "undecided", "rejected"]
    first.accept([3], "Ana")
    second.refresh()
    assert second.state(3) == first.state(3)
    assert (second.state(3).decision, second.state(3).who) == ("accepted", "Ana")
    assert first.counts() == second.counts() == Review(first.output).counts()


@pytest.mark.kill
def test_several_processes_that_append_lose_nothing(tmp_path: Path) -> None:
    output = write_output(tmp_path, [row(10 * number) for number in range(60)])
    program = """
import json, sys
from pathlib import Path
from shelftalk.review.outputs import Output
from shelftalk.review.review import Review
path, texts, who = sys.argv[1:]
review = Review(Output(Path(path), Path(path), Path(texts), {}, ""))
for number in review.rows:
    review.edit(number, f"{who} {number} " + "word " * 2_000, 0, who)
"""
    command = [sys.executable, "-c", program, str(output.path), str(output.texts)]
    writers = [subprocess.Popen([*command, who]) for who in ("Ana", "Bea", "Eva")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    lines = log_beside(output.path).path.read_text().split()  # a blank line is where two began at once
    assert sum('"decision":' in line for line in lines) == 3 * 60
    found = Review(output)
    assert states(found) == ["edited"] * 60
    assert all(found.state(number).text.count("word") == 2_000 for number in found.rows)


@pytest.mark.parametrize("other", ["", "longer"])
def test_a_log_that_was_removed_or_replaced_is_read_from_its_beginning(tmp_path: Path, other: str) -> None:
    review = open_review(tmp_path, ROWS)
    review.accept([0, 1], "Ana")
    log = log_beside(review.output.path).path
    lines = log.read_text().splitlines(keepends=True)
    log.rename(tmp_path / "kept.jsonl")
    if other:
        log.write_text(lines[1] * 3)
    review.reject([3], "Bea")
    assert states(review) == states(Review(review.output))
    assert states(review) == ["undecided", "accepted" if other else "undecided", "undecided", "rejected"]
    assert review.counts() == Review(review.output).counts()


def test_a_file_of_texts_with_other_columns_is_refused(tmp_path: Path) -> None:
    output = write_output(tmp_path, [row(1)])
    pq.write_table(pq.read_table(output.texts).drop_columns(["old"]), output.texts)
    with pytest.raises(Damaged, match="has other columns than this version writes"):
        Review(output)


def test_several_threads_may_use_one_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.generation.texts.ROWS_IN_GROUP", 5)
    output = write_output(tmp_path, [row(10 * number) for number in range(100)])
    program = """
import random, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shelftalk.review.outputs import Output
from shelftalk.review.review import Review
path, texts = map(Path, sys.argv[1:])
review = Review(Output(path, path, texts, {}, ""))
def work(seed):
    chosen = random.Random(seed)
    for step in range(2_000):
        number = chosen.randrange(100)
        assert review.texts[number].title == review.titles[number]
        if step % 100 == 0:
            review.accept([number], str(seed))
with ThreadPoolExecutor(8) as pool:
    list(pool.map(work, range(8)))
assert review.counts() == Review(review.output).counts()
"""
    # In a process of its own: threads that meet within pyarrow end it.
    command = [sys.executable, "-c", program, str(output.path), str(output.texts)]
    assert subprocess.run(command, timeout=100, check=False).returncode == 0


def test_a_copy_elsewhere_needs_its_log_beside_it(tmp_path: Path) -> None:
    review = open_review(tmp_path, ROWS)
    review.accept([0], "Ana")
    (tmp_path / "moved").mkdir()
    for path in (review.output.path, log_beside(review.output.path).path):
        shutil.copy(path, tmp_path / "moved" / path.name)
    moved = Review(replace(review.output, path=tmp_path / "moved" / "texts.csv"))
    assert states(moved)[0] == "accepted"
