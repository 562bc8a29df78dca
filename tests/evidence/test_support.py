"""What supports the claims of products' own descriptions: shares by title, by attribute, and by nothing."""

from __future__ import annotations

import json

import pytest

from shelftalk.evidence.claims.support import measure_support
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
    assert found == {
        "products": 2,
        "claims": 5,
        "title": 0.2,
        "attributes": {"material": 0.4},
        "contradicted": 0.2,
        "none": 0.2,
    }


@pytest.mark.parametrize("products", [[], [Product("3", "Peg", "It holds a coat.")]])
def test_without_a_claim_all_shares_are_0(products: list[Product]) -> None:
    assert measure_support(products) == {
        "products": len(products),
        "claims": 0,
        "title": 0,
        "attributes": {},
        "contradicted": 0,
        "none": 0,
    }
