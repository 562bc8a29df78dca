"""Find where a text breaks the house rules, and replace the words that have a cure.

The time is linear in the length of the text, whatever the text and the rules: see `words`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from shelftalk.records import Attributes
from shelftalk.rules.house_rules import NO_RULES, HouseRules
from shelftalk.rules.mistakes import PLACEHOLDER
from shelftalk.rules.spelling import find_spellings
from shelftalk.rules.style import (
    Place,
    find_capitals,
    find_emoji,
    find_exclamations,
    find_first_person,
    find_stated,
    find_superlatives,
)
from shelftalk.rules.words import Phrases, Word, folded_words, in_case_of, split_words

# The rules that a breach may name, in the order of a file; "never" is also that of words with a cure.
RULES = (
    *("never", "always", "length", "exclamation", "capitals", "emoji", "first_person", "superlative", "spelling"),
    *("brand", "begins", "ends"),
)
# The fields of rules of style, and what a breach of each is named.
STYLE = {
    "exclamation_marks": "exclamation",
    "capitals": "capitals",
    "emoji": "emoji",
    "first_person": "first_person",
    "superlatives": "superlative",
}
BRAND_NAMES = ("brand", "maker", "manufacturer", "vendor")  # the first that a product has is its brand
_STOPS = frozenset(".!?…")


class Breach(NamedTuple):
    """A place where a text breaks a rule: the characters from `start` to `end`, equal where something is missing.

    `rule` is one of RULES. `found` is the text there; for "always" and "brand" the words that are missing; for
    "length", "begins" and "ends" it says what is wrong. `cure` is what to write instead, in the case of what stands
    there, or ''.
    """

    start: int
    end: int
    rule: str
    found: str
    cure: str = ""


def find_breaches(text: str, rules: HouseRules, title: str = "", attributes: Attributes = ()) -> list[Breach]:
    """Return where a text about a product breaks the rules, in the order of the text.

    What title and attributes state is no breach of a rule of style, nor is what the rules themselves ask for.
    """
    if rules == NO_RULES:
        return []
    words = split_words(text)
    openings, closings = (_filled(one, title, attributes) for one in (rules.begins_with, rules.ends_with))
    found = [
        *_forbidden(text, words, rules),
        *_missing(words, rules),
        *_length(text, rules),
        *_style(text, words, rules, [title, *(value for _, value in attributes), *openings, *closings]),
        *_brand(words, rules, attributes),
        *_ends(text, words, openings, closings),
    ]
    return sorted(found, key=lambda one: (one.start, one.end, RULES.index(one.rule)))


def apply_cures(text: str, breaches: Sequence[Breach]) -> str:
    """Return a text with the cure in each of its breaches that has one; of overlapping ones the first is cured."""
    parts, end = [], 0
    for one in sorted(breaches):
        if one.cure and one.start >= end:
            parts += [text[end : one.start], one.cure]
            end = one.end
    return "".join((*parts, text[end:]))


@lru_cache(maxsize=16)
def _phrases(rules: HouseRules) -> tuple[Phrases, Phrases, Mapping[str, str]]:
    """Return what to find for the words that no text has, for those that every text has, and the cures."""
    forbidden = rules.forbidden()
    return Phrases(forbidden), Phrases(rules.always), forbidden


def _asked(rules: HouseRules) -> Iterator[str]:
    """Yield the words that the rules themselves ask for."""
    yield from rules.always
    yield from (cure for _, cure in rules.instead)


def _forbidden(text: str, words: Sequence[Word], rules: HouseRules) -> Iterator[Breach]:
    if not rules.never and not rules.instead:
        return
    forbidden, _, cures = _phrases(rules)
    for first, after, phrase in forbidden.find(words):
        start, end = words[first].start, words[after - 1].end
        yield Breach(start, end, "never", text[start:end], in_case_of(cures[phrase], text[start:end]))


def _missing(words: Sequence[Word], rules: HouseRules) -> Iterator[Breach]:
    if rules.always:
        held = _phrases(rules)[1].found_in(words)
        for phrase in rules.always:
            if phrase not in held:
                yield Breach(0, 0, "always", phrase)


def _length(text: str, rules: HouseRules) -> Iterator[Breach]:
    count, characters = len(text.split()), len(text)
    if rules.fewest_words and count < rules.fewest_words:
        yield Breach(characters, characters, "length", f"{count} words, and at least {rules.fewest_words} are wanted")
    if rules.most_words and count > rules.most_words:
        rest = text.split(None, rules.most_words)[-1]
        said = f"{count} words, and at most {rules.most_words} are wanted"
        yield Breach(characters - len(rest), characters, "length", said)
    if rules.most_characters and characters > rules.most_characters:
        said = f"{characters} characters, and at most {rules.most_characters} are wanted"
        yield Breach(rules.most_characters, characters, "length", said)


def _style(text: str, words: Sequence[Word], rules: HouseRules, sources: Sequence[str]) -> Iterator[Breach]:
    if rules.spelling == NO_RULES.spelling and all(getattr(rules, name) for name in STYLE):
        return
    stated = find_stated((*sources, *_asked(rules)))
    places: dict[str, Iterator[Place]] = {}
    if not rules.exclamation_marks:
        places["exclamation"] = find_exclamations(text, stated)
    if not rules.capitals:
        places["capitals"] = find_capitals(text, words, stated)
    if not rules.emoji:
        places["emoji"] = find_emoji(text, stated)
    if not rules.first_person:
        places["first_person"] = find_first_person(text, words, stated)
    if not rules.superlatives:
        places["superlative"] = find_superlatives(text, words, stated)
    for rule, found in places.items():
        yield from (Breach(start, end, rule, text[start:end]) for start, end in found)
    if rules.spelling:
        for (start, end), cure in find_spellings(text, words, rules.spelling, stated):
            yield Breach(start, end, "spelling", text[start:end], cure)


def brand_of(attributes: Attributes) -> str:
    """Return the brand that a product's attributes name, or ''."""
    named = {name.casefold(): value for name, value in attributes}
    return next((named[name] for name in BRAND_NAMES if folded_words(named.get(name, ""))), "")


def _brand(words: Sequence[Word], rules: HouseRules, attributes: Attributes) -> Iterator[Breach]:
    brand = brand_of(attributes) if rules.brand else ""
    if brand and not Phrases([brand]).found_in(words):
        yield Breach(0, 0, "brand", brand)


def _filled(templates: Sequence[str], title: str, attributes: Attributes) -> list[str]:
    """Return the texts with {title} and {name of an attribute} filled in, without those that name what is unknown."""
    values = {**{name.casefold(): value for name, value in attributes}, "title": title}
    filled = []
    for template in templates:
        names = [name.strip().casefold() for name in PLACEHOLDER.findall(template)]
        if all(folded_words(values.get(name, "")) for name in names):
            filled.append(PLACEHOLDER.sub(lambda one: values[one[1].strip().casefold()], template))
    return filled


def _ends(text: str, words: Sequence[Word], openings: Sequence[str], closings: Sequence[str]) -> Iterator[Breach]:
    folded = [word.folded for word in words]
    if openings and not any(folded[: len(one)] == one for one in _split(openings)):
        yield Breach(0, 0, "begins", f"it does not begin with {_or(openings)}")
    stop = len(folded)
    while stop and folded[stop - 1] in _STOPS:
        stop -= 1
    ends = (len(folded), stop)  # a text may end with a full stop that the rule leaves out
    wanted = _split(closings)
    if closings and not any(folded[max(0, end - len(one)) : end] == one for one in wanted for end in ends):
        yield Breach(len(text), len(text), "ends", f"it does not end with {_or(closings)}")


def _split(texts: Sequence[str]) -> list[list[str]]:
    return [list(folded_words(one)) for one in texts]


def _or(texts: Sequence[str]) -> str:
    return " or ".join(repr(one) for one in texts)
