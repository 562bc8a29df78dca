"""The products of the bundled catalogue keep the rules of demo_catalogue/README.md that a program can check."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from demo_catalogue.build import DEPARTMENTS, SOURCES, Product, read_products
from shelftalk.claims.english import find_english as find_claims
from shelftalk.claims.told import attributes_told

PRODUCTS = read_products(SOURCES)
TITLES_ONLY = [one for one in PRODUCTS if not one.attributes]
FULL = {department: [one for one in PRODUCTS if one.department == department] for department in DEPARTMENTS[:-1]}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WORD = re.compile(r"[^\W_]+(?:['’.,/-][^\W_]+)*")

# Words that may stand between the values; the words of the attributes' names and of the type may too.
JOINING = frozenset(
    re.findall(
        "[a-z]+",
        """
    a about across all also an and are around as at be because between both burn burns by carries carry close closes
    come comes cover covers deep dries dry each every fasten fastens fill fills fit fits flower flowers for from get
    give gives good grow grows has have high hold holds in include includes inside into is it its keep keeps know
    last lasts like long made measure measures more need needs of on one only open opens or over per play playing
    plays plus reach reaches run runs serve serves so stand stands suit suits supplied take takes tall than that the
    their them there these they thick this to too under up use uses wash we weigh weighs when which while wide with
    work works you
        """,
    )
)


# What a title does not call by its name: "3 to 6 Months" are ages.
NAMES_OF_FACTS = frozenset(("ages", "book", "brightness", "sizes", "title"))


def told_in_order(attributes: Mapping[str, str], text: str) -> str | None:
    """Return a description without its attributes' values; None unless all stand in it word for word, in order."""
    rest = text.casefold()
    position = 0
    for value in attributes.values():
        found = re.compile(rf"(?<!\w){re.escape(value.casefold())}(?!\w)").search(rest, position)
        if not found:
            return None
        rest = rest[: found.start()] + " " * len(value) + rest[found.end() :]
        position = found.end()
    return rest


def untold_words(attributes: Mapping[str, str], rest: str) -> set[str]:
    """Return the words of a text without its values that are neither joining words nor in the names or the type."""
    names = set(WORD.findall(" ".join(attributes).casefold()))
    plurals = {f"{word}s" for word in names} | {word.removesuffix("s") for word in names}
    type_ = set(WORD.findall(attributes["type"].casefold()))
    return set(WORD.findall(rest)) - JOINING - names - plurals - type_


def numbers(text: str) -> set[str]:
    return set(NUMBER.findall(text))


@pytest.mark.parametrize("department", FULL)
def test_a_description_tells_its_attributes_and_nothing_else(department: str) -> None:
    for one in FULL[department]:
        rest = told_in_order(one.attributes, one.content)
        assert rest is not None, one
        assert not untold_words(one.attributes, rest), one
        assert numbers(one.title) <= numbers(" ".join(one.attributes.values())), one


@pytest.mark.parametrize("department", FULL)
def test_attributes_and_descriptions_have_their_form(department: str) -> None:
    for one in FULL[department]:
        names = list(one.attributes)
        assert 6 <= len(names) <= 9, one
        assert {"type", "use"} <= set(names[:3]), one
        assert names[-2:] == ["good to know", "why we like it"], one
        good, liked = (re.escape(one.attributes[name]) for name in names[-2:])
        assert re.search(rf"\. Good to know: {good}\. We like (it|them) because {liked}\.$", one.content), one
        assert len(re.findall(r"(?:^|\. )The \w+(?: \w+)? (?:is|are) ", one.content)) <= 1, one


def test_a_product_without_attributes_is_told_briefly_by_its_title() -> None:
    assert {one.department for one in TITLES_ONLY} == {DEPARTMENTS[-1]} == {"titles_only"}
    for one in TITLES_ONLY:
        assert 6 <= len(one.content.split()) <= 30, one
        assert numbers(one.content) == numbers(one.title), one
        assert not new_words(one), one
        assert one.content.endswith(".") and "!" not in one.content, one


def new_words(one: Product) -> set[str]:
    """Return the words of a description that are not in the title; inflected ("wooden", "wood") they count as in it."""
    title = {_stem(word) for word in WORD.findall(one.title.casefold())}
    return (
        {word for word in WORD.findall(one.content.casefold()) if _stem(word) not in title} - JOINING - NAMES_OF_FACTS
    )


def _stem(word: str) -> str:
    return word[:4].removesuffix("s")


# Claims that no source states although their texts are true, by the product's title.
EXCEPTIONS = {
    # "It covers the period from birth to age five": the value, "birth to age five", lacks "from".
    "Baby Record Book, Birth to Age Five, 64 Pages": [("from birth", "none")],
    # "UK 10 to 18" in the title does not say that these are sizes.
    "Women's Corduroy Pinafore Dress, Rust, UK 10 to 18": [("sizes 10", "none")],
}


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_title_and_attributes_state_every_claim_of_the_true_texts(department: str) -> None:
    wrong: dict[str, list[tuple[str, str]]] = {}
    for one in (product for product in PRODUCTS if product.department == department):
        claims = find_claims(one.content, one.title, (), tuple(one.attributes.items()))
        faults = [(claim.text, claim.support) for claim in claims if claim.support in ("none", "contradicted")]
        wrong |= {one.title: faults} if faults else {}
    assert wrong == {title: faults for title, faults in EXCEPTIONS.items() if title in wrong}


@pytest.mark.parametrize("department", FULL)
def test_the_true_texts_tell_all_attributes(department: str) -> None:
    for one in FULL[department]:
        assert attributes_told(one.content, tuple(one.attributes.items()), language="en") == list(one.attributes), one
