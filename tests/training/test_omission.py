"""Attributes are left out of training examples together with what the descriptions say of them."""

from __future__ import annotations

import re

from demo_catalogue.build import SOURCES, read_products
from shelftalk.records import Product
from shelftalk.sentences import SENTENCE_END
from shelftalk.training.omission import SHARE, leave_out

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


def test_a_seeded_quarter_loses_attributes_and_the_sentences_that_tell_them() -> None:
    shortened = [one for number in range(2000) if (one := leave_out(of(number), 42)) != of(number)]
    assert abs(len(shortened) / 2000 - SHARE) < 0.03
    for one in shortened:
        assert one.description.startswith("This oak peg is for hats.")
        names = dict(one.attributes)
        assert ("length" in names) == ("9 cm" in one.description)
        assert ("weight" in names) == ("80 g" in one.description)
        assert ("good to know" in names) == ("screws are extra" in one.description)
        assert {"type", "use", "material"} <= names.keys()  # the first sentence tells them too
        assert leave_out(of(int(one.uid)), 42) == one
    assert len({one.description for one in shortened}) == 2**3 - 1
    assert [one.uid for one in shortened] != [
        str(number) for number in range(2000) if leave_out(of(number), 43) != of(number)
    ]


def test_what_cannot_be_shortened_stays_as_it_is() -> None:
    for number in range(100):
        bare = Product(str(number), "Oak Peg", PEG.description)
        assert leave_out(bare, 42) == bare
        single = Product(str(number), "Oak Peg", "An oak peg of 9 cm", (("length", "9 cm"),))
        assert leave_out(single, 42) == single


def test_of_the_bundled_catalogue_no_shortened_text_tells_what_its_prompt_does_not_hold() -> None:
    checked = 0
    for one in read_products(SOURCES):
        whole = Product(one.uid, one.title, one.content, tuple(one.attributes.items()))
        shown = leave_out(whole, 42)
        if shown == whole:
            continue
        checked += 1
        left_out = set(whole.attributes) - set(shown.attributes)
        assert left_out
        for _, value in left_out:
            assert not re.search(rf"(?<!\w){re.escape(value)}(?![\w.])", shown.description), (value, shown.description)
        assert set(SENTENCE_END.split(shown.description)) < set(SENTENCE_END.split(whole.description))
    assert 120 < checked < 200
