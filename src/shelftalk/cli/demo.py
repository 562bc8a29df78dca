"""All stages in one command, which `make demo` runs; it also shows how the stages fit together."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from shelftalk.cli.evaluate import show_evaluation
from shelftalk.cli.output import out, say, show_comparison, step
from shelftalk.evaluation.ways import BASE, TUNED
from shelftalk.models.registry import find_model
from shelftalk.pipeline import BUNDLED, compare_held_out, index_run, prepare_bundled, train_run
from shelftalk.presets import load_preset
from shelftalk.proof import evaluate_run
from shelftalk.records import Comparison, Description, Product, Reference
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.workspace import Workspace, read_json, write_json

NAME = BUNDLED
SHOWN = 3
MEASURED = 24  # enough for intervals; the base model repeats itself up to the longest length in each
MEASURED_WAYS = (BASE, TUNED)  # `evaluate` does more, and takes twice the time


def run_demo(workspace: Workspace) -> None:
    """Run all stages on the bundled catalogue; an interrupted call is resumed.

    Writes the catalogue `demo` and the run `demo`, and saves the shown pairs in the run's report/ folder: a second call
    shows everything at once.
    """
    settings = TrainingSettings.from_mapping(load_preset(NAME))
    decoding = DecodingSettings()
    workspace.make()

    _prepare(workspace)
    with step("2 of 6  Unpacking Gemma 3 270M (first time only)") as progress:
        find_model(settings.base_model, workspace, progress=progress)
    with step("3 of 6  Fine-tuning it on the catalogue") as progress:
        run = train_run(workspace, NAME, NAME, settings, progress=progress, say=say)
    with step("4 of 6  Indexing the training products") as progress:
        index_run(run, progress)
    with step(f"5 of 6  Describing {SHOWN} products it never saw, before and after") as progress:
        pairs = _pairs(run, decoding, progress)
    for product, comparison in pairs:
        show_comparison(comparison, product.description)
    out.print()
    with step("6 of 6  Measuring the difference on held-out products") as progress:
        result = evaluate_run(run, decoding, MEASURED, MEASURED_WAYS, progress=progress, say=say)
    show_evaluation(result)
    _show_what_next(workspace, run)


def _prepare(workspace: Workspace) -> None:
    with step("1 of 6  Preparing the bundled catalogue") as progress:
        summary = prepare_bundled(workspace, progress)
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in summary["rejected"].items())
    split = ", ".join(f"{count} {part}" for part, count in summary["split"].items())
    line = f"  {summary['kept']} of {summary['read']} rows kept ({split}); left out: {reasons}."
    out.print(line, markup=False, soft_wrap=True)


def _pairs(run: Run, decoding: DecodingSettings, progress: Any) -> list[tuple[Product, Comparison]]:
    path = run.folder / "report" / "demo.json"
    if path.is_file():
        kept = read_json(path)
        if kept["decoding"] == decoding.as_mapping():
            return [(Product(**one["product"]), _comparison(one["comparison"])) for one in kept["pairs"]]
    pairs = compare_held_out(run, SHOWN, decoding, progress=progress, say=say, with_attributes=True)
    rows = [
        {
            "product": {"uid": one.uid, "title": one.title, "description": one.description},
            "comparison": comparison.as_mapping(),
        }
        for one, comparison in pairs
    ]
    write_json(path, {"decoding": decoding.as_mapping(), "pairs": rows})
    return pairs


def _comparison(kept: dict[str, Any]) -> Comparison:
    references = [Reference(**one) for one in kept["references"]]
    base, tuned = Description(**kept["base"]), Description(**kept["tuned"])
    language = kept.get("language", "en"), kept.get("claims_checked", True)  # an earlier version kept neither
    return Comparison(kept["query"], base, tuned, references, kept["attributes"], *language)


def _show_what_next(workspace: Workspace, run: Run) -> None:
    command = f"{sys.argv[0]}" if sys.argv[0].endswith("shelftalk") else "shelftalk"
    root = shlex.quote(str(workspace.root))
    out.print(
        f"""
Files
  {run.adapter}   the adapter, plain PEFT layout
  {run.folder / "metrics.jsonl"}   loss by step
  {workspace.catalogue(NAME) / "rejects.jsonl"}   every row left out, and why

What to type next
  {command} ask {NAME} "Copper Watering Can, 2 Litre" --attribute use="watering seedlings" --workspace {root}
  {command} prepare YOUR.csv --name mine --workspace {root}
  {command} train mine --run mine --preset quick-test --workspace {root}
""",
        markup=False,
        soft_wrap=True,
    )
