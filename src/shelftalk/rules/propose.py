"""Propose house rules: what no text of a catalogue does, or nearly none, and what nearly all do, with the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from shelftalk.records import Product
from shelftalk.rules.check import STYLE, brand_of, find_breaches
from shelftalk.rules.english import ADVERTISING, FUNCTION_WORDS
from shelftalk.rules.house_rules import HouseRules, key_lines, rule_fields
from shelftalk.rules.style import SENTENCE_ENDS
from shelftalk.rules.words import Phrases, Word, split_words
from shelftalk.sentences import split_sentences

FEWEST_TEXTS = 20  # of fewer, what none does says little
MOST_BREAKING = 0.01  # of the texts, where a rule forbids something
NEARLY_ALL = 0.95  # of the texts, where a rule asks for something
FEWEST_SPELT = 3  # texts that show a spelling
MOST_MIXED = 0.05  # of the texts that show a spelling, those that show the other one
USUAL = (0.01, 0.99)  # the quantiles of the lengths
MOST_OPENINGS = 3
LONGEST_PHRASE = 12  # words
_STRICT = HouseRules(exclamation_marks=False, capitals=False, emoji=False, first_person=False, superlatives=False)


class Proposal(NamedTuple):
    """A rule that texts of a catalogue keep: a field of `HouseRules`, its value, and `kept` of `texts` texts keep it.

    `example` is what breaks the rule, or '', where it `forbids` something; else a text that keeps it.
    """

    rule: str
    value: Any
    kept: int
    texts: int
    example: str = ""

    @property
    def forbids(self) -> bool:
        """Whether the rule is one of style or spelling, which forbid something."""
        return self.rule in STYLE or self.rule == "spelling"


def propose_rules(products: Sequence[Product]) -> list[Proposal]:
    """Return the rules that all or nearly all descriptions keep, in the order of a file; of fewer than 20, none."""
    described = [one for one in products if one.description.strip()]
    if len(described) < FEWEST_TEXTS:
        return []
    texts = [one.description for one in described]
    words = [split_words(text) for text in texts]
    proposals = [
        *_never(words),
        *_always(texts, words),
        *_lengths(texts),
        *_style(described),
        *_spelling(described),
        *_brand(described),
        *_openings(described, words),
        *_endings(texts),
    ]
    order = [one.name for one in rule_fields()]
    return sorted(proposals, key=lambda one: order.index(one.rule))


def with_proposals(rules: HouseRules, proposals: Iterable[Proposal]) -> HouseRules:
    """Return rules with some proposals taken over: words are added to a list, any other value is replaced."""
    for one in proposals:
        value = one.value
        if isinstance(value, tuple):
            value = tuple(dict.fromkeys((*getattr(rules, one.rule), *value)))
        rules = replace(rules, **{one.rule: value})
    return rules


def proposals_text(proposals: Iterable[Proposal]) -> str:
    """Return proposals as the text of a file of house rules, with the numbers and examples in comments."""
    fields = {one.name: one for one in rule_fields()}
    lines, table = ["# House rules that the texts keep. Delete what is no rule of yours."], ""
    for one in proposals:
        field = fields[one.rule]
        if field.metadata["table"] != table:
            table = field.metadata["table"]
            lines += ["", f"[{table}]"]
        said = "broken with" if one.forbids else "for instance"
        example = f"; {said}: {_shortened(one.example)}" if one.example else ""
        lines += [f"# {field.metadata['help']}", f"# {one.kept} of {one.texts} texts keep it{example}"]
        lines += key_lines(field, one.value)
    return "\n".join(lines) + "\n"


def _shortened(text: str, characters: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= characters else f"{line[: characters - 1]}…"


def _never(texts: Sequence[Sequence[Word]]) -> Iterator[Proposal]:
    """Yield the usual words of advertising that no text has."""
    phrases = Phrases(ADVERTISING)
    used = {phrase for words in texts for phrase in phrases.found_in(words)}
    if unused := tuple(one for one in ADVERTISING if one not in used):
        yield Proposal("never", unused, len(texts), len(texts))


def _always(texts: Sequence[str], split: Sequence[Sequence[Word]]) -> Iterator[Proposal]:
    """Yield the longest phrases within a sentence, of at most twelve words, that nearly all texts have."""
    common: set[tuple[str, ...]] = {()}
    longest: dict[tuple[str, ...], str] = {}
    for length in range(1, LONGEST_PHRASE + 1):
        counts: Counter[tuple[str, ...]] = Counter()
        written: dict[tuple[str, ...], str] = {}
        for text, words in zip(texts, split, strict=True):
            held = {}
            for at in range(len(words) - length + 1):
                phrase = tuple(word.folded for word in words[at : at + length])
                if phrase[1:] in common and phrase[:-1] in common and phrase[-1] not in SENTENCE_ENDS:
                    held[phrase] = text[words[at].start : words[at + length - 1].end]
            counts.update(held.keys())
            written |= held
        common = {phrase for phrase, count in counts.items() if count >= NEARLY_ALL * len(texts)}
        for phrase in common:
            longest.pop(phrase[:-1], None)
            longest.pop(phrase[1:], None)
        longest |= {phrase: written[phrase] for phrase in sorted(common)}
    value = tuple(written for phrase, written in longest.items() if _is_telling(phrase))
    if value:
        phrases = Phrases(value)
        kept = [len(phrases.found_in(words)) == len(value) for words in split]
        yield Proposal("always", value, sum(kept), len(texts), _first(texts, kept))


def _is_telling(phrase: Sequence[str]) -> bool:
    """Return whether a phrase begins and ends with a word, and holds a word that says something."""
    words = {word for word in phrase if word.isalpha()}
    return {phrase[0], phrase[-1]} <= words and not words <= FUNCTION_WORDS


def _lengths(texts: Sequence[str]) -> Iterator[Proposal]:
    """Yield the lengths that all but the shortest and the longest hundredth of the texts have."""
    words, characters = sorted(len(text.split()) for text in texts), sorted(map(len, texts))
    fewest, most = (words[round(at * (len(words) - 1))] for at in USUAL)
    longest = characters[round(USUAL[1] * (len(characters) - 1))]
    yield Proposal("fewest_words", fewest, sum(one >= fewest for one in words), len(texts))
    yield Proposal("most_words", most, sum(one <= most for one in words), len(texts))
    yield Proposal("most_characters", longest, sum(one <= longest for one in characters), len(texts))


def _style(products: Sequence[Product]) -> Iterator[Proposal]:
    breaking, examples = _breaking(products, _STRICT)
    for field, rule in STYLE.items():
        if breaking[rule] <= MOST_BREAKING * len(products):
            yield Proposal(field, False, len(products) - breaking[rule], len(products), examples.get(rule, ""))


def _spelling(products: Sequence[Product]) -> Iterator[Proposal]:
    """Yield the spelling that at least three texts show, and the other one hardly any."""
    found = {one: _breaking(products, HouseRules(spelling=one)) for one in ("British", "American")}
    for spelling, other in (("British", "American"), ("American", "British")):
        breaking, examples = found[spelling]
        shown = found[other][0]["spelling"]
        if shown >= FEWEST_SPELT and breaking["spelling"] <= MOST_MIXED * shown:
            kept = len(products) - breaking["spelling"]
            yield Proposal("spelling", spelling, kept, len(products), examples.get("spelling", ""))


def _breaking(products: Sequence[Product], rules: HouseRules) -> tuple[Counter[str], dict[str, str]]:
    """Return how many texts break each rule, and what the first of them has."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for one in products:
        breaches = find_breaches(one.description, rules, one.title, one.attributes)
        found = {breach.rule: breach.found for breach in breaches}
        counts.update(found.keys())
        examples = {**found, **examples}
    return counts, examples


def _brand(products: Sequence[Product]) -> Iterator[Proposal]:
    branded = [one for one in products if brand_of(one.attributes)]
    if len(branded) >= FEWEST_TEXTS:
        kept = len(branded) - _breaking(branded, HouseRules(brand=True))[0]["brand"]
        if kept >= NEARLY_ALL * len(branded):
            yield Proposal("brand", True, kept, len(branded), branded[0].description)


def _openings(products: Sequence[Product], split: Sequence[Sequence[Word]]) -> Iterator[Proposal]:
    """Yield how nearly all texts begin: with the title, or with one of at most three openings."""
    texts = [one.description for one in products]
    rules = HouseRules(begins_with=("{title}",))
    if len(products) - _breaking(products, rules)[0]["begins"] < NEARLY_ALL * len(products):
        chosen = _fewest([words[0].folded for words in split])
        groups = [[at for at, words in enumerate(split) if words[0].folded == word] for word in chosen]
        rules = HouseRules(begins_with=tuple(_opening(texts, split, group) for group in groups))
    kept = [not find_breaches(one.description, rules, one.title, one.attributes) for one in products]
    if rules.begins_with and sum(kept) >= NEARLY_ALL * len(texts):
        yield Proposal("begins_with", rules.begins_with, sum(kept), len(texts), _first(texts, kept))


def _opening(texts: Sequence[str], split: Sequence[Sequence[Word]], group: Sequence[int]) -> str:
    """Return the words, at most twelve, with which all texts of a group begin."""
    words = split[group[0]]
    length = 1
    while length < min(LONGEST_PHRASE, len(words)) and all(
        len(split[at]) > length and split[at][length].folded == words[length].folded for at in group
    ):
        length += 1
    return texts[group[0]][: words[length - 1].end]


def _endings(texts: Sequence[str]) -> Iterator[Proposal]:
    """Yield the sentences, at most three, with which nearly all texts end."""
    last = [split_sentences(text.strip())[-1][1] for text in texts]
    if chosen := tuple(_fewest(last)):
        kept = [sentence in chosen for sentence in last]
        yield Proposal("ends_with", chosen, sum(kept), len(texts), _first(last, kept))


def _fewest(values: Sequence[str]) -> list[str]:
    """Return the fewest values that together are nearly all, the commonest first; none where it takes too many."""
    chosen, total = [], 0
    for value, count in Counter(values).most_common(MOST_OPENINGS):
        chosen.append(value)
        total += count
        if total >= NEARLY_ALL * len(values):
            return chosen
    return []


def _first(texts: Sequence[str], kept: Sequence[bool]) -> str:
    return next(text for text, one in zip(texts, kept, strict=True) if one)
