"""Find the checkable facts of a description, and check for each whether its title, attributes or references state it.

The method uses rules and word lists, no model, so it is deterministic. The rules are for one language: english.py,
portuguese/. tests/claims/claims.md defines with examples what counts as a claim; benchmarks/claims.py measures
precision and recall.

It does not check whether a claim is true, only whether a source states it. It does not find claims without a number,
a name, a material or a colour ("waterproof", "hand-made"), except where an attribute's value is said of another thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shelftalk.claims.english import find_english
from shelftalk.claims.found import Claim
from shelftalk.claims.portuguese.find import find_portuguese
from shelftalk.records import Attributes, Reference

__all__ = ["UNSUPPORTED", "Claim", "count_unsupported", "find_claims", "is_checked"]

UNSUPPORTED = ("none", "contradicted")  # the support of a claim that no source states
_RULES: dict[str, Callable[[str, str, Sequence[Reference], Attributes], list[Claim]]] = {
    "en": find_english,
    "pt": find_portuguese,
}


def is_checked(language: str) -> bool:
    """Return whether there are rules that find the claims of texts in a language, an ISO 639-1 code."""
    return language in _RULES


def find_claims(
    text: str,
    title: str,
    references: Sequence[Reference] = (),
    attributes: Attributes = (),
    *,
    language: str,
) -> list[Claim] | None:
    """Return the claims of `text` in the order of their positions, without overlaps; None where nothing can be said.

    None is the answer for a `language` without rules (see `is_checked`): its texts are not checked, which is not the
    same as a text without claims. `title` may also be a question. A claim is supported by the first source that states
    all of it: the title, each attribute (its name and value together), then each reference (title and description
    together) in the given order. Values are compared, not spellings.

    Several attributes together may state a size (width and height: 60 x 40 cm). A claim that nothing supports is
    contradicted if an attribute gives another value for the same thing. Attributes also add claims of the kind
    "relation", which replace those that they cover: in English a value that is said of another thing, in both languages
    an attribute that is yes and denied, or no and affirmed.

    References change neither which claims are found nor the support by title and attributes. Time is linear in the
    text's length.
    """
    rules = _RULES.get(language)
    return None if rules is None else rules(text, title, references, attributes)


def count_unsupported(
    text: str, title: str, references: Sequence[Reference], attributes: Attributes = (), *, language: str
) -> int | None:
    """Count the claims of `text` that no source supports or that an attribute contradicts; see `find_claims`."""
    claims = find_claims(text, title, references, attributes, language=language)
    return None if claims is None else sum(claim.support in UNSUPPORTED for claim in claims)
