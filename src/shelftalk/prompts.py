"""The one template that training and asking share. It knows text only: no tokenizer, no model.

A prompt is a request, an empty line and a cue. The request is a bare title or a question about it; the description
follows the cue directly and ends with the model's end-of-sequence token. The base model, which was never taught the
template, reads the same prompt: the cue is plain English, so that "before" gets a fair chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shelftalk.records import Reference

CUE = "\n\nProduct description:\n"

BETWEEN = "\n\n\n"  # two products
# Of a reference's title and description, and of all together: the longest would fill a model's context alone.
TITLE_CHARACTERS, REFERENCE_CHARACTERS, REFERENCES_CHARACTERS = 200, 1200, 3600

# Half of the products are asked for by bare title, as a catalogue does; the rest as a person would.
REQUESTS = (
    "{title}",
    "{title}",
    "{title}",
    "What is {title}?",
    "Describe {title}.",
    "Tell me about {title}.",
)


def prompt_for(request: str) -> str:
    """Return the prompt for a title or a question, its outer white space removed."""
    return request.strip() + CUE


def prompt_with_references(request: str, references: Sequence[Reference]) -> str:
    """Return the prompt for a title or a question with references before it, each as training laid it out.

    The nearest stands last, where a model heeds it most; the farthest are left out where all would be too long. What
    follows the prompt may go on to further products: see `first_description`.
    """
    prompt = prompt_for(request)
    room = REFERENCES_CHARACTERS
    for one in references:
        shown = f"{prompt_for(one.title[:TITLE_CHARACTERS])}{one.description[:REFERENCE_CHARACTERS]}{BETWEEN}"
        room -= len(shown)
        if room < 0:
            break
        prompt = shown + prompt
    return prompt


def first_description(text: str) -> tuple[str, bool]:
    """Return the description that `text` begins with, and whether anything was cut off behind it.

    A model that was shown several products ends a description by beginning the next one, and a description of a
    catalogue holds no empty line.
    """
    first, cut, _ = text.strip().partition("\n\n")
    return first.rstrip(), bool(cut)


def training_request(uid: str, title: str) -> str:
    """Return the form in which training asks for a product, chosen by a hash of `uid`."""
    choice = int.from_bytes(hashlib.blake2b(uid.encode(), digest_size=8).digest(), "big") % len(REQUESTS)
    return REQUESTS[choice].format_map({"title": title})
