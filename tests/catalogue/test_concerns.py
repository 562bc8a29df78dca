"""What will teach a model little is said before anything is trained, and nothing is said of a good catalogue."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.concerns import Concern, find_concerns, measure_concerns
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.records import Product

WORDS = [
    *("oak", "ash", "pine", "beech", "elm", "cork", "linen", "wool", "hemp", "brass"),
    *("tin", "copper", "slate", "jute", "cotton", "felt", "clay", "glass", "rope", "chalk"),
]


HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 400)]


def text(number: int) -> str:
    """Return a text of its own for each number."""
    chosen = random.Random(number).sample(WORDS, 8)
    return f"It is made of the {' and '.join(chosen)} for use number {number} in a house."


def products(descriptions: list[str], titles: list[str] | None = None) -> list[Product]:
    given = titles or [f"Peg of {WORDS[number % 20]}" for number in range(len(descriptions))]
    return [
        Product(str(number), title, one) for number, (title, one) in enumerate(zip(given, descriptions, strict=True))
    ]


GOOD = [text(number) for number in range(60)]
GERMAN = "Der Haken ist aus Eiche und hält die Jacke für eine lange Zeit, mit einer Schraube, nicht mit Leim {}."


def kinds(found: list[Concern]) -> list[str]:
    return [one.kind for one in found]


@pytest.mark.parametrize(
    ("kind", "descriptions", "titles"),
    [
        ("short", [f"{WORDS[number % 20]} {WORDS[number // 20]} peg" for number in range(30)] + GOOD[:30], None),
        ("codes", [f"AB-{number:05d}" for number in range(30)] + GOOD[:30], None),
        ("codes", [f"{number}.50" for number in range(60)], None),
        ("titles", [f"Peg of {WORDS[number % 20]}" for number in range(60)], None),
        ("repeated", ["It is a good product of our shop, and you will like it."] * 6 + GOOD[:54], None),
        ("repeated", [text(number // 2) for number in range(60)], None),
        ("near_duplicates", [f"{text(3)} It comes in the colour {WORDS[one % 20]} {one}." for one in range(60)], None),
        (
            "swapped",
            ["A peg of oak"] * 2 + [f"A peg of oak {number}" for number in range(58)],
            [f"{one} {one}" for one in GOOD],
        ),
        ("languages", [GERMAN.format(number) for number in range(20)] + GOOD[:40], None),
        ("long_titles", GOOD, ["Peg " * 250, *(f"Peg {WORDS[number % 20]}" for number in range(59))]),
        ("title_codes", GOOD, [f"SKU-{number:05d}" for number in range(60)]),
    ],
)
def test_what_teaches_little_is_found(kind: str, descriptions: list[str], titles: list[str] | None) -> None:
    found = {one.kind: one for one in measure_concerns(products(descriptions, titles))}
    assert kind in found
    assert found[kind].example and 0 < found[kind].share <= 1


def test_shares_and_examples_are_those_of_the_products() -> None:
    [found] = measure_concerns(products([f"AB-{number:05d}" for number in range(30)] + GOOD[:30]))
    assert found == Concern("codes", 0.5, 30, "AB-00000")
    [found] = measure_concerns(products([GERMAN.format(number) for number in range(15)] + GOOD[:45]))
    assert found == Concern("languages", 0.25, 60, "English 75%, German 25%")


def test_nothing_is_said_of_good_products_and_of_none() -> None:
    assert measure_concerns(products(GOOD)) == []
    assert measure_concerns([]) == []
    assert measure_concerns(products(["A short text.", *GOOD])) == []  # one of sixty


def test_nothing_is_said_of_the_bundled_catalogue(tmp_path: Path) -> None:
    prepare(demo_file(), tmp_path / "catalogue", PrepareSettings())
    assert find_concerns(Catalogue.open(tmp_path / "catalogue")) == []


def test_a_large_catalogue_is_looked_at_in_places_and_grouped_ones_are_not_proposed_to_be_grouped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelftalk.catalogue.concerns.SAMPLE", 50)
    rows = [
        {"title": f"Peg {number}", "content": f"{text(number // 4)} It comes in the colour {WORDS[number % 4]}."}
        for number in range(400)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for setting, expected in (("off", ["near_duplicates"]), ("group", [])):
        prepare(tmp_path / "a.jsonl", tmp_path / setting, PrepareSettings(near_duplicates=setting))
        found = find_concerns(Catalogue.open(tmp_path / setting))
        assert kinds(found) == expected
        assert all(one.products <= 60 for one in found)


@pytest.mark.parametrize("placeholder", ["NULL", "n/a", " - ", "None", "&nbsp;N/A", "nan", "#N/A"])
def test_a_text_that_stands_for_none_is_a_missing_description(tmp_path: Path, placeholder: str) -> None:
    rows: list[dict[str, Any]] = [{"title": f"Peg {number}", "content": text(number)} for number in range(12)]
    rows.append({"title": "Rope", "content": placeholder})
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = prepare(tmp_path / "a.jsonl", tmp_path / "catalogue", PrepareSettings())
    assert summary["rejected"] == {"missing_description": 1}
    assert "Rope" in (tmp_path / "catalogue" / "rejects.jsonl").read_text()


def test_nothing_is_said_of_good_products_in_chinese() -> None:
    texts = [f"{''.join(random.Random(one).sample(HAN, 40))}，承重{one}公斤。" for one in range(40)]
    assert measure_concerns(products(texts, [f"椅子{one}" for one in range(40)])) == []
