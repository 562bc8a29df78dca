"""Write a plain text of a product's short attributes, a sentence for each in order, as a second example to learn from.

A shop's own texts join attributes and paraphrase them. A plain text beside them teaches which value belongs to which
name, also for names that few products have. The line `STYLE` at the end of its request keeps the two kinds apart: a
request without that line still gets a text in the shop's voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from shelftalk.catalogue.english import look_english
from shelftalk.claims.yes_no import affirms, is_yes_no
from shelftalk.records import Product
from shelftalk.training.draws import draw

STYLE = ("writing", "plain")
COUNT = re.compile(r"\d{1,4}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve", re.IGNORECASE)
MEASURE = re.compile(r"(?:up to )?[\d.,/ x-]+(?: to [\d.,]+)?[^\W\d]*", re.IGNORECASE)  # 25 minutes, 30 x 40 cm
VERB = re.compile(
    r"(?:fits|suits|holds|makes|works|needs|comes|takes|includes|contains|runs|lasts|covers)\b", re.IGNORECASE
)
PLURAL = re.compile(r".*[^s\W]s", re.IGNORECASE)
# Names of what a whole product is, not of a part that it has.
PROPERTIES = frozenset(
    (
        *("age", "age range", "country of origin"),
        *("ages", "author", "brand", "care", "category", "color", "colors", "colour", "colours", "dimensions"),
        *("edition", "fabric", "format", "gender", "genre", "language", "manufacturer", "material", "materials"),
        *("model", "origin", "pack", "power", "publisher", "room", "season", "size", "sizes", "style", "subject"),
        *("theme", "type", "use", "uses", "washing"),
    )
)
# Last words of marketplaces' longer names: "Outer Material", "Flat Sheet Width", "Microwave Safe".
NOUNS = frozenset(
    (
        *("capacity", "care", "code", "color", "colour", "depth", "diameter", "group", "height", "id", "length"),
        *("material", "name", "number", "power", "shape", "size", "type", "weight", "width"),
    )
)
ADJECTIVES = frozenset(
    (
        *("adjustable", "available", "compatible", "foldable", "free", "included", "portable", "proof"),
        *("rechargeable", "removable", "required", "resistant", "reversible", "safe", "washable", "waterproof"),
    )
)
NOTHING = ("", "none", "n/a", "na", "not applicable", "-")
SHORT_NAME, LONG_NAME, SHORT_VALUE = 2, 6, 6  # words: longer ones make no simple sentence, and are left out


def plain_examples(products: Sequence[Product], share: float, seed: int) -> list[Product]:
    """Return a seeded `share` of the products, each with its plain text and `STYLE` as last attribute, in their order.

    They have the attributes that the plain text tells. Where no product has attributes, or the descriptions are not in
    English, there are none.
    """
    if not share or not any(one.attributes for one in products):
        return []
    if not look_english(one.description for one in products):  # the sentences below are
        return []
    return [_plain(one) for one in products if draw(one.uid, seed, "plain text") < share * 2**64]


def plain_sentences(attributes: Iterable[tuple[str, str]]) -> list[str]:
    """Return a plain sentence for each attribute whose name and value are short enough for one, in their order."""
    return [_sentence(name, value.rstrip(". ")) for name, value in attributes if _is_short(name, value)]


def _plain(product: Product) -> Product:
    short = tuple(one for one in product.attributes if _is_short(*one))
    text = " ".join(plain_sentences(short)) or f"{product.title.rstrip('.')}."
    return replace(product, description=text, attributes=(*short, STYLE))


def _is_short(name: str, value: str) -> bool:
    """Return whether an attribute makes a simple sentence; a "yes" does so only after an adjective."""
    words = name.lower().split()
    if value.strip(". ").lower() in NOTHING or len(value.split()) > SHORT_VALUE or len(words) > LONG_NAME:
        return False
    if is_yes_no(value, "en"):
        return words[-1] in ADJECTIVES
    return len(words) <= SHORT_NAME or words[-1] in NOUNS or words[-1] == "for" or words[:2] == ["number", "of"]


def _sentence(name: str, value: str) -> str:
    titled = any(word.istitle() for word in name.split())  # as marketplaces write their names
    name = " ".join(word if word.isupper() else word.lower() for word in name.split())
    lower, plural = name.lower(), PLURAL.fullmatch(name) is not None
    *before, last = lower.split()
    if is_yes_no(value, "en"):
        is_not = "is" if affirms(value, "en") else "is not"
        return f"The {' '.join(before)} {is_not} included." if last == "included" and before else f"It {is_not} {name}."
    if lower.startswith("number of "):
        if re.match(r"(?:pack|set|pair|box) of", value, re.IGNORECASE):
            return f"It comes as a {value.lower()}."
        counted = name.partition(" of ")[2]
        return f"It has {value} {counted.removesuffix('s') if value.lower() in ('1', 'one') else counted}."
    if titled and before and last in ADJECTIVES:
        return f"It is {name} ({value})."  # Water Resistant: 3 ATM
    if last == "for" and before:
        return f"It is {name} {value}."
    if titled and value.lower().endswith(f" {lower}"):
        return f"It has {_article(value)} {value}."  # Neck: Round Neck
    if (titled and not VERB.match(name)) or (last in NOUNS and len(before) > 1):
        return f"The {name} {'are' if plural else 'is'} {value}."
    if lower == "included":
        return f"It includes {value}."
    if lower == "feature":
        return f"It {value}."
    if VERB.match(name):
        return f"It {name} {value}."
    if plural and lower not in PROPERTIES:
        return f"It has {value} {name}."
    if lower in PROPERTIES or COUNT.fullmatch(value) or MEASURE.fullmatch(value):
        return f"The {name} {'are' if plural else 'is'} {value}."
    return f"It has {_article(value)} {value} {name}."


def _article(value: str) -> str:
    return "an" if value[0].lower() in "aeiou" else "a"
