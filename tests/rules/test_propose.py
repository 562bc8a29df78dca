"""Rules that the texts of a catalogue keep are proposed with their numbers, and those that texts break are counted."""

from __future__ import annotations

import pytest

from shelftalk.records import Product
from shelftalk.rules.count import count_broken
from shelftalk.rules.house_rules import NO_RULES, HouseRules, parse_rules
from shelftalk.rules.propose import Proposal, proposals_text, propose_rules, with_proposals

COLOURS = ("red", "blue", "green", "white", "black")


def product(number: int, description: str = "", brand: str = "Acme") -> Product:
    text = (
        f"This mug by {brand} holds {number} ml, has a {COLOURS[number % 5]} colour and is grey inside. Wash by hand."
    )
    return Product(str(number), f"Mug {number}", description or text, (("brand", brand),))


CATALOGUE = [product(number) for number in range(200)]


def proposed(products: list[Product]) -> dict[str, Proposal]:
    return {one.rule: one for one in propose_rules(products)}


def test_what_no_text_does_and_what_all_do_is_proposed_with_numbers() -> None:
    found = proposed(CATALOGUE)
    assert list(found) == [
        *("never", "always", "fewest_words", "most_words", "most_characters", "exclamation_marks", "capitals", "emoji"),
        *("first_person", "superlatives", "spelling", "brand", "begins_with", "ends_with"),
    ]
    assert all((one.kept, one.texts) == (200, 200) for one in found.values())
    assert {"buy now", "amazing*"} <= set(found["never"].value)
    assert found["always"].value == (
        *("Wash by hand", "ml, has a", "colour and is grey inside", "This mug by Acme holds"),
    )
    assert found["fewest_words"].value == found["most_words"].value == 18
    assert found["spelling"].value == "British"
    assert found["begins_with"].value == ("This mug by Acme holds",)
    assert found["ends_with"].value == ("Wash by hand.",)
    assert found["brand"].example == CATALOGUE[0].description


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("exclamation_marks", "This mug by Acme is here! Wash by hand."),
        ("capitals", "This mug by Acme is VERY GOOD in grey. Wash by hand."),
        ("emoji", "This mug by Acme is here \U0001f600. Wash by hand."),
        ("first_person", "This mug by Acme is ours. Wash by hand."),
        ("superlatives", "This mug by Acme is the best. Wash by hand."),
    ],
)
def test_what_more_than_a_hundredth_of_the_texts_does_is_no_rule(rule: str, text: str) -> None:
    few = [product(number, text) for number in range(2)] + CATALOGUE[2:]
    found = proposed(few)[rule]
    assert (found.kept, found.texts, found.value) == (198, 200, False)
    assert found.example in text, "what breaks it is the example"
    assert rule not in proposed([product(number, text) for number in range(3)] + CATALOGUE[3:])


def test_words_that_texts_use_are_not_forbidden() -> None:
    products = [product(0, "This amazing mug by Acme: buy now. Wash by hand."), *CATALOGUE[1:]]
    assert not {"buy now", "amazing*"} & set(proposed(products)["never"].value)
    assert "premium" in proposed(products)["never"].value


def test_a_mix_of_spellings_and_texts_of_many_kinds_propose_little() -> None:
    texts = [
        f"{number} pieces of {'gray' if number % 2 else 'grey'} {COLOURS[number % 5]} felt." for number in range(50)
    ]
    products = [Product(str(number), "Felt", text) for number, text in enumerate(texts)]
    assert not {"spelling", "brand", "begins_with", "ends_with"} & set(proposed(products))


def test_a_text_that_begins_with_its_title_is_seen() -> None:
    products = [Product(str(n), f"{COLOURS[n % 5]} mug {n}", f"{COLOURS[n % 5]} mug {n} of clay.") for n in range(40)]
    assert proposed(products)["begins_with"].value == ("{title}",)


def test_of_few_texts_nothing_is_proposed() -> None:
    assert propose_rules(CATALOGUE[:19]) == []
    assert propose_rules([]) == []


def test_the_proposed_file_is_read_as_the_proposals() -> None:
    proposals = propose_rules(CATALOGUE)
    text = proposals_text(proposals)
    rules = parse_rules(text.encode(), "shop.rules.toml")
    assert rules == with_proposals(NO_RULES, proposals)
    assert count_broken(CATALOGUE, rules) == []
    assert text.count("200 of 200 texts keep it") == len(proposals)


def test_taking_proposals_over_keeps_the_words_that_are_there() -> None:
    rules = HouseRules(never=("dear", "premium"), most_words=5, spelling="American")
    taken = with_proposals(rules, [Proposal("never", ("premium", "hurry"), 9, 9), Proposal("most_words", 70, 9, 9)])
    assert taken == HouseRules(never=("dear", "premium", "hurry"), most_words=70, spelling="American")


def test_the_texts_that_break_each_rule_are_counted_with_an_example() -> None:
    rules = HouseRules(never=("red",), always=("handmade", "wash"), most_words=10, brand=True, ends_with=("Bye.",))
    found = count_broken(CATALOGUE, rules)
    assert [(one.rule, one.missing, one.broken, one.by_all) for one in found] == [
        ("never", "", 40, False),
        ("always", "handmade", 200, True),
        ("length", "", 200, True),
        ("ends", "", 200, True),
    ]
    assert found[0].title == "Mug 0"
    assert found[0].example == "…mug by Acme holds 0 ml, has a [red] colour and is grey inside. Wa…"
    assert found[2].example == "18 words, and at most 10 are wanted"
    assert count_broken(CATALOGUE, NO_RULES) == []
    assert count_broken([], rules) == []
