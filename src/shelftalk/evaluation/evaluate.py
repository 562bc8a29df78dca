"""Measure what fine-tuning changed: compare several ways of writing on products that no run trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.english import look_english
from shelftalk.claims.find import count_unsupported, find_claims, is_checked
from shelftalk.claims.told import attributes_told
from shelftalk.errors import InvalidSettings, TooFewProducts
from shelftalk.evaluation.baselines import baselines, derange
from shelftalk.evaluation.bootstrap import SAMPLES
from shelftalk.evaluation.leaks import Leak, find_leaks
from shelftalk.evaluation.likelihood import general_likelihoods, likelihoods
from shelftalk.evaluation.measures import Answer, mean_words, tables_of
from shelftalk.evaluation.scores import Likelihood, compare_likelihoods, compare_ways
from shelftalk.evaluation.slots import Slots
from shelftalk.evaluation.ways import BASE, GENERAL, GROUNDED, SOURCE, USUAL, WAYS
from shelftalk.evidence.spans import SpanIndex, verbatim_share
from shelftalk.evidence.trained_on import TrainedOn, trained_before_run
from shelftalk.generation.engine import Engine
from shelftalk.generation.grounded import write_grounded, write_with_references
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.prompts import PromptTemplate, request_of
from shelftalk.records import Description, Product, Progress, Reference, counter, no_progress
from shelftalk.retrieval.search import Index, TextEmbedder
from shelftalk.rules.check import find_breaches
from shelftalk.rules.house_rules import NO_RULES, HouseRules
from shelftalk.runs.describe import no_held_out
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

REFERENCES = 3  # for each product, in prompts and for claims
SHOWN = 5  # products whose texts are kept


@dataclass(frozen=True, slots=True)
class Tools:
    """What an evaluation needs: the engine, the indexes of references and of copied spans, the embedder.

    `source` is the engine of the run that this one began from, for the way of that name; `rules` are the house rules of
    the catalogue, and `language` is that of its texts.
    """

    engine: Engine
    index: Index
    spans: SpanIndex
    embedder: TextEmbedder
    source: Engine | None = None
    rules: HouseRules = NO_RULES
    language: str = "en"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The products that are measured, their references, and the products that are excluded because they leak."""

    products: list[Product]
    references: list[list[Reference]]
    leaks: list[Leak]

    @property
    def requests(self) -> list[str]:
        """The requests for the products: title and attributes."""
        return [request_of(product) for product in self.products]


class Judge:
    """What the texts of every way are compared with: the products' titles and descriptions, and attributes' values.

    `titles` and `descriptions` are their vectors, [products, dimensions]; `others` has for each product the number of
    another one of about the same length, or None for a single product; `slots` are the values of the trained and of
    the held-out products.
    """

    def __init__(self, tools: Tools, held_out: HeldOut, trained: Sequence[Product]) -> None:
        self.tools, self.held_out = tools, held_out
        self.titles = tools.embedder.embed([one.title for one in held_out.products])
        self.descriptions = tools.embedder.embed([one.description for one in held_out.products])
        lengths = [len(one.description.split()) for one in held_out.products]
        self.others: Sequence[int | None] = derange(lengths) if len(lengths) > 1 else [None]
        self.slots = Slots([*trained, *held_out.products])


def evaluate(
    run: Run,
    tools: Tools,
    settings: DecodingSettings,
    max_products: int | None = 200,
    ways: Sequence[str] = USUAL,
    other: Catalogue | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Compare ways of writing on held-out products; the requests are their titles and attributes.

    Takes a seeded sample of `max_products` of the test split, or all, without those that repeat a training product (see
    `leaks`). The engine writes; probabilities are always computed by transformers. `ways` is a subset of `WAYS`. The
    bits per byte of a general text, and of the held-out products of the catalogue `other` if given, show what
    fine-tuning cost on other texts. `progress` counts products, some of them several times.

    Returns:
        `split`, `n`; `language` of the texts, '' where they are taken as English and do not look so; `claims_checked`,
        whether claims are looked for in it; `leaks`; `earlier`,
        the numbers of products `held_out` in the split and of those `seen` by an earlier run in the base, and whether
        all that such runs trained on is `known`; `order`, the
        ways and baselines that were measured, each also a key with its scores by measure (see `measures.MEASURES`);
        `intervals`, by way and measure; `differences`, a list of {"before", "after", "measures"} with difference,
        interval and verdict by measure; `elsewhere`, the same for texts of other kinds; `too_few`, a sentence instead
        of intervals if there are under twenty products; `examples`, the texts written for the first products, with
        claims; `reference_words`, `references`, `samples`, `decoding`, `engine`.

    Raises:
        InvalidSettings: `ways` is empty or has an unknown way.
        TooFewProducts: the run's catalogue or `other` has no held-out products, or all of them leak.
    """
    if not ways or set(ways) - set(WAYS):
        got = ", ".join(sorted(set(ways) - set(WAYS))) or "none"
        raise InvalidSettings(f"--ways must be of {', '.join(WAYS)}, got {got}.")
    if SOURCE in ways and not (run.source and tools.source):
        raise InvalidSettings(f"--ways has {SOURCE}, but the run {run.name!r} began from its base model; leave it out.")
    trained = run.products()
    others = {other.folder.name: sample_held_out(run, trained, other, max_products)[0]} if other else {}
    held_out = hold_out(run, trained, tools.index, max_products)
    reference = tools.engine if isinstance(tools.engine, TransformersEngine) else TransformersEngine.load(run)
    chosen = [way for way in WAYS if way in ways]
    kinds = sorted({_kind(way) for way in chosen})
    advance = counter(progress, (len(chosen) + len(kinds)) * len(held_out.products))
    true = {
        kind: true_likelihoods(
            _reference(run, reference, kind), _template(run, kind[0]), held_out, kind, run.settings.max_tokens, advance
        )
        for kind in kinds
    }
    written = {way: write(tools, _template(run, _kind(way)[0]), held_out, way, settings, advance) for way in chosen}
    judge = Judge(tools, held_out, trained)
    answers = {way: examine(judge, texts, true[_kind(way)]) for way, texts in written.items()}
    for way, texts in baselines(held_out.products, held_out.references, trained).items():
        answers[way] = examine(judge, [Description(text, stopped=True, tokens=0) for text in texts], None)
    return {
        "split": "test",
        "language": _language(run, held_out.products),
        "claims_checked": is_checked(run.language),
        "n": len(held_out.products),
        "leaks": [asdict(leak) for leak in held_out.leaks],
        "earlier": count_seen(run),
        "decoding": settings.as_mapping(),
        "engine": tools.engine.name,
        "references": REFERENCES,
        "samples": SAMPLES,
        "reference_words": round(mean_words([product.description for product in held_out.products]), 1),
        **compare_ways({way: tables_of(found) for way, found in answers.items()}),
        "elsewhere": measure_other_texts(reference, run, others),
        "examples": [
            example(held_out, answers, row, run.language) for row in range(min(SHOWN, len(held_out.products)))
        ],
    }


def hold_out(run: Run, trained: Sequence[Product], index: Index, max_products: int | None) -> HeldOut:
    """Return the held-out products to measure with their references, without those that repeat a `trained` product.

    Raises:
        TooFewProducts: the split is empty, or all its products leak.
    """
    kept, leaks = sample_held_out(run, trained, run.catalogue(), max_products)
    return HeldOut(kept, index.search_all([one.title for one in kept], REFERENCES), leaks)


def sample_held_out(
    run: Run, trained: Sequence[Product], catalogue: Catalogue, max_products: int | None
) -> tuple[list[Product], list[Leak]]:
    """Return a seeded sample of a catalogue's held-out products without those that repeat a `trained` product of `run`.

    Those are left out, too, that an earlier run trained on in the weights that the run began from.

    Raises:
        TooFewProducts: the split is empty, all its products leak, or an earlier run trained on all of them.
    """
    name = catalogue.folder.name
    fits = _not_seen(run, catalogue, trained_before_run(run, run.base_model()))
    products = catalogue.sample("test", max_products, run.settings.seed, fits)
    if not products:
        raise TooFewProducts(no_held_out(name, catalogue.count("test")))
    leaks = find_leaks(products, trained)
    leaked = {leak.uid for leak in leaks}
    kept = [product for product in products if product.uid not in leaked]
    if not kept:
        raise TooFewProducts(
            f"Each of the {len(products)} held-out products of catalogue {name!r} repeats a training product, so that "
            "nothing measured on them would be held out; prepare a file with more different products."
        )
    return kept, leaks


def count_seen(run: Run) -> dict[str, Any]:
    """Return the number of products of the test split, and of those that an earlier run trained on.

    `known` says whether what all earlier runs trained on is known.
    """
    catalogue, before = run.catalogue(), trained_before_run(run, run.base_model())
    fits, held_out = _not_seen(run, catalogue, before), catalogue.count("test")
    seen = sum(not fits(one) for one in catalogue.products("test")) if fits else 0
    return {"held_out": held_out, "seen": seen, "known": before.is_known}


def _not_seen(run: Run, catalogue: Catalogue, before: TrainedOn) -> Callable[[Product], bool] | None:
    """Return whether a held-out product is none that an earlier run trained on; None if there are no such products.

    `before` also knows those for which the base has got its record since the run began.
    """
    own = catalogue.data_hash == run.description["data_hash"]
    seen = set(run.description.get("seen", ())) if own else set()
    return (lambda product: product.uid not in seen and not before.repeats(product)) if seen or before.titles else None


def write(
    tools: Tools,
    template: PromptTemplate,
    held_out: HeldOut,
    way: str,
    settings: DecodingSettings,
    done: Callable[[], Any],
) -> list[Description]:
    """Return the descriptions that one way writes, one for each product."""
    side, with_references = _kind(way)
    engine, tuned = tools.source if side == SOURCE and tools.source else tools.engine, side != BASE
    arguments = (engine, template, held_out.requests, held_out.references)

    def count(*_: object) -> None:
        done()

    if way == GROUNDED:
        return write_grounded(
            *arguments, settings=settings, rules=tools.rules, language=tools.language, on_description=count
        )
    if with_references:
        return write_with_references(*arguments, tuned=tuned, settings=settings, on_description=count)
    prompts = [template.prompt_for(request) for request in held_out.requests]
    return engine.complete_all(prompts, tuned=tuned, settings=settings, on_description=count)


def true_likelihoods(
    reference: TransformersEngine,
    template: PromptTemplate,
    held_out: HeldOut,
    kind: tuple[str, bool],
    max_tokens: int,
    done: Callable[[], Any],
) -> list[Likelihood]:
    """Return each true description's likelihood, given its request and, if `kind` wants them, its references."""
    side, with_references = kind
    prompts = [
        template.prompt_with_references(request, references) if with_references else template.prompt_for(request)
        for request, references in zip(held_out.requests, held_out.references, strict=True)
    ]
    return likelihoods(reference, template, held_out.products, prompts, max_tokens, side != BASE, done)


def _reference(run: Run, reference: TransformersEngine, kind: tuple[str, bool]) -> TransformersEngine:
    """Return the engine that computes probabilities for a kind of way: `reference`, or that of the run's source."""
    return TransformersEngine.load(run.source) if kind[0] == SOURCE and run.source else reference


def _template(run: Run, side: str) -> PromptTemplate:
    """Return the words of the prompts with which a side was trained: the run's, or those of its source."""
    return run.source.template if side == SOURCE and run.source else run.template


def examine(judge: Judge, written: Sequence[Description], true: Sequence[Likelihood] | None) -> list[Answer]:
    """Return what the measures need of one way's descriptions, one for each product of `judge`.

    `true` is None where a way has no model.
    """
    products, references = judge.held_out.products, judge.held_out.references
    vectors = judge.tools.embedder.embed([one.text for one in written])
    titles = vectors @ judge.titles.T
    own = np.diagonal(titles)[:, None]
    ranks = 1 + (titles > own).sum(axis=1)
    to_true = vectors @ judge.descriptions.T
    return [
        Answer(
            text=one.text,
            true=product.description,
            other=None if other is None else products[other].description,
            stopped=one.stopped if true else None,
            nats=true[row][0] if true else None,
            size=true[row][1] if true else 0,
            similarity=float(to_true[row, row]),
            similarity_to_other=0.0 if other is None else float(to_true[row, other]),
            rank=int(ranks[row]),
            copied=verbatim_share(one.text, judge.tools.spans.find(one.text)),
            unsupported=count_unsupported(
                one.text, product.title, references[row], product.attributes, language=judge.tools.language
            ),
            told=len(attributes_told(one.text, product.attributes, language=judge.tools.language)),
            given=len(product.attributes),
            slot_errors=judge.slots.count_errors(one.text, product),
            broken=_count_breaches(one.text, product, judge.tools.rules),
        )
        for row, (product, other, one) in enumerate(zip(products, judge.others, written, strict=True))
    ]


def _language(run: Run, products: Sequence[Product]) -> str:
    """Return the language of a run's texts; '' where it counts as English for want of another, and does not look so."""
    found = run.language
    return found if found != "en" or look_english(one.description for one in products) else ""


def _count_breaches(text: str, product: Product, rules: HouseRules) -> int | None:
    """Return how often a text breaks the house rules; None where there are none."""
    return None if rules == NO_RULES else len(find_breaches(text, rules, product.title, product.attributes))


def example(held_out: HeldOut, answers: dict[str, list[Answer]], row: int, language: str) -> dict[str, Any]:
    """Return the text that each way wrote for one product, with its claims; none in a language without rules."""
    product, references = held_out.products[row], held_out.references[row]
    texts = {way: found[row].text for way, found in answers.items()}
    claims = {
        way: find_claims(text, product.title, references, product.attributes, language=language) or ()
        for way, text in texts.items()
    }
    return {
        "title": product.title,
        "attributes": dict(product.attributes),
        "true": product.description,
        "references": [one.title for one in references],
        "written": {way: {"text": text, "claims": list(map(asdict, claims[way]))} for way, text in texts.items()},
    }


def measure_other_texts(
    reference: TransformersEngine, run: Run, others: dict[str, list[Product]]
) -> list[dict[str, Any]]:
    """Return the bits per byte of texts of other kinds, before and after, which show what fine-tuning cost.

    These are the general text, by paragraph, and the products of `others`, by name; each entry has "name" and the keys
    of `scores.compare_likelihoods`.
    """
    general = (general_likelihoods(reference, side) for side in (False, True))
    found = [{"name": GENERAL, **compare_likelihoods(*general)}]
    for name, products in others.items():
        prompts = [run.template.prompt_for(request_of(product)) for product in products]
        sides = (
            likelihoods(reference, run.template, products, prompts, run.settings.max_tokens, side)
            for side in (False, True)
        )
        found.append({"name": name, **compare_likelihoods(*sides)})
    return found


def _kind(way: str) -> tuple[str, bool]:
    """Return the model that a way uses, `BASE`, `SOURCE` or `TUNED`, and whether its prompts contain references."""
    return way.partition("_")[0], way.endswith("references")
