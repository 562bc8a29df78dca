"""Count how many texts of a catalogue break each house rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shelftalk.records import Product
from shelftalk.rules.check import RULES, Breach, find_breaches
from shelftalk.rules.house_rules import HouseRules

SAMPLED, SEED = 5000, 42  # products of a catalogue that are looked at: some seconds
CHARACTERS_AROUND = 30  # of an example


class Broken(NamedTuple):
    """A rule that texts break: `rule` as in `Breach`, how many of how many texts break it, and the first of them.

    `missing` is the word that every text should have, for the rule "always". `title` is that of the first text, and
    `example` what is wrong there, with the characters around.
    """

    rule: str
    missing: str
    broken: int
    texts: int
    title: str
    example: str

    @property
    def by_all(self) -> bool:
        """Whether every text breaks the rule: the rule is probably not meant so."""
        return self.broken == self.texts


def count_broken(products: Sequence[Product], rules: HouseRules) -> list[Broken]:
    """Return the rules that descriptions break, in the order of a file; one that all keep is not among them."""
    counts: dict[tuple[str, str], int] = {}
    firsts: dict[tuple[str, str], tuple[str, str]] = {}
    for one in products:
        breaches = {_rule(breach): breach for breach in reversed(_breaches(one, rules))}
        for rule, breach in breaches.items():
            counts[rule] = counts.get(rule, 0) + 1
            firsts.setdefault(rule, (one.title, _example(one.description, breach)))
    ordered = sorted(counts, key=lambda rule: RULES.index(rule[0]))
    return [Broken(*rule, counts[rule], len(products), *firsts[rule]) for rule in ordered]


def _breaches(product: Product, rules: HouseRules) -> list[Breach]:
    return find_breaches(product.description, rules, product.title, product.attributes)


def _rule(breach: Breach) -> tuple[str, str]:
    return breach.rule, breach.found if breach.rule == "always" else ""


def _example(text: str, breach: Breach) -> str:
    """Return the place of a breach between brackets, with the characters around, or what is missing or wrong."""
    if breach.start == breach.end or breach.rule == "length":
        return breach.found
    before, after = text[: breach.start], text[breach.end :]
    shown = f"{before[-CHARACTERS_AROUND:]}[{breach.found}]{after[:CHARACTERS_AROUND]}"
    return f"{'…' * (len(before) > CHARACTERS_AROUND)}{shown}{'…' * (len(after) > CHARACTERS_AROUND)}"
