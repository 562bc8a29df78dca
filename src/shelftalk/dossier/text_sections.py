"""The sections of a dossier with texts: held-out products before and after, and answers to questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shelftalk.claims.find import Claim, find_claims
from shelftalk.claims.told import attributes_told
from shelftalk.dossier.facts import Facts
from shelftalk.evaluation.blocks import Block, Group, Heading, Mark, Note, Pair, Paragraph, Quote
from shelftalk.evaluation.ways import BASE, TUNED
from shelftalk.generation.folded import fold
from shelftalk.records import Comparison, Description, Reference, nothing_near
from shelftalk.translations.words import Words

SOURCES = ("title", "attribute", "reference")
KINDS = {"none": "unsupported", "contradicted": "contradicted"}  # of marks, by the support of a claim


@dataclass(frozen=True, slots=True)
class Wrong:
    """A claim that nothing supports or that an attribute contradicts, in words."""

    text: str
    why: str


def examples(facts: Facts, words: Words) -> list[Block]:
    """Return the held-out products before and after, with their marked claims and their sources."""
    if not facts.examples:
        return [Note(words.text("dossier.examples.none"))]
    count = words.number(len(facts.examples))
    intro = words.text(f"dossier.examples.intro_{'measured' if facts.measured else 'written'}", count=count)
    blocks: list[Block] = [Paragraph(intro), _legend(words), Paragraph(words.text("dossier.examples.legend_help"))]
    if not facts.claims_checked:
        blocks.append(Note(words.text("dossier.examples.claims_unknown")))
    for one in facts.examples:
        true = Quote(words.text("dossier.examples.true"), one.true)
        blocks += [_answer(one.comparison, facts, words), Group([true, *_found(one.comparison, facts, words)])]
    return blocks


def answers(facts: Facts, words: Words) -> list[Block]:
    """Return the answers to the questions, before and after, with their sources."""
    prompts = "references" if facts.run.settings.context_share else "words"
    key = "intro_once" if len(facts.answers) == 1 else "intro"
    intro = words.text(f"dossier.answers.{key}", count=words.number(len(facts.answers)))
    blocks: list[Block] = [Paragraph(f"{intro} {words.text(f'dossier.answers.intro_{prompts}')}")]
    for one in facts.answers:
        blocks += [_answer(one, facts, words), Group(_found(one, facts, words))]
    return blocks


def wrong_claims(facts: Facts, words: Words) -> list[str]:
    """Return what is wrong in the examples after fine-tuning, as sentences without an end."""
    if not facts.claims_checked:
        return []
    found = [wrong for one in facts.examples for wrong in _wrong(_claims(one.comparison, one.comparison.tuned), words)]
    return [words.text("dossier.examples.wrong", text=one.text, why=one.why) for one in found]


def _legend(words: Words) -> Quote:
    kinds = ("supported", "unsupported", "contradicted")
    named = {kind: words.text(f"dossier.examples.{kind}") for kind in kinds}
    marks, position = [], 0
    said = words.text("dossier.examples.legend_text", **named)
    for kind, name in named.items():
        position = said.index(name, position)
        marks.append(Mark(position, position + len(name), kind))
        position += len(name)
    return Quote(words.text("dossier.examples.legend"), said, marks)


def _answer(comparison: Comparison, facts: Facts, words: Words) -> Group:
    """Return what was asked, and both answers side by side."""
    attributes = "; ".join(f"{name}: {value}" for name, value in comparison.attributes.items())
    return Group(
        [
            Heading(comparison.query, 3),
            *([Quote(words.text("dossier.examples.attributes"), attributes)] if attributes else []),
            Pair(_side(comparison, BASE, facts, words), _side(comparison, TUNED, facts, words)),
        ]
    )


def _found(comparison: Comparison, facts: Facts, words: Words) -> list[Block]:
    """Return what was found in the text after fine-tuning, and its references."""
    checked = [_checked(comparison, words)] if facts.claims_checked else []
    told = [_told(comparison, words)] if comparison.attributes else []
    said = " ".join([*checked, *told])
    return [*([Paragraph(said)] if said else []), Paragraph(_sources(comparison, words))]


def _side(comparison: Comparison, way: str, facts: Facts, words: Words) -> Quote:
    answer = comparison.base if way == BASE else comparison.tuned
    name = "before" if way == BASE else "after"
    label = words.text(f"dossier.examples.{name}{'' if answer.stopped else '_cut'}")
    shown = _shown(answer)
    marks = [Mark(one.start, one.end, KINDS.get(one.support, "supported")) for one in _claims(comparison, answer)]
    _, empty, repeated = fold(answer.text)
    if empty + repeated:
        shown += f"\n{words.text('dossier.examples.folded', count=words.number(empty + repeated))}"
    return Quote(label, shown or words.text("dossier.examples.empty"), marks if facts.claims_checked else [])


def _shown(answer: Description) -> str:
    return fold(answer.text).text.strip()


def _claims(comparison: Comparison, answer: Description) -> list[Claim]:
    attributes = tuple(comparison.attributes.items())
    claims = find_claims(
        _shown(answer), comparison.query, comparison.references, attributes, language=comparison.language
    )
    return claims or []


def _wrong(claims: Sequence[Claim], words: Words) -> list[Wrong]:
    return [
        Wrong(one.text, words.text(f"dossier.examples.why_{one.support}", **_where(one)))
        for one in claims
        if one.support in KINDS
    ]


def _where(claim: Claim) -> dict[str, str]:
    return {"where": claim.where or ""} if claim.support == "contradicted" else {}


def _checked(comparison: Comparison, words: Words) -> str:
    """Return in words which claims the text after fine-tuning makes."""
    claims = _claims(comparison, comparison.tuned)
    found = Counter(one.support for one in claims)
    counts = {kind: words.number(found[kind]) for kind in (*SOURCES, "contradicted")}
    supported, unsupported = words.number(sum(found[kind] for kind in SOURCES)), words.number(found["none"])
    said = words.text("dossier.examples.checked", supported=supported, unsupported=unsupported, **counts)
    if not (wrong := _wrong(claims, words)):
        return said
    listed = "; ".join(words.text("dossier.examples.wrong", text=one.text, why=one.why) for one in wrong)
    return f"{said} {words.text('dossier.examples.wrong_intro', list=listed)}"


def _told(comparison: Comparison, words: Words) -> str:
    """Return in words which attributes the text after fine-tuning tells."""
    told = attributes_told(comparison.tuned.text, tuple(comparison.attributes.items()), language=comparison.language)
    values = {"told": words.number(len(told)), "all": words.number(len(comparison.attributes))}
    if untold := [name for name in comparison.attributes if name not in told]:
        return words.text("dossier.examples.untold", names=", ".join(untold), **values)
    return words.text("dossier.examples.told", **values)


def _sources(comparison: Comparison, words: Words) -> str:
    if not comparison.references:
        return words.text("dossier.examples.no_sources")
    listed = "; ".join(
        words.text("dossier.examples.source", title=one.title, facts=_facts_of(one, words))
        for one in comparison.references
    )
    intro = "sources_far" if nothing_near(comparison.references) else "sources"
    return words.text(f"dossier.examples.{intro}", list=listed)


def _facts_of(reference: Reference, words: Words) -> str:
    """Return a reference's similarity, how many products are like it, and that it is not near, where that is known."""
    facts = [words.text("dossier.examples.similarity", similarity=words.number(reference.similarity, 2))]
    if reference.alike:
        facts.append(words.text("dossier.examples.alike", count=words.number(reference.alike)))
    if reference.near is False:
        facts.append(words.text("dossier.examples.not_near"))
    return ", ".join(facts)
