"""What fine-tuning changed, and where each sentence comes from: evaluate -> report, explain.

The last stages of the story, upon those of `pipeline`. What loads torch is imported by the stage that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shelftalk import __version__
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.errors import Damaged, NotFound
from shelftalk.evaluation.ways import USUAL
from shelftalk.evidence.claims.find import count_unsupported, find_claims
from shelftalk.generation.choose import open_engine
from shelftalk.generation.engine import Engine
from shelftalk.generation.grounded import write_grounded
from shelftalk.generation.on_cluster import writers
from shelftalk.pipeline import SLOTS, open_index, open_spans
from shelftalk.prompts import prompt_for
from shelftalk.records import Description, Progress, Reference, no_progress
from shelftalk.runs.run import CARD, Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import MANIFEST, lock, read_json, sha256, write_bytes, write_json

REPORT = Path("report")  # in a run's folder: evaluation.json, report.html, report.md
EVALUATION = REPORT / "evaluation.json"
RANDOM_ROWS = 20  # training products beside the similar ones whose influence is estimated
SIMILAR_ROWS = 20


def evaluate_run(
    run: Run,
    settings: DecodingSettings,
    max_products: int | None = 100,
    ways: Sequence[str] = USUAL,
    other: str | None = None,
    progress: Progress = no_progress,
    engine: str = "automatic",
    say: Callable[[str], None] = lambda line: None,
    cluster: str | None = None,
) -> dict[str, Any]:
    """Measure a run on held-out products, several ways of writing side by side; see `evaluation.evaluate`.

    On a Ray `cluster` its machines write; the rest is done here. Writes report/evaluation.json, report.html
    and report.md, and the adapter's model card with the result in it. A result that is there for the same question is
    returned as it is. `other` names a catalogue of another kind.

    Raises:
        NotFound: the run has not finished, or there is no catalogue `other`.
        Busy: another process evaluates this run.
        Damaged: the run's catalogue has changed since.
        InvalidSettings, TooFewProducts: see `evaluation.evaluate`.
    """
    from shelftalk.evaluation.evaluate import Tools, evaluate
    from shelftalk.models.embedder import Embedder

    run.require_finished()
    run.catalogue()
    elsewhere = Catalogue.open(run.workspace.existing_catalogue(other)) if other else None
    with (
        writers(run, settings, engine, SLOTS, cluster, say) as found,
        lock(run.folder / REPORT, "evaluating"),  # nobody deletes or renames the run meanwhile
    ):
        question = {
            "shelftalk": __version__,
            "adapter": sha256(run.adapter / MANIFEST),  # a run of this name may have been deleted and made again
            "max_products": max_products,
            "ways": sorted(ways),
            "other": elsewhere and elsewhere.data_hash,
            "decoding": settings.as_mapping(),
            "engine": found.name,
        }
        if (kept := _kept(run.folder)) and kept["question"] == question:
            result = dict(kept["result"])
        else:
            index, spans = open_index(run), open_spans(run)
            with closing(found.engine()) as opened:
                tools = Tools(opened, index, spans, Embedder.load())
                result = evaluate(run, tools, settings, max_products, ways, elsewhere, progress)
            write_json(run.folder / EVALUATION, {"question": question, "result": result})
        write_report(run, result)  # also of a kept one: a kill, or a new name, may have left it behind
    return result


def write_report(run: Run, result: dict[str, Any]) -> None:
    """Write an evaluation as report/report.html and report.md, and into the adapter's model card."""
    from shelftalk.evaluation.render import render_html, render_markdown
    from shelftalk.evaluation.report import report
    from shelftalk.export.card import adapter_card

    summary, base = run.catalogue().summary, run.description["base"]
    what = {
        "catalogue": f"{run.description['catalogue']}, SHA-256 {run.description['data_hash']}",
        "rows": f"{summary['read']} read, {summary['kept']} kept; "
        + ", ".join(f"{count} {split}" for split, count in summary["split"].items()),
        "base model": f"{base['name']}, revision {base['revision']}",
    }
    blocks = report(run.name, what, result)
    write_bytes(run.folder / REPORT / "report.html", render_html(blocks).encode())
    write_bytes(run.folder / REPORT / "report.md", render_markdown(blocks).encode())
    if CARD not in read_json(run.adapter / MANIFEST)["files"]:  # an earlier version sealed it
        write_bytes(run.adapter / CARD, adapter_card(run, result).encode())


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """Return what `evaluate_run` kept in a run's folder; None where there is nothing, or nothing that can be read."""
    kept = _kept(folder)
    return dict(kept["result"]) if kept else None


def _kept(folder: Path) -> dict[str, Any] | None:
    """Return question and result as they were kept; None also where an earlier version kept something else."""
    with suppress(Damaged, KeyError, TypeError):
        kept = read_json(folder / EVALUATION)
        if {"order", "differences", "elsewhere", "leaks"} <= kept["result"].keys() and "question" in kept:
            return dict(kept)
    return None


def find_evidence(run: Run, text: str, request: str, references: Sequence[Reference]) -> dict[str, Any]:
    """Return what a text copied from training descriptions and what it claims, ready for JSON.

    `spans` (see `evidence.spans`) and `claims` (see `evidence.claims`), each with its place in the text.
    """
    spans = open_spans(run).find(text)
    claims = find_claims(text, request, references)
    return {"spans": [asdict(one) for one in spans], "claims": [asdict(one) for one in claims]}


def explain(
    run: Run,
    request: str,
    settings: DecodingSettings,
    references: int = 3,
    description: str | None = None,
    influence: bool = True,
    grounded: bool = False,
    engine: str = "automatic",
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Describe a product with the tuned model and show what stands behind each part of the description.

    A `description` that was written before, by whomever, is explained as it stands.

    Returns:
        `query`, `tuned` (the description), `references` (similar products), `spans`, `claims`, and `influence`, the
        training rows that pushed the model towards this text, by estimate: None unless it was asked for, and for an
        empty text.

    Raises:
        NotFound: the run has not finished; or influence was asked for, and the run has no checkpoint any more.
        Damaged: the run's catalogue or base model has changed since.
    """
    run.require_finished()
    if influence:
        require_checkpoint(run)  # before anything is written
    found = open_index(run).search(request, references)
    if description is None:
        with closing(open_engine(run, settings, engine, say=say)) as opened:
            written = _write(opened, request, found, settings, grounded)
    else:
        written = Description(description.strip(), stopped=True, tokens=0)
    evidence = find_evidence(run, written.text, request, found)
    return {
        "query": request,
        "tuned": asdict(written),
        "references": [asdict(one) for one in found],
        **evidence,
        "influence": explain_influence(run, request, written.text, progress) if influence and written.text else None,
    }


def _write(
    engine: Engine, request: str, references: Sequence[Reference], settings: DecodingSettings, grounded: bool
) -> Description:
    if grounded:
        return write_grounded(engine, [request], [references], count_unsupported, settings=settings)[0]
    return engine.complete(prompt_for(request), tuned=True, settings=settings)


def explain_influence(run: Run, request: str, text: str, progress: Progress = no_progress) -> list[dict[str, Any]]:
    """Estimate which training rows pushed the model to `text`: the rows most similar to it, and random ones.

    See `evidence.influence`; the text is taken after its bare title, also where it was written with references.
    `progress` counts rows.
    """
    from shelftalk.evidence.influence import estimate_influence

    similar = {one.uid for one in open_index(run).search(f"{request}\n{text}", SIMILAR_ROWS)}
    products = run.products()
    others = [product for product in products if product.uid not in similar]
    drawn = {others[row].uid for row in _spread(len(others), RANDOM_ROWS)}
    candidates = [product for product in products if product.uid in similar | drawn]
    return [asdict(one) for one in estimate_influence(run, request, text, candidates, progress)]


def require_checkpoint(run: Run) -> None:
    """Do nothing if the run still has a checkpoint, whose optimiser's state influence is estimated with.

    Raises:
        NotFound: it has none.
    """
    if not any(run.checkpoints.glob("step-*")):
        raise NotFound(
            f"Run {run.name!r} has no checkpoint any more, which influence is estimated with; use --no-influence, or "
            "train the same catalogue and settings again as another --run."
        )


def _spread(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` of the numbers below `count`, drawn by a fixed seed."""
    import numpy as np

    return sorted(np.random.default_rng(0).permutation(count)[:wanted].tolist())
