"""Each rule finds its breaches at their places, finds nothing where there are none, and takes linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.records import Attributes
from shelftalk.rules.check import RULES, Breach, apply_cures, find_breaches
from shelftalk.rules.house_rules import NO_RULES, HouseRules

STYLE = HouseRules(exclamation_marks=False, capitals=False, emoji=False, first_person=False, superlatives=False)
BRITISH, AMERICAN = HouseRules(spelling="British"), HouseRules(spelling="American")


def found(text: str, rules: HouseRules, title: str = "", attributes: Attributes = ()) -> list[tuple[str, str]]:
    """Return the rule and the text of each breach; those of a place hold the text that stands there."""
    breaches = find_breaches(text, rules, title, attributes)
    for one in breaches:
        assert one.rule in RULES
        assert 0 <= one.start <= one.end <= len(text)
        assert one.start == one.end or one.rule == "length" or text[one.start : one.end] == one.found
    return [(one.rule, one.found) for one in breaches]


def test_without_rules_nothing_is_found() -> None:
    assert find_breaches("WE ARE the BEST!!! \U0001f600", NO_RULES) == []


@pytest.mark.parametrize(
    ("never", "text", "words"),
    [
        (["cheap"], "Cheap, CHEAP and dirt-cheap; cheaper is no cheapskate", ["Cheap", "CHEAP", "cheap"]),
        (["guarantee*"], "Guaranteed for life: a guarantee, no warrantee", ["Guaranteed", "guarantee"]),
        (["best ever"], "the best\n  ever lamp, bestever, best of all", ["best\n  ever"]),
        (["best", "best ever lamp"], "the best ever lamp and the best", ["best ever lamp", "best"]),
        (["can"], "You can, you can't and you can’t", ["can"]),
        (["t", "ll"], "It can't, we'll see: a T-shirt", ["T"]),
        (["shop"], "our shop's window, a workshop", ["shop"]),
        (["don't"], "Don't wash; I don ' t know", ["Don't", "don ' t"]),
        (["offre"], "une offre, l'offre, coffre", ["offre", "offre"]),
        (["größe"], "GRÖßE, Große und GRO\u0308ßE", ["GRÖßE", "GRO\u0308ßE"]),
        (["100%", "c++"], "100% wool, 1100% and C++ books", ["100%", "C++"]),
        (["安い"], "これは安いです", ["安い"]),
        (["सस्ता"], "यह सस्ता है, सस्ताई नहीं", ["सस्ता"]),
        (["a.b"], "a.b and axb", ["a.b"]),
    ],
)
def test_words_never_to_use_are_found_in_any_case_and_whole(never: list[str], text: str, words: list[str]) -> None:
    assert found(text, HouseRules(never=tuple(never))) == [("never", word) for word in words]


def test_a_cure_keeps_the_case_of_the_word() -> None:
    rules = HouseRules(instead=(("cheap", "affordable"), ("top-notch", "good")), never=("dear",), spelling="British")
    text = "Cheap and cheap, CHEAP but dear: a Top-notch color."
    breaches = find_breaches(text, rules)
    assert [one.cure for one in breaches] == ["Affordable", "affordable", "AFFORDABLE", "", "Good", "colour"]
    assert apply_cures(text, breaches) == "Affordable and affordable, AFFORDABLE but dear: a Good colour."
    assert apply_cures(text, []) == text
    overlapping = [Breach(0, 5, "never", "Cheap", "Fair"), Breach(0, 9, "never", "Cheap and", "Fair and")]
    assert apply_cures(text, overlapping) == "Fair and cheap, CHEAP but dear: a Top-notch color."


def test_words_that_every_text_has_are_missed() -> None:
    rules = HouseRules(always=("handmade", "handmade soap", "olive oil", "wash*"))
    assert found("Handmade soap of OLIVE oil; washable.", rules) == []
    assert found("Handmade of olives", rules) == [("always", one) for one in ("handmade soap", "olive oil", "wash*")]


def test_lengths_are_counted_and_the_rest_is_the_place() -> None:
    text = "One two three four five"
    assert find_breaches(text, HouseRules(fewest_words=5, most_words=5, most_characters=23)) == []
    assert find_breaches(text, HouseRules(fewest_words=6)) == [
        Breach(23, 23, "length", "5 words, and at least 6 are wanted")
    ]
    assert find_breaches(text, HouseRules(most_words=3, most_characters=20)) == [
        Breach(14, 23, "length", "5 words, and at most 3 are wanted"),
        Breach(20, 23, "length", "23 characters, and at most 20 are wanted"),
    ]


@pytest.mark.parametrize(
    ("rule", "text", "words"),
    [
        ("exclamation", "Hurry!! It is soft! ¡Hola！", ["!!", "!", "！"]),
        ("capitals", "BUY NOW. A USB LED lamp; THIS IS A BARGAIN", ["BUY NOW", "THIS IS A BARGAIN"]),
        ("capitals", "IKEA shelf. NATO stamp. DON'T WASH IT HOT", ["DON'T WASH IT HOT"]),
        ("capitals", "ONE word, PVC and MDF, XR-200 GT5, Part II, C D, ÄÖ", []),
        (
            "emoji",
            "Soft \U0001f600\U0001f44d\U0001f3fd and 1\ufe0f\u20e3 \u2764\ufe0f",
            ["\U0001f600\U0001f44d\U0001f3fd", "1\ufe0f\u20e3", "\u2764\ufe0f"],
        ),
        ("emoji", "© ® ™ ✓ → ★ ♀ 20 °C ½ … “quoted” ♪ #1 *", []),
        (
            "first_person",
            "We love it. I’m glad: our cat and I do. Let's go with us!",
            ["We", "I’m", "our", "I", "Let's", "us"],
        ),
        ("first_person", "When I wear it, it is mine; give it to me or my dog.", ["I", "mine", "me", "my"]),
        (
            "first_person",
            "Who Moved My Cheese? Type I, Part I of the US book. World War I began. Elizabeth I was a queen.",
            [],
        ),
        ("first_person", "A class I laser from a coal mine, i.e. ME and USA, welcome, hour, pick-me-up.", []),
        (
            "superlative",
            "The best, finest and most comfortable of all; unbeatable.",
            ["best", "finest", "most comfortable", "unbeatable"],
        ),
        (
            "superlative",
            "Our softest rug. Softest of all. The world's most loved lamp.",
            ["softest", "Softest", "most loved"],
        ),
        (
            "superlative",
            "An honest forest harvest suggests interest in a chest, vest, test and armrest in the West.",
            [],
        ),
        (
            "superlative",
            "Most homes like most of it. Best before May. It works best at most. At the widest point. In Budapest. "
            "9 keys, the largest 10 mm.",
            [],
        ),
    ],
)
def test_a_breach_of_style_is_found_and_no_other(rule: str, text: str, words: list[str]) -> None:
    assert [one for one in found(text, STYLE) if one[0] == rule] == [(rule, word) for word in words]


@pytest.mark.parametrize(
    ("text", "title", "attributes"),
    [
        ("Yahtzee! is a game of dice.", "Yahtzee! Classic", ()),
        ("A USB-C LED lamp, and an AXON TREK bag", "Lamp", (("type", "USB-C LED"), ("brand", "AXON TREK"))),
        ("My Little Pony and Despicable Me on a cup.", "My Little Pony Cup", (("film", "Despicable Me"),)),
        ("The Greatest Showman on disc, the most wanted film.", "The Greatest Showman", (("note", "Most Wanted"),)),
        ("A card with \U0001f600 on it.", "Card \U0001f600", ()),
    ],
)
def test_what_title_or_attributes_state_is_no_breach(text: str, title: str, attributes: Attributes) -> None:
    assert found(text, STYLE, title, attributes) == []
    assert found(text, STYLE) != []


def test_what_the_rules_ask_for_is_no_breach_of_style() -> None:
    rules = HouseRules(exclamation_marks=False, first_person=False, ends_with=("Made in our workshop!",))
    assert found("A mug. Made in our workshop!", rules) == []
    assert found("A mug of our own! Made in our workshop!", rules) == [("first_person", "our"), ("exclamation", "!")]


@pytest.mark.parametrize(
    ("rules", "text", "cured"),
    [
        (
            BRITISH,
            "Gray color: a moisturizer, organized in 5 meters of jewelry",
            "Grey colour: a moisturiser, organised in 5 metres of jewellery",
        ),
        (
            BRITISH,
            "a parking meter beside a bike tire, which does not tire you",
            "a parking meter beside a bike tyre, which does not tire you",
        ),
        (BRITISH, "a 10-meter hose, 30 centimeters of fiber", "a 10-metre hose, 30 centimetres of fibre"),
        (
            AMERICAN,
            "Aluminium tyres of 5 metres, THEATRE and colourful watercolours",
            "Aluminum tires of 5 meters, THEATER and colorful watercolors",
        ),
        (
            AMERICAN,
            "a three-storey dolls' house, cosy pyjamas, moulded",
            "a three-story dolls' house, cozy pajamas, molded",
        ),
    ],
)
def test_the_other_spelling_is_found_and_cured(rules: HouseRules, text: str, cured: str) -> None:
    breaches = find_breaches(text, rules)
    assert apply_cures(text, breaches) == cured
    assert find_breaches(cured, rules) == []
    assert {one.rule for one in breaches} == {"spelling"}


def test_names_and_stated_words_keep_their_spelling() -> None:
    text = "A print of the Rockefeller Center in Pearl Harbor, of exercise, size, prize and wise advice. A gray tile."
    assert found(text, BRITISH, attributes=(("colour", "gray"),)) == []
    assert found(text, BRITISH) == [("spelling", "gray")]
    assert (
        found(
            "Program the theatre: humorous, vigorous, laborious, surprise, promise, televise, compromise, advertise.",
            BRITISH,
        )
        == []
    )


@pytest.mark.parametrize("name", ["brand", "Maker", "MANUFACTURER", "Vendor"])
def test_the_brand_must_be_named_where_there_is_one(name: str) -> None:
    rules = HouseRules(brand=True)
    assert found("A mug by ACME & sons.", rules, attributes=((name, "Acme & Sons"),)) == []
    assert found("A mug by Acmes.", rules, attributes=((name, "Acme"),)) == [("brand", "Acme")]
    assert found("A mug.", rules, attributes=(("colour", "Acme"),)) == []


def test_a_text_begins_and_ends_as_the_rules_say() -> None:
    rules = HouseRules(begins_with=("The {title}", "This {Type} is"), ends_with=("Made of {material}", "Order now."))
    attributes = (("type", "mug"), ("material", "clay"))
    assert found("the  TALL Mug holds. Made of clay!", rules, "Tall Mug", attributes) == []
    assert found("This mug is tall. Order now.", rules, "Tall Mug", attributes) == []
    assert found("The Tall Muggle. Made of clay bricks", rules, "Tall Mug", attributes) == [
        ("begins", "it does not begin with 'The Tall Mug' or 'This mug is'"),
        ("ends", "it does not end with 'Made of clay' or 'Order now.'"),
    ]
    assert found("Anything", HouseRules(begins_with=("The {size} one",)), "Tall Mug", attributes) == []
    assert found("", HouseRules(begins_with=("The",), ends_with=("End",))) == [
        ("begins", "it does not begin with 'The'"),
        ("ends", "it does not end with 'End'"),
    ]
    assert found("Mug {0.__class__}", HouseRules(begins_with=("Mug {0.__class__}",))) == []


EVERYTHING = HouseRules(
    never=("nice word", "i*"),
    always=("no such word",),
    instead=(("cheap", "affordable"),),
    most_words=3,
    exclamation_marks=False,
    capitals=False,
    emoji=False,
    first_person=False,
    superlatives=False,
    spelling="American",
    brand=True,
    begins_with=("The {title}",),
    ends_with=("The end.",),
)
THOUSAND = {
    "words": tuple(f"nice word {number}" for number in range(1000)),
    "beginnings": tuple(f"{'a' * number}{end}*" for number in range(1, 190) for end in "bcdef"),
    "chains": tuple(f"{'a ' * number}{end}" for number in range(1, 98) for end in "bcdefghijk"),
}


@pytest.mark.parametrize("words", THOUSAND)
@pytest.mark.parametrize(
    "text",
    ["nice word ", "a ", "a", f"{'a' * 190} ", "!", ".", "I'", "AB ", "\U0001f600\ufe0f\u200d", "\ufe0f", " ", "most "],
)
def test_hostile_texts_and_word_lists_take_linear_time(text: str, words: str) -> None:
    rules = HouseRules(never=THOUSAND[words], always=THOUSAND[words], superlatives=False, emoji=False, capitals=False)
    find_breaches("", rules)  # the list is prepared once
    start = time.process_time()
    find_breaches((text * 50_000)[:50_000], rules)
    find_breaches((text * 50_000)[:50_000], EVERYTHING, text * 50, (("brand", text * 50),))
    assert time.process_time() - start < 8


@given(st.text(max_size=200), st.text(max_size=30), st.sampled_from([EVERYTHING, STYLE, BRITISH]))
def test_places_of_any_text_are_in_it_and_in_order(text: str, title: str, rules: HouseRules) -> None:
    breaches = find_breaches(text, rules, title, (("brand", title),))
    found(text, rules, title, (("brand", title),))
    assert [one.start for one in breaches] == sorted(one.start for one in breaches)
    apply_cures(text, breaches)
