"""Evaluate a run, write its report, and explain descriptions by their sources.

These stages follow those of `pipeline`. Modules that load torch are imported by the stage that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalk import __version__
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.claims.find import find_claims
from shelftalk.claims.told import attributes_told
from shelftalk.errors import Damaged, NotFound
from shelftalk.evaluation.ways import SOURCE, USUAL
from shelftalk.evidence.trained_on import describe_runs, trained_before_run
from shelftalk.generation.choose import open_engine, say_cost
from shelftalk.generation.engine import Engine
from shelftalk.generation.grounded import write_grounded
from shelftalk.generation.on_cluster import writers
from shelftalk.models.registry import shown_name
from shelftalk.pipeline import SLOTS, describe_embedder, open_index, open_spans
from shelftalk.prompts import request_for
from shelftalk.records import Attributes, Description, Progress, Reference, no_progress
from shelftalk.rules.house_rules import NO_RULES, rules_text
from shelftalk.runs.describe import describe_data
from shelftalk.runs.metrics import read_validation, read_warnings
from shelftalk.runs.run import CARD, Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import MANIFEST, lock, read_json, sha256, write_bytes, write_json

if TYPE_CHECKING:
    from shelftalk.evidence.influence import Influence  # whose module loads torch

REPORT = Path("report")  # in a run's folder: evaluation.json, report.html, report.md
EVALUATION = REPORT / "evaluation.json"
RANDOM_ROWS = 20  # training products beside the similar ones whose influence is estimated
SIMILAR_ROWS = 20


def evaluate_run(
    run: Run,
    settings: DecodingSettings,
    max_products: int | None = 200,
    ways: Sequence[str] = USUAL,
    other: str | None = None,
    progress: Progress = no_progress,
    engine: str = "automatic",
    say: Callable[[str], None] = lambda line: None,
    cluster: str | None = None,
) -> dict[str, Any]:
    """Measure a run on held-out products, in several ways of writing; see `evaluation.evaluate`.

    On a Ray `cluster` its machines generate the texts; the rest runs here. A run that began from another one is also
    compared with that one, if `ways` are the usual ones or have it. Writes report/evaluation.json, report.html
    and report.md, and the result into the adapter's model card. An existing result for the same arguments is returned
    again. `other` names a catalogue of another kind of products.

    Raises:
        NotFound: the run has not finished, or there is no catalogue `other`.
        Busy: another process evaluates this run.
        Damaged: the run's catalogue has changed since training.
        InvalidSettings, TooFewProducts: see `evaluation.evaluate`.
    """
    from shelftalk.evaluation.evaluate import Tools, evaluate
    from shelftalk.models.embedder import Embedder

    run.require_finished()
    settings = run.decoding(settings)
    run.catalogue()
    if run.source and list(ways) == list(USUAL):
        ways = [*ways, SOURCE]
    other_catalogue = Catalogue.open(run.workspace.existing_catalogue(other)) if other else None
    with (
        writers(run, settings, engine, SLOTS, cluster, say) as found,
        lock(run.folder / REPORT, "evaluating"),  # keeps the run from being deleted or renamed
    ):
        question: dict[str, Any] = {
            "shelftalk": __version__,
            "adapter": sha256(run.adapter / MANIFEST),  # a run of this name may have been deleted and created again
            "max_products": max_products,
            "ways": sorted(ways),
            "other": other_catalogue and other_catalogue.data_hash,
            "decoding": settings.as_mapping(),
            "engine": found.name,
            **describe_embedder(run),
        }
        if before := describe_runs(trained_before_run(run, run.base_model())):  # of a base that got its record since
            question["earlier"] = before
        if (rules := run.house_rules()) != NO_RULES:
            question["rules"] = rules_text(rules)
        if run.language != "en":  # what was measured before languages were known is as good as now for English
            question["language"] = run.language
        if (kept := _kept(run.folder)) and kept["question"] == question:
            result = dict(kept["result"])
        else:
            index, spans = open_index(run), open_spans(run)
            if found.name == "llama.cpp":  # which writes, and transformers computes the likelihoods
                say_cost(run, say)
            with ExitStack() as engines:
                opened = engines.enter_context(closing(found.engine()))
                tools = Tools(opened, index, spans, Embedder.load(), rules=rules, language=run.language)
                if run.source and SOURCE in ways:
                    theirs = open_engine(run.source, settings, engine, SLOTS, say)
                    tools = replace(tools, source=engines.enter_context(closing(theirs)))
                result = evaluate(run, tools, settings, max_products, ways, other_catalogue, progress)
            write_json(run.folder / EVALUATION, {"question": question, "result": result})
        write_report(run, result)  # also for an existing result: after a kill or a rename the report is out of date
    return result


def write_report(run: Run, result: dict[str, Any]) -> None:
    """Write an evaluation to report/report.html and report.md, and into the adapter's model card."""
    from shelftalk.evaluation.render import render_html, render_markdown
    from shelftalk.evaluation.report import report
    from shelftalk.export.card import adapter_card

    summary, base = run.catalogue().summary, run.description["base"]
    what = {
        "catalogue": f"{run.description['catalogue']}, SHA-256 {run.description['data_hash']}",
        "rows": f"{summary['read']} read, {summary['kept']} kept; "
        + ", ".join(f"{count} {split}" for split, count in summary["split"].items()),
        "trained on": describe_data(run),
        "base model": f"{shown_name(base['name'])}, revision {base['revision']}",
    }
    validation = read_validation(run.folder)
    if validation:
        what["validation loss"] = (
            f"{validation.before:.3f} before training, {validation.best:.3f} at best, after update {validation.step}"
        )
    blocks = report(run.name, what, result, read_warnings(run.folder, run.origin))
    write_bytes(run.folder / REPORT / "report.html", render_html(blocks).encode())
    write_bytes(run.folder / REPORT / "report.md", render_markdown(blocks).encode())
    if CARD not in read_json(run.adapter / MANIFEST)["files"]:  # earlier versions listed it: it must not change
        write_bytes(run.adapter / CARD, adapter_card(run, result, run.loads_anywhere).encode())


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """Return the result that `evaluate_run` saved in a run's folder, or None where it is missing or unreadable."""
    kept = _kept(folder)
    return dict(kept["result"]) if kept else None


def read_question(folder: Path) -> dict[str, Any]:
    """Return the arguments of the result that `read_evaluation` returns; an empty mapping where it returns None."""
    kept = _kept(folder)
    return dict(kept["question"]) if kept else {}


def _kept(folder: Path) -> dict[str, Any] | None:
    """Return the saved arguments and result; None also where an earlier version saved another format."""
    with suppress(Damaged, KeyError, TypeError):
        kept = read_json(folder / EVALUATION)
        if {"order", "differences", "elsewhere", "leaks"} <= kept["result"].keys() and "question" in kept:
            return dict(kept)
    return None


def find_evidence(
    run: Run, text: str, query: str, references: Sequence[Reference], attributes: Attributes = ()
) -> dict[str, Any]:
    """Return the spans that a text copied from training descriptions, and its claims, ready for JSON.

    `spans` (see `evidence.spans`) and `claims` (see `claims`), each with its position in the text; `language`, that
    of the run's texts, and `claims_checked`, whether claims are looked for in it: where not, `claims` is empty, and
    says nothing; `told`, the names of the attributes that the text tells.
    """
    spans = open_spans(run).find(text)
    claims = find_claims(text, query, references, attributes, language=run.language)
    return {
        "spans": [asdict(one) for one in spans],
        "language": run.language,
        "claims_checked": claims is not None,
        "claims": [asdict(one) for one in claims or ()],
        "told": attributes_told(text, attributes, language=run.language),
    }


def explain(
    run: Run,
    query: str,
    settings: DecodingSettings,
    references: int = 3,
    description: str | None = None,
    influence: bool = True,
    grounded: bool = False,
    engine: str = "automatic",
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
    attributes: Attributes = (),
) -> dict[str, Any]:
    """Describe a product with the tuned model and explain each part of the description by its sources.

    A given `description` is explained as it is, whoever wrote it.

    Returns:
        `query`, `attributes`, `tuned` (the description), `references` (similar products), `spans`, `language`,
        `claims_checked`, `claims` and `told` (see `find_evidence`), and `influence`, an estimate of the training rows
        that moved the model towards this text: None unless requested, and for an empty text.

    Raises:
        NotFound: the run has not finished; or influence was requested, and the run has no checkpoint any more.
        Damaged: the run's catalogue or base model has changed since training.
    """
    run.require_finished()
    settings = run.decoding(settings)
    if influence:
        require_checkpoint(run)  # before any text is generated
    found = open_index(run).search(query, references)
    request = request_for(query, attributes)
    if description is None:
        with closing(open_engine(run, settings, engine, say=say)) as opened:
            written = _write(opened, run, request, found, settings, grounded)
    else:
        written = Description(description.strip(), stopped=True, tokens=0)
    evidence = find_evidence(run, written.text, query, found, attributes)
    influence = influence and bool(written.text)
    if influence:
        say_cost(run, say)
    return {
        "query": query,
        "attributes": dict(attributes),
        "tuned": asdict(written),
        "references": [asdict(one) for one in found],
        **evidence,
        "influence": explain_influence(run, request, written.text, progress) if influence else None,
    }


def _write(
    engine: Engine, run: Run, request: str, references: Sequence[Reference], settings: DecodingSettings, grounded: bool
) -> Description:
    if grounded:
        rules, language = run.house_rules(), run.language
        return write_grounded(
            engine, run.template, [request], [references], settings=settings, rules=rules, language=language
        )[0]
    return engine.complete(run.template.prompt_for(request), tuned=True, settings=settings)


def explain_influence(run: Run, request: str, text: str, progress: Progress = no_progress) -> list[dict[str, Any]]:
    """Return the result of `find_influence`, ready for JSON."""
    return [asdict(one) for one in find_influence(run, request, text, progress)]


def find_influence(run: Run, request: str, text: str, progress: Progress = no_progress) -> list[Influence]:
    """Estimate how training rows influenced `text`: the rows most similar to it, and random ones.

    See `evidence.influence`. The text is scored after its bare title, also where it was generated with references.
    `progress` counts rows.
    """
    from shelftalk.evidence.influence import estimate_influence

    similar = open_index(run).nearest_uids(f"{request}\n{text}", SIMILAR_ROWS)
    products = run.products()
    others = [product for product in products if product.uid not in similar]
    drawn = {others[row].uid for row in _draw(len(others), RANDOM_ROWS)}
    candidates = [product for product in products if product.uid in similar | drawn]
    return estimate_influence(run, request, text, candidates, progress)


def require_checkpoint(run: Run) -> None:
    """Check that the run still has a checkpoint: influence is estimated with its optimiser state.

    Raises:
        NotFound: the run has no checkpoint.
    """
    if not any(run.checkpoints.glob("step-*")):
        raise NotFound(
            f"Run {run.name!r} has no checkpoint any more, and influence cannot be estimated without one; use "
            "--no-influence, or train the same catalogue and settings again as another --run."
        )


def _draw(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` of the numbers below `count`, sorted, drawn with a fixed seed."""
    import numpy as np

    return sorted(np.random.default_rng(0).permutation(count)[:wanted].tolist())
