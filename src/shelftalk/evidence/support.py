"""Measure on products' own descriptions how they lie to title and attributes, and what to expect of a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.english import look_english
from shelftalk.claims.find import UNSUPPORTED, find_claims, is_checked
from shelftalk.claims.told import places_told
from shelftalk.evidence.words import WORD
from shelftalk.records import Product

SAMPLE = 200  # products: about two seconds
EXAMPLES = 3
AROUND = 40  # characters of a text on both sides of an example
FEW = 1.0  # unsupported claims per 100 words: docs/catalogue.md#which-attributes-matter
EMPTY: dict[str, Any] = {"attributes": {}, "unsupported_kinds": {}, "examples": []}
ORDERED = 0.9  # of the neighbours among the attributes told


def sample_support(catalogue: Catalogue) -> dict[str, Any]:
    """Return `measure_support` of a sample of the catalogue's training products, drawn with a fixed seed."""
    return measure_support(catalogue.sample("train", SAMPLE, seed=0), catalogue.language)


def measure_support(products: Sequence[Product], language: str = "en") -> dict[str, Any]:
    """Return what supports the claims of the products' descriptions in a language, serialisable to JSON.

    Returns:
        `products` and `claims`, their numbers, and shares of these claims: `title`, `none` (nothing supports them),
        `contradicted` (an attribute states something else), and `attributes`, by name, the largest first. They add up
        to 1; without a claim all are 0. `unsupported_per_100_words` and `unsupported_kinds`, their numbers by kind, the
        most first, both without relations; `told`, the share of the attributes that their texts tell, and `in_order`,
        of attributes told one after the other the share in their order (both None without attributes); `examples` of
        unsupported claims, {"title", "before", "claim", "after"}; `language`; and `forecast`: "holds", "mixes",
        "invents" or "unknown", where claims are not checked in the language, or descriptions that are taken as English
        do not look so. Where they are not checked, all that is said of claims is None or empty.
    """
    found = {**_claims(products, language), **_told(products, language), "language": language}
    known = is_checked(language) and (language != "en" or look_english(one.description for one in products))
    return {**found, "forecast": _forecast(found) if known else "unknown"}


def _claims(products: Sequence[Product], language: str) -> dict[str, Any]:
    """Return what `measure_support` says of claims."""
    if not is_checked(language):
        unsaid = ("claims", "title", "contradicted", "none", "unsupported_per_100_words")
        return {"products": len(products), **dict.fromkeys(unsaid), **EMPTY}
    claims = [
        (one, claim)
        for one in products
        for claim in find_claims(one.description, one.title, (), one.attributes, language=language) or ()
    ]
    supports = Counter(claim.support for _, claim in claims)
    attributes = Counter(claim.where for _, claim in claims if claim.support == "attribute")
    # In people's own texts wrong relations are rare, and mostly paraphrases that the rules misread.
    unsupported = [(one, claim) for one, claim in claims if claim.support in UNSUPPORTED and claim.kind != "relation"]
    total, words = max(1, len(claims)), sum(len(WORD.findall(one.description)) for one in products)
    return {
        "products": len(products),
        "claims": len(claims),
        "title": supports["title"] / total,
        "attributes": {name: count / total for name, count in attributes.most_common()},
        "contradicted": supports["contradicted"] / total,
        "none": supports["none"] / total,
        "unsupported_per_100_words": 100 * len(unsupported) / max(1, words),
        "unsupported_kinds": dict(Counter(claim.kind for _, claim in unsupported).most_common()),
        "examples": [
            {
                "title": one.title,
                "before": one.description[max(0, claim.start - AROUND) : claim.start],
                "claim": claim.text,
                "after": one.description[claim.end : claim.end + AROUND],
            }
            for one, claim in unsupported[:: max(1, len(unsupported) // EXAMPLES)][:EXAMPLES]
        ],
    }


def _told(products: Sequence[Product], language: str) -> dict[str, Any]:
    """Return what `measure_support` says of attributes."""
    given = sum(len(one.attributes) for one in products)
    places = [list(places_told(one.description, one.attributes, language=language).values()) for one in products]
    steps = [after >= before for one in places for before, after in pairwise(one)]
    return {
        "told": sum(map(len, places)) / given if given else None,
        "in_order": sum(steps) / len(steps) if steps else None,
    }


def _forecast(found: dict[str, Any]) -> str:
    """Return what a model learns from such texts.

    "holds": to say what stands in the prompt; "mixes": to say that, but of the wrong thing at times, since the texts
    tell attributes in other orders and words; "invents": to say what stands nowhere.
    """
    if found["unsupported_per_100_words"] > FEW:
        return "invents"
    return "mixes" if found["in_order"] is not None and found["in_order"] < ORDERED else "holds"
