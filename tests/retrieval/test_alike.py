"""Which search results count as nearly the same."""

import pytest

from shelftalk.retrieval.alike import Group, group

OAK = "A coat peg of solid oak, turned by hand and oiled twice, with a brass screw for any wall."


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (
            ("Oak Coat Peg, 12 cm", f"{OAK} It is 12 cm long."),
            ("Oak Coat Peg, 20 cm", f"{OAK} It is 20 cm long."),
            True,
        ),
        (("Oak Coat Peg", OAK), ("OAK COAT PEG!", OAK.upper()), True),
        (("Blue Kettle", "See the picture."), ("Toy Fire Engine", "See the picture."), False),
        (("Boxes for Toys", "These boxes for toys stack."), ("Boxes for Pens", "These boxes for pens stack."), False),
        (("Oak Coat Peg", OAK), ("Oak Coat Peg", "A hook of brass for the bathroom, polished."), False),
        (("", ""), ("", ""), True),
        (("\u6728\u306e\u7bb1", "\u6728\u306e\u7bb1"), ("\u6728\u306e\u7bb1", "\u6728\u306e\u7bb1"), True),
        (("Peg", "Oak"), ("Peg", "Ash"), False),
    ],
)
def test_alike_are_products_whose_titles_and_descriptions_nearly_agree(one, other, alike):
    groups, _ = group([one, other], 5)
    assert groups == ([Group(0, 1)] if alike else [Group(0, 0), Group(1, 0)])


def test_each_result_counts_for_the_first_it_is_like_and_others_beyond_are_left_out():
    texts = [
        ("Oak Peg", OAK),
        ("Kite", "Red nylon."),
        ("Oak Peg", OAK),
        ("Torch", "For sugar."),
        ("Kite", "Red nylon."),
    ]
    assert group(texts, 2) == ([Group(0, 1), Group(1, 1)], True)
    assert group(texts[:4], 2) == ([Group(0, 1), Group(1, 0)], False)
    assert group([], 3) == ([], False)


def test_a_long_description_is_compared_by_its_beginning_only():
    long = "word " * 200_000
    assert group([("Peg", long), ("Peg", long + "more")], 3)[0] == [Group(0, 1)]
