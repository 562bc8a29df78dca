"""Say in which languages the claims of texts are not checked, for every place that shows claims."""

from __future__ import annotations

from shelftalk.catalogue.languages import name_of
from shelftalk.claims.find import is_checked


def not_checked(language: str) -> str | None:
    """Return a sentence for texts in a language without rules for claims, an ISO 639-1 code; None for the others."""
    if is_checked(language):
        return None
    return f"Claims are not checked in this language ({name_of(language)}): there are rules for English and Portuguese."
