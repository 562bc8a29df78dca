"""The one template that training and asking share. It knows text only: no tokenizer, no model.

A prompt is a request, an empty line and a cue. The request is a bare title or a question about it; the description
follows the cue directly and ends with the model's end-of-sequence token. The base model, which was never taught the
template, reads the same prompt: the cue is plain English, so that "before" gets a fair chance.
"""

from __future__ import annotations

import hashlib

CUE = "\n\nProduct description:\n"

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


def training_request(uid: str, title: str) -> str:
    """Return the form in which training asks for a product, chosen by a hash of `uid`."""
    choice = int.from_bytes(hashlib.blake2b(uid.encode(), digest_size=8).digest(), "big") % len(REQUESTS)
    return REQUESTS[choice].format_map({"title": title})
