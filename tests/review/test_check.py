"""Test the checks of texts in a review: what supports a claim, also a reference or a person, and what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shelftalk.review.check import PERSON, Checker
from shelftalk.review.review import Review
from shelftalk.rules.house_rules import HouseRules
from shelftalk.runs.run import Run
from tests.review.outputs import row, write_output


def test_claims_are_supported_by_attributes_references_or_a_person(tmp_path: Path, tiny_run: Run) -> None:
    review = Review(write_output(tmp_path, [row(1), row(2, "ash")]))
    checker = Checker(tiny_run)
    good, wrong = (checker.check(review.texts[number], review.generated(number)) for number in (0, 1))
    assert ([one.support for one in good.claims], good.faults) == (["title", "attribute"], 0)
    assert [(one.text, one.support, one.where) for one in wrong.wrong] == [("oak", "contradicted", "material")]
    assert (wrong.faults, wrong.untold) == (1, ["material"])
    assert (wrong.faults, wrong.untold) == (review.state(1).faults, list(review.texts[1].untold))
    vouched = checker.check(review.texts[1], review.generated(1), ["oak"])
    assert (vouched.faults, vouched.claims[-1].support) == (0, PERSON)

    product = tiny_run.products()[0]
    near = replace(
        review.texts[0], references=[{"uid": product.uid, "title": product.title, "similarity": 0.5}, {"uid": "gone"}]
    )
    assert [one.description for one in checker.references(near)] == [product.description]


def test_a_breach_of_a_house_rule_is_a_fault_with_its_place(tmp_path: Path, tiny_run: Run) -> None:
    review = Review(write_output(tmp_path, [row(1)]))
    found = Checker(tiny_run, HouseRules(instead=(("sanded", "smoothed"),))).check(review.texts[0], review.generated(0))
    assert [(one.rule, one.found, one.cure) for one in found.breaches] == [("never", "sanded", "smoothed")]
    assert found.faults == 1


def test_a_text_of_a_person_is_flagged_as_a_generated_one_is(tmp_path: Path, tiny_run: Run) -> None:
    review = Review(write_output(tmp_path, [row(1), row(3)]))
    checker = Checker(tiny_run)
    assert checker.check(review.texts[1], "").flag == "empty"
    assert checker.check(review.texts[0], "a peg for you " * 9).flag == "repetitive"
    assert checker.check(review.texts[0], "An oak peg.").faults == 0
