"""Check a text that was written for a request: for the columns of `generate`, and for the choice of `--grounded`."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.claims.find import UNSUPPORTED, find_claims
from shelftalk.claims.told import attributes_told
from shelftalk.prompts import split_request
from shelftalk.records import Faults, Reference


def find_faults(text: str, request: str, references: Sequence[Reference], *, language: str) -> Faults:
    """Return the claims of `text` without support, their numbers and the first, and the attributes that it leaves out.

    `request` is the title or question with the attributes, see `prompts.request_for`. The numbers are None in a
    language whose claims are not checked.
    """
    query, attributes = split_request(request)
    told = attributes_told(text, attributes, language=language)
    untold = [name for name, _ in attributes if name not in told]
    claims = find_claims(text, query, references, attributes, language=language)
    if claims is None:
        return Faults(None, None, untold)
    supports = [claim.support for claim in claims]
    first = next((claim.start for claim in claims if claim.support in UNSUPPORTED), None)
    return Faults(supports.count("none"), supports.count("contradicted"), untold, first)
