"""Replace what a description claims and nothing in its prompt states by plain sentences of its attributes.

A model that learns claims that its prompt does not hold learns to invent (Kang et al. 2024, arXiv 2403.05612). Messy
catalogues have many: prices, guarantees, praise, and specifications of which the row lacks half. What is left is short
and plain, and what a shop can stand by.
"""

from __future__ import annotations

from dataclasses import replace

from shelftalk.claims.find import UNSUPPORTED, Claim, find_claims
from shelftalk.claims.told import attributes_told
from shelftalk.records import Product
from shelftalk.sentences import split_sentences
from shelftalk.training.plain import plain_sentences

ENGLISH = "en"  # the only language in which there are plain sentences to put in the place of what is left out


def supported_example(product: Product) -> Product:
    """Return the product with a description of which title and attributes state every claim.

    The sentences with other claims are left out. If there were any, the attributes that the rest does not tell follow
    in plain sentences; where no sentence is left, the title comes first.
    """
    claims = find_claims(product.description, product.title, (), product.attributes, language=ENGLISH) or []
    # In people's own texts wrong relations are rare, and mostly paraphrases that the rules misread.
    wrong = [one for one in claims if one.support in UNSUPPORTED and one.kind != "relation"]
    sentences = split_sentences(product.description)
    kept = [text for start, text in sentences if not any(_overlap(one, start, text) for one in wrong)]
    if len(kept) == len(sentences):
        return product
    title = product.title.rstrip(".")
    kept = kept or [f"This is the {title}." if product.attributes else f"{title}."]
    told = attributes_told(" ".join(kept), product.attributes, language=ENGLISH)
    kept += plain_sentences(pair for pair in product.attributes if pair[0] not in told)
    return replace(product, description=" ".join(kept))


def _overlap(claim: Claim, start: int, sentence: str) -> bool:
    return claim.start < start + len(sentence) and claim.end > start
