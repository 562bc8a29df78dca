"""What supports the claims of products' own descriptions: shares by title, by attribute, and by nothing."""

from __future__ import annotations

import json

import pytest

from shelftalk.evidence.support import measure_support
from shelftalk.records import Product

JUG = Product(
    "1",
    "Jug, 30 cm",
    "It is 30 cm high, made of copper and holds 3 litres. It comes from Oslo.",
    (("material", "copper"), ("capacity", "2 l"), ("lid", "hinged")),
)
CUP = Product("2", "Cup", "It is made of copper.", (("material", "copper"),))


def test_shares_of_the_claims_by_what_supports_them() -> None:
    found = measure_support([JUG, CUP])
    assert json.loads(json.dumps(found)) == found
    assert {name: found[name] for name in ("products", "claims", "title", "attributes", "contradicted", "none")} == {
        "products": 2,
        "claims": 5,
        "title": 0.2,
        "attributes": {"material": 0.4},
        "contradicted": 0.2,
        "none": 0.2,
    }
    assert found["unsupported_kinds"] == {"measure": 1, "name": 1}
    assert found["unsupported_per_100_words"] == pytest.approx(100 * 2 / 21)
    assert found["told"] == 2 / 4
    assert [(one["title"], one["claim"]) for one in found["examples"]] == [
        ("Jug, 30 cm", "3 litres"),
        ("Jug, 30 cm", "Oslo"),
    ]
    assert found["examples"][1]["before"].endswith("It comes from ") and found["examples"][1]["after"] == "."


@pytest.mark.parametrize("products", [[], [Product("3", "Peg", "It holds a coat.")]])
def test_without_a_claim_all_shares_are_0(products: list[Product]) -> None:
    found = measure_support(products)
    assert found["products"] == len(products)
    assert found["claims"] == found["title"] == found["contradicted"] == found["none"] == 0
    assert found["told"] is found["in_order"] is None
    assert (found["examples"], found["attributes"]) == ([], {})


def card(text: str) -> Product:
    return Product("4", "Peg", text, (("material", "oak"), ("length", "9 cm"), ("finish", "oiled")))


def test_the_forecast_follows_from_what_is_told_and_in_which_order() -> None:
    in_order = measure_support([card("It is made of oak, 9 cm long and oiled.")] * 3)
    assert (in_order["told"], in_order["in_order"], in_order["forecast"]) == (1, 1, "holds")
    mixed = measure_support([card("Oiled, 9 cm long, and of oak.")] * 3)
    assert (mixed["told"], mixed["in_order"], mixed["forecast"]) == (1, 0, "mixes")
    assert measure_support([card("It is made of oak in Oslo, for 5 coats.")])["forecast"] == "invents"


def test_a_houses_label_is_no_invented_fact() -> None:
    noted = Product(
        "5",
        "Peg",
        "It is made of oak. Good to know: it fades in the sun.",
        (("material", "oak"), ("note", "it fades in the sun")),
    )
    assert measure_support([noted])["forecast"] == "holds"


def test_of_another_language_nothing_is_forecast() -> None:
    assert measure_support([card("Aus Eiche, 9 cm lang, geölt, aus Oslo.")])["forecast"] == "unknown"
