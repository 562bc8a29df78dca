"""The products for the bundled catalogue's second edition keep the rules in demo_catalogue/second_edition/README.md."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from demo_catalogue.build import SOURCES
from shelftalk.evidence.claims.find import find_claims
from shelftalk.evidence.claims.told import attributes_told

FILES = sorted((SOURCES / "second_edition").glob("*.jsonl"))
ROWS = {file.stem: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in FILES}
PRODUCTS = [row for rows in ROWS.values() for row in rows]
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


def told_in_order(row: dict[str, Any]) -> str | None:
    """Return the description without its attributes' values; None unless all stand in it word for word, in order."""
    rest: str = row["content"].casefold()
    position = 0
    for value in row["attributes"].values():
        found = re.compile(rf"(?<!\w){re.escape(value.casefold())}(?!\w)").search(rest, position)
        if not found:
            return None
        rest = rest[: found.start()] + " " * len(value) + rest[found.end() :]
        position = found.end()
    return rest


def joining(row: dict[str, Any]) -> frozenset[str]:
    names = set(WORD.findall(" ".join(row["attributes"]).casefold()))
    plurals = {f"{word}s" for word in names} | {word.removesuffix("s") for word in names}
    return JOINING | names | plurals | set(WORD.findall(row["attributes"]["type"].casefold()))


def test_there_are_640_products_with_different_titles() -> None:
    assert {department: len(rows) for department, rows in ROWS.items()} == dict.fromkeys(ROWS, 40)
    assert len(ROWS) == 16
    assert len({row["title"].casefold() for row in PRODUCTS}) == len(PRODUCTS)


@pytest.mark.parametrize("department", ROWS)
def test_a_description_tells_its_attributes_and_nothing_else(department: str) -> None:
    for row in ROWS[department]:
        assert set(row) == {"title", "attributes", "content"}
        rest = told_in_order(row)
        assert rest is not None, row
        assert set(WORD.findall(rest)) <= joining(row), row
        values = " ".join(row["attributes"].values())
        assert set(NUMBER.findall(row["title"])) <= set(NUMBER.findall(values)), row


@pytest.mark.parametrize("department", ROWS)
def test_attributes_and_descriptions_have_their_form(department: str) -> None:
    for row in ROWS[department]:
        names = list(row["attributes"])
        assert 6 <= len(names) <= 9, row
        assert {"type", "use"} <= set(names[:3]), row
        assert names[-2:] == ["good to know", "why we like it"], row
        assert 40 <= len(row["content"].split()) <= 70, row
        good, liked = (re.escape(row["attributes"][name]) for name in names[-2:])
        assert re.search(rf"\. Good to know: {good}\. We like (it|them) because {liked}\.$", row["content"]), row
        assert len(re.findall(r"(?:^|\. )The \w+(?: \w+)? (?:is|are) ", row["content"])) <= 1, row


# Claims that no source states although their texts are true, by the product's title.
EXCEPTIONS = {
    # "It covers the period from birth to age five": the value, "birth to age five", lacks "from".
    "Baby Record Book, Birth to Age Five, 64 Pages": [("from birth", "none")],
}


@pytest.mark.parametrize("department", ROWS)
def test_title_and_attributes_state_every_claim_of_the_true_texts(department: str) -> None:
    wrong: dict[str, list[tuple[str, str]]] = {}
    for row in ROWS[department]:
        claims = find_claims(row["content"], row["title"], (), tuple(row["attributes"].items()))
        faults = [(one.text, one.support) for one in claims if one.support in ("none", "contradicted")]
        wrong |= {row["title"]: faults} if faults else {}
    assert wrong == {title: faults for title, faults in EXCEPTIONS.items() if title in wrong}


@pytest.mark.parametrize("department", ROWS)
def test_the_true_texts_tell_all_attributes(department: str) -> None:
    for row in ROWS[department]:
        assert attributes_told(row["content"], tuple(row["attributes"].items())) == list(row["attributes"]), row
