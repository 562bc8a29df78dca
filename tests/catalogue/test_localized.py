"""Of texts in several languages one is read; products without it are named as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.localized import find_language, in_language
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings


def texts(**values: str) -> list[dict[str, str]]:
    return [{"language_tag": tag, "value": value} for tag, value in values.items()]


def product(number: int, **more: Any) -> dict[str, Any]:
    """Return a product as the Amazon-Berkeley Objects have it."""
    return {
        "item_id": f"B{number:09d}",
        "item_name": texts(en_US=f"Oak peg {number}", en_GB=f"Oak peg {number}", de_DE=f"Eichenhaken {number}"),
        "bullet_point": [
            *texts(en_US=f"Holds a coat {number}.", de_DE=f"Hält eine Jacke {number}."),
            *texts(en_US=f"Two screws are with it {number}.", de_DE=f"Mit zwei Schrauben {number}."),
        ],
        "brand": texts(en_US="Tern & Tide"),
        "material": texts(en_US="Oak", de_DE="Eiche"),
        "product_type": [{"value": "HOOK"}],
        "node": [{"node_id": 1, "node_name": "/Home"}],
        "country": "US",
        **more,
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [product(number) for number in range(12)]
    rows[3]["product_description"] = texts(en_US="A long text on peg 3.", de_DE="Ein langer Text.")
    rows.append(product(12, item_name=texts(de_DE="Nur ein Haken")))
    rows += [product(number, item_name=texts(en_GB=f"A rope {number}")) for number in (13, 14)]
    path = tmp_path / "listings_0.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_language_of_most_titles_is_read(source: Path, tmp_path: Path) -> None:
    summary = prepare(source, tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"], summary["language"]) == (14, {"other_language": 1}, "en")
    first, *_, fourth = Catalogue.open(tmp_path / "catalogue").products()[:4]
    assert (first.uid, first.title) == ("B000000000", "Oak peg 0")
    assert first.description == "Holds a coat 0. Two screws are with it 0."
    assert first.attributes == (("brand", "Tern & Tide"), ("material", "Oak"), ("product type", "HOOK"))
    assert fourth.description == "A long text on peg 3. Holds a coat 3. Two screws are with it 3."


@pytest.mark.parametrize("language", ["de", "de_DE", "de-de"])
def test_another_language_is_read_on_request(source: Path, tmp_path: Path, language: str) -> None:
    summary = prepare(source, tmp_path / "catalogue", PrepareSettings(language=language))
    assert (summary["kept"], summary["rejected"], summary["language"]) == (13, {"other_language": 2}, "de")
    first = Catalogue.open(tmp_path / "catalogue").products()[0]
    assert (first.title, first.description) == ("Eichenhaken 0", "Hält eine Jacke 0. Mit zwei Schrauben 0.")
    assert first.attributes == (("material", "Eiche"), ("product type", "HOOK"))


def test_plain_cells_stay_as_they_are() -> None:
    row = {"title": "Peg", "sizes": ["S", "M"], "details": [{"name": "width", "value": 3}], "none": None}
    assert find_language(row.values()) == ""
    assert in_language({"title": "Peg", "sizes": ["S", "M"], "none": None}, "en") == {
        "title": "Peg",
        "sizes": ["S", "M"],
        "none": None,
    }
