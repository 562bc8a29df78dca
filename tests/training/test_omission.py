"""Attributes are left out of training examples together with what the descriptions say of them."""

from __future__ import annotations

import re
from dataclasses import replace

from demo_catalogue.build import SOURCES, read_products
from shelftalk.records import Product
from shelftalk.training.omission import OPENING_SHARE, SHARE, TITLE_SHARE, leave_out

PEG = Product(
    "1",
    "Oak Peg",
    "This oak peg is for hats. It is 9 cm long and made of oak. It weighs 80 g. Good to know: screws are extra.",
    (
        ("type", "peg"),
        ("use", "hats"),
        ("length", "9 cm"),
        ("material", "oak"),
        ("weight", "80 g"),
        ("good to know", "screws are extra"),
    ),
)


def of(number: int) -> Product:
    return Product(str(number), PEG.title, PEG.description, PEG.attributes)


def test_what_the_title_says_is_left_out_of_the_prompt_alone() -> None:
    shown = [leave_out(of(number), 42) for number in range(2000)]
    short = [one for one in shown if "material" not in dict(one.attributes)]
    assert abs(len(short) / 2000 - TITLE_SHARE) < 0.04
    for one in shown:
        assert ("type" in dict(one.attributes)) == ("material" in dict(one.attributes))  # the title is "Oak Peg"
        assert "oak" in one.description
        assert leave_out(of(int(one.uid)), 42) == one
    assert [one.attributes for one in shown] != [leave_out(of(number), 43).attributes for number in range(2000)]


def test_a_seeded_quarter_loses_attributes_and_the_sentences_that_tell_them() -> None:
    shown = [leave_out(of(number), 42) for number in range(2000)]
    without_weight = [one for one in shown if "weight" not in dict(one.attributes)]
    assert abs(len(without_weight) / 2000 - SHARE * 4 / 7) < 0.03  # of the 7 choices among 3 sentences 4 have it
    for one in shown:
        names = dict(one.attributes)
        assert ("length" in names) == ("9 cm" in one.description)
        assert ("weight" in names) == ("80 g" in one.description)
        assert ("good to know" in names) == ("screws are extra" in one.description)


def test_an_opening_is_left_out_and_its_subject_begins_the_next_sentence() -> None:
    shown = [leave_out(of(number), 42) for number in range(2000)]
    begun = [one for one in shown if not one.description.startswith("This oak peg is for hats.")]
    assert 0 < len(begun) / 2000 <= OPENING_SHARE + 0.03  # not where the second sentence was left out, too
    for one in begun:
        assert one.description.startswith(("This oak peg is 9 cm long", "This oak peg weighs 80 g"))
    assert all(("use" in dict(one.attributes)) == ("hats" in one.description) for one in shown)
    fronted = replace(PEG, description="For hats, this oak peg weighs 80 g.")
    found = {leave_out(replace(fronted, uid=str(number)), 42).description for number in range(100)}
    assert found == {fronted.description, "This oak peg weighs 80 g."}


def test_what_cannot_be_shortened_stays_as_it_is() -> None:
    for number in range(100):
        bare = Product(str(number), "Oak Peg", PEG.description)
        assert leave_out(bare, 42) == bare
        single = Product(str(number), "Oak Peg", "An oak peg of 9 cm", (("length", "9 cm"),))
        assert leave_out(single, 42) == single


def test_parts_of_a_title_do_not_state_a_value() -> None:
    scale = Product("1", "Scale, 50 kg, 95 g", "It reads 50 g.", (("accuracy", "50 g"),))
    assert all(leave_out(replace(scale, uid=str(number)), 42).attributes for number in range(100))


def test_of_the_bundled_catalogue_no_text_tells_what_its_prompt_does_not_hold() -> None:
    changed = 0
    for one in read_products(SOURCES):
        whole = Product(one.uid, one.title, one.content, tuple(one.attributes.items()))
        shown = leave_out(whole, 42)
        changed += shown != whole
        for _, value in set(whole.attributes) - set(shown.attributes):
            stated = rf"(?<!\w){re.escape(value)}(?![\w.])"
            if not re.search(stated, shown.title, re.IGNORECASE):
                assert not re.search(stated, shown.description), (value, shown.title, shown.description)
    assert 350 < changed < 520
