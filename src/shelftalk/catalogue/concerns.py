"""Look at a prepared catalogue before anything is trained: what in it will teach a model little, or the wrong thing.

The products are a sample of neighbours, since variants of a product mostly stand together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.clean import comparables
from shelftalk.catalogue.languages import language_of, name_of
from shelftalk.catalogue.near_duplicates import near_groups, signatures
from shelftalk.records import Product

SAMPLE = 5_000  # products
FEW_WORDS = 3
MANY = 0.2  # share of the descriptions
REPEATED = 0.05  # share of the descriptions that are one and the same
FEWEST_REPEATS = 5
NEAR = 1 / 3
LANGUAGE = 0.1  # share of the descriptions in a further language
LONG_TITLE = 800  # characters: half of a row of 512 tokens holds about a thousand
SWAPPED = 2  # times as many characters in a title as in a description
LONG_TITLES = 80  # characters
SHORT = 40  # characters: in Chinese a text has one word
# A word, or a letter of a language without spaces.
LETTERS = re.compile(r"[^\W\d_]{3,}|[\u0e00-\u0e7f\u3041-\u9fff\uac00-\ud7a3]")


class Concern(NamedTuple):
    """What may be wrong: its kind, the share of the products (or their number) and an example, which may be ''.

    Kinds are short, repeated, codes, title_codes, titles, swapped, languages, long_titles and near_duplicates.
    """

    kind: str
    share: float
    products: int
    example: str


def find_concerns(catalogue: Catalogue) -> list[Concern]:
    """Return what may be wrong with a catalogue; nothing where all is well.

    Raises:
        Damaged: products.parquet cannot be read.
    """
    products = catalogue.neighbours(SAMPLE)
    grouped = catalogue.summary.get("settings", {}).get("near_duplicates", "off") != "off"
    return [one for one in measure_concerns(products) if one.kind != "near_duplicates" or not grouped]


def measure_concerns(products: Sequence[Product]) -> list[Concern]:
    """Return what may be wrong with the products, which stand in their order."""
    if not products:
        return []
    descriptions, titles = [one.description for one in products], [one.title for one in products]
    texts = comparables(descriptions)
    repeats_title = [text in title for text, title in zip(texts, comparables(titles), strict=True)]
    found = [
        _concern("short", descriptions, [_is_short(one) for one in descriptions]),
        _concern("codes", descriptions, [_is_code(one) for one in descriptions]),
        _concern("title_codes", titles, [_is_code(one) for one in titles]),
        _concern("titles", descriptions, repeats_title),
        _repeated(descriptions, texts),
        _concern("near_duplicates", descriptions, _are_near(texts), NEAR),
    ]
    length = median(map(len, titles))
    if length >= LONG_TITLES and length >= SWAPPED * median(map(len, descriptions)):
        found.append(Concern("swapped", 1.0, len(products), titles[0]))
    found.append(_languages(descriptions))
    found.append(_concern("long_titles", titles, [len(one) > LONG_TITLE for one in titles], least=0))
    kinds = {one.kind for one in found if one}
    # A title again is short, too; of texts that are equal all are nearly so.
    hidden = {"short": {"codes", "titles"}, "near_duplicates": {"repeated"}}
    return [one for one in found if one and not hidden.get(one.kind, set()) & kinds]


def _concern(kind: str, texts: Sequence[str], holds: Sequence[bool], least: float = MANY) -> Concern | None:
    """Return a concern about the texts for which something holds, if they are many; the first is the example."""
    share = sum(holds) / len(texts)
    if share < least or not share:
        return None
    return Concern(kind, share, sum(holds), texts[holds.index(True)])


def _is_short(text: str) -> bool:
    return len(text) <= SHORT and len(text.split()) <= FEW_WORDS


def _is_code(text: str) -> bool:
    """Return whether a text has no word, or is one word with a digit."""
    in_one = " " not in text and text.isascii()
    return not LETTERS.search(text) or (in_one and any(character.isdigit() for character in text))


def _repeated(descriptions: Sequence[str], texts: Sequence[bytes]) -> Concern | None:
    counts = Counter(texts)
    text, most = counts.most_common(1)[0]
    shared = sum(count for count in counts.values() if count > 1)
    if most < max(REPEATED * len(texts), FEWEST_REPEATS) and shared < max(MANY * len(texts), FEWEST_REPEATS):
        return None
    return Concern("repeated", shared / len(texts), shared, descriptions[texts.index(text)])


def _are_near(texts: Sequence[bytes]) -> list[bool]:
    """Return for each text whether another one is nearly equal."""
    _, place, counts = np.unique(near_groups(signatures(texts)), return_inverse=True, return_counts=True)
    near: list[bool] = (counts[place] > 1).tolist()
    return near


def _languages(descriptions: Sequence[str]) -> Concern | None:
    known = Counter(filter(None, map(language_of, descriptions)))
    total = known.total()
    least = max(LANGUAGE * total, FEWEST_REPEATS)
    several = [(code, count / total) for code, count in known.most_common() if count >= least]
    if len(several) < 2:
        return None
    return Concern(
        "languages", 1 - several[0][1], total, ", ".join(f"{name_of(code)} {share:.0%}" for code, share in several)
    )
