"""Measure on products' own descriptions which attributes state their claims, so that a shop sees which ones matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shelftalk.evidence.claims.find import find_claims
from shelftalk.records import Product


def measure_support(products: Sequence[Product]) -> dict[str, Any]:
    """Return what supports the claims of the products' descriptions, serialisable to JSON.

    Returns:
        `products` and `claims`, their numbers, and shares of these claims: `title`, `none` (nothing supports them),
        `contradicted` (an attribute states something else), and `attributes`, by name, the largest first. They add up
        to 1; without a claim all are 0.
    """
    claims = [claim for one in products for claim in find_claims(one.description, one.title, attributes=one.attributes)]
    supports = Counter(claim.support for claim in claims)
    attributes = Counter(claim.where for claim in claims if claim.support == "attribute")
    total = max(1, len(claims))
    return {
        "products": len(products),
        "claims": len(claims),
        "title": supports["title"] / total,
        "attributes": {name: count / total for name, count in attributes.most_common()},
        "contradicted": supports["contradicted"] / total,
        "none": supports["none"] / total,
    }
