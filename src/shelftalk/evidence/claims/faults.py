"""Check a text that was written for a request: for the columns of `generate`, and for the choice of `--grounded`."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.evidence.claims.find import find_claims
from shelftalk.evidence.claims.told import attributes_told
from shelftalk.prompts import split_request
from shelftalk.records import Faults, Reference


def find_faults(text: str, request: str, references: Sequence[Reference]) -> Faults:
    """Return the numbers of claims of `text` without support, and the request's attributes that it leaves out.

    `request` is the title or question with the attributes, see `prompts.request_for`.
    """
    query, attributes = split_request(request)
    supports = [claim.support for claim in find_claims(text, query, references, attributes)]
    told = attributes_told(text, attributes)
    untold = [name for name, _ in attributes if name not in told]
    return Faults(supports.count("none"), supports.count("contradicted"), untold)


def count_faults(text: str, request: str, references: Sequence[Reference]) -> int:
    """Return the number of a text's faults; see `find_faults`."""
    faults = find_faults(text, request, references)
    return faults.unsupported + faults.contradicted + len(faults.untold)
