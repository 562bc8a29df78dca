"""Check a generated text: against its sources (`claims.faults`), and against the house rules of its shop."""

from __future__ import annotations

from collections.abc import Sequence

from shelftalk.claims.faults import find_faults
from shelftalk.generation.texts import identify
from shelftalk.prompts import split_request
from shelftalk.records import Faults, Reference
from shelftalk.rules.check import Breach, find_breaches
from shelftalk.rules.house_rules import NO_RULES, HouseRules, rules_text


def check_text(
    text: str, request: str, references: Sequence[Reference], rules: HouseRules = NO_RULES, *, language: str
) -> Faults:
    """Return what is wrong with a text that was written for a request; see `claims.faults` and `rules.check`.

    References support the claims of a product without attributes only: where attributes say what is known of a product,
    what stands in another product's text is no support. Claims in a `language` without rules for them are not checked.
    """
    _, attributes = split_request(request)
    faults = find_faults(text, request, () if attributes else references, language=language)
    if rules == NO_RULES:
        return faults
    breaches = find_breaches(text, rules, *split_request(request))
    places = [one.start for one in breaches if one.end > one.start]
    first = min([*places, *([] if faults.first is None else [faults.first])], default=None)
    return faults._replace(broken=[told(one) for one in breaches], first=first)


def identify_rules(rules: HouseRules) -> str:
    """Return what identifies house rules; '' where there are none."""
    return identify(rules_text(rules)) if rules != NO_RULES else ""


def told(breach: Breach) -> str:
    """Return a breach in a few words: the rule, and what was found."""
    cure = f" -> {breach.cure}" if breach.cure else ""
    return f"{breach.rule}: {breach.found}{cure}"
