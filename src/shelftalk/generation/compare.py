"""Answer one request with the base and the tuned model, and find the nearest training products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from shelftalk.claims.find import is_checked
from shelftalk.generation.engine import Engine
from shelftalk.generation.grounded import write_grounded, write_with_references
from shelftalk.prompts import PromptTemplate, request_for
from shelftalk.records import Attributes, Comparison, Description, Reference
from shelftalk.rules.house_rules import NO_RULES, HouseRules
from shelftalk.settings import DecodingSettings


def compare(
    engine: Engine,
    template: PromptTemplate,
    query: str,
    settings: DecodingSettings,
    find_references: Callable[[], list[Reference]],
    on_text: Callable[[str, str], None] | None = None,
    grounded: bool = False,
    attributes: Attributes = (),
    with_references: bool = False,
    rules: HouseRules = NO_RULES,
    *,
    language: str,
) -> Comparison:
    """Answer `query`, a title or a question, with both models under the same settings, given the attributes.

    `on_text` is called with ("base" or "tuned", piece of text) while the answers are written, base first.
    `find_references` is called after both, and returns the products nearest to the query, nearest first. With
    `grounded` the tuned answer is written again while it has faults or breaks `rules`, and comes in one piece: see
    `generation.grounded`. `with_references` puts them into both prompts, and both answers come in one piece.
    `language` is that of the run's texts.
    """
    request, in_language = request_for(query, attributes), (language, is_checked(language))

    if with_references:
        references = find_references()
        base, tuned = (
            write_with_references(engine, template, [request], [references], tuned=tuned, settings=settings)[0]
            for tuned in (False, True)
        )
        if on_text:
            on_text("base", base.text)
            on_text("tuned", tuned.text)
        return Comparison(query, base, tuned, references, dict(attributes), *in_language)

    def write(side: str) -> Description:
        callback = (lambda text: on_text(side, text)) if on_text else None
        return engine.complete(template.prompt_for(request), tuned=side == "tuned", settings=settings, on_text=callback)

    base = write("base")
    if not grounded:
        return Comparison(query, base, write("tuned"), find_references(), dict(attributes), *in_language)
    references = find_references()
    [tuned] = write_grounded(
        engine, template, [request], [references], settings=settings, rules=rules, language=language
    )
    if on_text:
        on_text("tuned", tuned.text)
    return Comparison(query, base, tuned, references, dict(attributes), *in_language)


def compare_many(
    engine: Engine,
    template: PromptTemplate,
    asked: Sequence[tuple[str, Attributes]],
    settings: DecodingSettings,
    find_references: Callable[[], list[list[Reference]]],
    advance: Callable[[], None],
    *,
    language: str,
    with_references: bool = False,
) -> list[Comparison]:
    """Answer many titles or questions, each with its attributes, with both models, many at a time.

    `advance` is called after each of the two answers; `find_references` after all, for the references of each, or
    before all where `with_references` puts them into both prompts. `language` is that of the run's texts.
    """
    requests = [request_for(text, attributes) for text, attributes in asked]
    near = find_references() if with_references else []

    write = partial(engine.complete_all, [template.prompt_for(one) for one in requests])
    if with_references:
        write = partial(write_with_references, engine, template, requests, near)
    base, tuned = (write(tuned=side, settings=settings, on_description=lambda *_: advance()) for side in (False, True))
    return [
        Comparison(text, before, after, references, dict(attributes), language, is_checked(language))
        for (text, attributes), before, after, references in zip(
            asked, base, tuned, near or find_references(), strict=True
        )
    ]
