"""Count what is wrong with a text that was written for a request: the choice among several texts of `--grounded`."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.evidence.claims.find import count_unsupported
from shelftalk.evidence.claims.told import attributes_told
from shelftalk.prompts import split_request
from shelftalk.records import Reference


def count_faults(text: str, request: str, references: Sequence[Reference]) -> int:
    """Count the claims of `text` that are unsupported or contradicted, and the request's attributes that it leaves out.

    `request` is the title or question with the attributes, see `prompts.request_for`.
    """
    query, attributes = split_request(request)
    untold = len(attributes) - len(attributes_told(text, attributes))
    return count_unsupported(text, query, references, attributes) + untold
