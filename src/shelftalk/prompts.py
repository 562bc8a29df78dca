"""The prompt template of training and generation. It handles text only: no tokenizer, no model.

A prompt is a request, an empty line and a cue. The request is a bare title or a question about it, and one line
"name: value" for each attribute of the product; the description follows the cue directly and ends with the model's
end-of-sequence token. The base model gets the same prompt. It was not trained on the template, so the cue is plain
English: this keeps the comparison fair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shelftalk.records import Attributes, Product, Reference

CUE = "\n\nProduct description:\n"

SEPARATOR = "\n\n\n"  # between two products
# Limits of a reference's title, its description, and all references: a long one alone could fill a model's context.
TITLE_CHARACTERS, REFERENCE_CHARACTERS, REFERENCES_CHARACTERS = 200, 1200, 3600

QUESTIONS = ("What is {title}?", "Describe {title}.", "Tell me about {title}.")
# Half of the requests are a bare title, as in a catalogue; the others are phrased as a person would.
REQUESTS = ("{title}", "{title}", "{title}", *QUESTIONS)


def request_for(text: str, attributes: Attributes = ()) -> str:
    """Return the request for a title or a question about it, with one line for each attribute."""
    return "\n".join([text, *(f"{name}: {value}" for name, value in attributes)])


def split_request(request: str) -> tuple[str, Attributes]:
    """Return the title or question of a request, and its attributes; the inverse of `request_for`."""
    first, *lines = request.split("\n")
    pairs = [line.partition(": ") for line in lines]
    if not all(separator for _, separator, _ in pairs):
        return request, ()  # lines that somebody typed
    return first, tuple((name, value) for name, _, value in pairs)


def request_of(product: Product) -> str:
    """Return the request for a product by its title and attributes."""
    return request_for(product.title, product.attributes)


def prompt_for(request: str) -> str:
    """Return the prompt for a request, without leading and trailing white space."""
    return request.strip() + CUE


def prompt_with_references(request: str, references: Sequence[Reference]) -> str:
    """Return the prompt for a title or a question with references before it, each in the format of training.

    The nearest reference comes last, where it influences a model most; the farthest are left out if all are too long.
    The generated text may continue with further products: see `first_description`.
    """
    prompt = prompt_for(request)
    room = REFERENCES_CHARACTERS
    for one in references:
        shown = f"{prompt_for(one.title[:TITLE_CHARACTERS])}{one.description[:REFERENCE_CHARACTERS]}{SEPARATOR}"
        room -= len(shown)
        if room < 0:
            break
        prompt = shown + prompt
    return prompt


def first_description(text: str) -> tuple[str, bool]:
    """Return the description that `text` begins with, and whether text after it was removed.

    A model with several products in its prompt ends a description by starting the next product. The descriptions of a
    catalogue contain no empty line.
    """
    first, cut, _ = text.strip().partition("\n\n")
    return first.rstrip(), bool(cut)


def training_request(product: Product) -> str:
    """Return the request for a product in training: one of `REQUESTS`, chosen by a hash of its uid, and attributes."""
    return request_for(_phrase(product, REQUESTS), product.attributes)


def question_for(product: Product) -> str:
    """Return a question about a product without its attributes: one of `QUESTIONS`, chosen by a hash of its uid."""
    return _phrase(product, QUESTIONS)


def _phrase(product: Product, forms: Sequence[str]) -> str:
    choice = int.from_bytes(hashlib.blake2b(product.uid.encode(), digest_size=8).digest(), "big") % len(forms)
    return forms[choice].format_map({"title": product.title})
