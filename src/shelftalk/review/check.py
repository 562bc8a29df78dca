"""Check a text that stands in a review, as it was generated or as a person left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from shelftalk.claims.find import UNSUPPORTED, Claim, find_claims
from shelftalk.claims.told import attributes_told
from shelftalk.errors import Damaged, NotFound
from shelftalk.generation.flags import flag
from shelftalk.generation.texts import Text
from shelftalk.records import Description, Reference
from shelftalk.rules.check import Breach, find_breaches
from shelftalk.rules.house_rules import NO_RULES, HouseRules
from shelftalk.runs.run import Run

PERSON = "person"  # the support of a claim that a person vouches for


@dataclass(frozen=True)
class Check:
    """What was found in a text: its claims, where it breaks house rules, its flag, and the attributes it does not tell.

    A claim that nothing supports and a person vouches for has the support `PERSON`. `checked` says whether claims are
    looked for in the text's `language`; where not, there are none.
    """

    language: str
    checked: bool
    claims: list[Claim]
    breaches: list[Breach]
    flag: str
    untold: list[str]

    @property
    def wrong(self) -> list[Claim]:
        """The claims that nothing supports, or that an attribute contradicts."""
        return [one for one in self.claims if one.support in UNSUPPORTED]

    @property
    def faults(self) -> int:
        """The number of wrong claims, of breaches, and of a flag."""
        return len(self.wrong) + len(self.breaches) + bool(self.flag)


class Checker:
    """Checks texts that a run wrote, with the products that were named beside them as references, and house rules."""

    def __init__(self, run: Run, rules: HouseRules = NO_RULES) -> None:
        self._run, self._rules = run, rules
        self._products = lru_cache(maxsize=1024)(self._read_products)

    def references(self, row: Text) -> list[Reference]:
        """Return the training products near a row's title, nearest first; none where the catalogue is gone."""
        found = self._products(tuple(one["uid"] for one in row.references))
        return [
            Reference(one["uid"], one["title"], found[one["uid"]], one["similarity"])
            for one in row.references
            if one["uid"] in found
        ]

    def check(self, row: Text, text: str, vouched: Sequence[str] = ()) -> Check:
        """Check a text for a row; a person vouches for the claims in `vouched`."""
        references = () if row.attributes else self.references(row)  # as in `generation.faults`
        language = self._run.language
        found_claims = find_claims(text, row.query, references, row.attributes, language=language)
        claims = [
            replace(one, support=PERSON) if one.support in UNSUPPORTED and one.text in vouched else one
            for one in found_claims or ()
        ]
        told = attributes_told(text, row.attributes, language=language)
        untold = [name for name, _ in row.attributes if name not in told]
        found = row.flag if text == row.description else flag(Description(text, stopped=True, tokens=0))[0]
        breaches = find_breaches(text, self._rules, row.query, row.attributes)
        return Check(language, found_claims is not None, claims, breaches, found, untold)

    def _read_products(self, uids: tuple[str, ...]) -> dict[str, str]:
        """Return the descriptions of products by their ids."""
        if not uids:
            return {}
        try:
            return {one.uid: one.description for one in self._run.catalogue().with_uids(uids)}
        except (NotFound, Damaged):
            return {}
