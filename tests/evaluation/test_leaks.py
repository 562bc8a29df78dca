"""Held-out products that repeat training products are found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shelftalk.evaluation.leaks import FIELDS, NEAR, find_leaks, shingles
from shelftalk.records import Product

LONG = "Solid oak with a brass hook, sanded twice and oiled by hand, made to carry a wet winter coat for many years."
WORDS = st.lists(st.sampled_from(["oak", "ash", "peg", "hook", "5", "6"]), min_size=1, max_size=8).map(" ".join)


def product(uid: str, title: str, description: str) -> Product:
    return Product(uid, title, description)


def test_the_same_text_with_other_case_and_punctuation_leaks() -> None:
    held_out = [product("1", "Peg", LONG.upper().replace(",", " -")), product("2", "Shelf", "Quite another text.")]
    [leak] = find_leaks(held_out, [product("9", "Hook", LONG)])
    assert (leak.uid, leak.trained, leak.field, leak.similarity) == ("1", "9", "description", 1.0)


def test_a_word_more_or_less_still_leaks_and_the_nearest_is_named() -> None:
    near = LONG.replace("many years", "years")
    far = LONG.replace("Solid oak with a brass hook, sanded twice", "A peg of ash")
    leaks = find_leaks([product("1", "Peg", LONG)], [product("8", "Hook", near), product("9", "Rail", far)])
    assert [(leak.trained, leak.field) for leak in leaks] == [("8", "description")]
    assert NEAR <= leaks[0].similarity < 1


def test_a_part_of_a_longer_training_text_leaks() -> None:
    longer = f"Now back in stock. {LONG} Ask us for the matching rail, which holds five of them and a shelf besides."
    assert find_leaks([product("1", "Peg", LONG)], [product("9", "Hook", longer)])[0].similarity == 1
    assert find_leaks([product("1", "Peg", longer)], [product("9", "Hook", LONG)]) == []  # it says more


def test_scripts_without_spaces_leak_too() -> None:
    card = "实心橡木挂钉，手工上油两次，可挂湿的冬季大衣，经久耐用，附黄铜螺丝。"
    assert len(find_leaks([product("1", "钉", card)], [product("9", "钩", card.replace("黄铜", "钢"))])) == 1
    assert find_leaks([product("1", "钉", card)], [product("9", "钩", "红色的杯子很大，适合喝茶。")]) == []


def test_titles_leak_too_but_variants_do_not() -> None:
    trained = [product("9", "Oak Peg for Coats, Hand Oiled, 12 cm", "Text.")]
    assert find_leaks([product("1", "Oak peg for coats - hand oiled (12 cm)", LONG)], trained)[0].field == "title"
    assert find_leaks([product("1", "Oak Peg, 13 cm", LONG)], [product("9", "Oak Peg, 12 cm", "Text.")]) == []


def test_a_title_and_a_description_do_not_leak_into_each_other() -> None:
    assert find_leaks([product("1", "Peg", "Oak hook")], [product("9", "Oak hook", "Peg")]) == []


@given(st.lists(st.tuples(WORDS, WORDS), max_size=4), st.lists(st.tuples(WORDS, WORDS), max_size=4))
def test_it_finds_what_comparing_all_with_all_finds(mine: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> None:
    held_out = [product(f"m{number}", *one) for number, one in enumerate(mine)]
    trained = [product(f"t{number}", *one) for number, one in enumerate(theirs)]
    expected = {}
    for one in held_out:
        for field, length in FIELDS.items():
            sides = [shingles(getattr(other, field), length) for other in trained]
            own = shingles(getattr(one, field), length)
            best = max((len(own & side) / len(own | side if length == 1 else own) for side in sides), default=0)
            if best >= NEAR:
                expected[one.uid] = (field, round(best, 3))
    assert {leak.uid: (leak.field, leak.similarity) for leak in find_leaks(held_out, trained)} == expected
