"""`shelftalk evaluate`: measure a run on held-out products, and show which differences are significant."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    ClusterOption,
    EngineOption,
    JsonOption,
    RunArgument,
    WorkspaceOption,
    open_run,
    with_settings,
)
from shelftalk.evaluation.ways import BASE, TUNED, USUAL, WAYS
from shelftalk.settings import DecodingSettings

# The measures that are printed for every way of writing, with a short heading and digits; the report has all of them.
MAIN = {
    "title_rank": ("its own", 2),
    "chrf": ("chrF++", 1),
    "chrf_above": ("above others", 1),
    "unsupported_per_100_words": ("unsupported", 2),
    "attributes_told": ("told", 2),
}


@with_settings(DecodingSettings)
def evaluate(
    run: RunArgument,
    settings: DecodingSettings,
    count: Annotated[int, typer.Option("--max-products", min=1, help="How many held-out products.")] = 200,
    ways: Annotated[
        str, typer.Option("--ways", help=f"Ways of writing to measure, with commas between: {', '.join(WAYS)}.")
    ] = ",".join(USUAL),
    other: Annotated[
        str | None, typer.Option("--other", help="A catalogue of another kind: what was forgotten of its products?")
    ] = None,
    engine: EngineOption = "automatic",
    cluster: ClusterOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Measure before and after fine-tuning on held-out products, and write the report.

    Every figure has a 95 % interval, and every difference says whether its interval contains zero. report.html,
    report.md and evaluation.json are written into the run's folder report/, the result into the adapter's model card.
    """
    opened = open_run(workspace, run)
    from shelftalk.cli import output
    from shelftalk.proof import REPORT, evaluate_run

    wanted = [way.strip() for way in ways.split(",") if way.strip()]
    with output.step(f"Evaluating {run}") as progress:
        result = evaluate_run(opened, settings, count, wanted, other, progress, engine, output.say, cluster)
    if as_json:
        output.print_json(result)
        return
    show_evaluation(result)
    output.out.print(f"Report: {opened.folder / REPORT / 'report.html'}", markup=False, soft_wrap=True)


def show_evaluation(result: dict[str, Any]) -> None:
    """Print the changes, the main scores of every way of writing, the scores on other texts, and the leaks."""
    from shelftalk.cli.output import out, show_rows
    from shelftalk.evaluation.report import WAYS as LABELS
    from shelftalk.evaluation.report import claims_not_checked, earlier_seen, number, span

    out.print(f"\nHeld-out products (split {result['split']}, n = {result['n']})\n")
    for one in result["differences"]:
        if (one["before"], one["after"]) == (BASE, TUNED):
            _show_changes(one["measures"], result)
    out.print()
    rows = [
        {
            "way of writing": LABELS[way],
            **{
                short: number(result[way][name], digits) if name in result[way] else "–"
                for name, (short, digits) in MAIN.items()
            },
        }
        for way in result["order"]
    ]
    show_rows(rows, "")
    out.print()
    for one in result["elsewhere"]:
        line = f"{one['name']}: bits per byte {one['base']:.3f} before, {one['tuned']:.3f} after"
        out.print(f"{line} ({one['difference']:+.4f}{span(one['interval'], 4)})", markup=False, soft_wrap=True)
    if earlier := earlier_seen(result):
        out.print(earlier, markup=False, soft_wrap=True)
    if result["leaks"]:
        out.print(f"{len(result['leaks'])} held-out products repeat training products and were left out.")
    if unchecked := claims_not_checked(result):
        out.print(unchecked, markup=False, soft_wrap=True)
    if result["too_few"]:
        out.print(result["too_few"], markup=False, soft_wrap=True)


def _show_changes(measures: dict[str, Any], result: dict[str, Any]) -> None:
    """Print each measure before and after, with the interval and the verdict of the difference."""
    from shelftalk.cli.output import show_rows
    from shelftalk.evaluation.measures import MEASURES
    from shelftalk.evaluation.report import NAMES, number, span

    rows = []
    for name, one in measures.items():
        digits = min(3, MEASURES[name].digits)
        before, after = (number(result[way][name], digits) for way in (BASE, TUNED))
        bounds = span(one["interval"], digits).strip() or "–"
        shown = one["verdict"] or "too few"
        rows.append(
            {"measure": NAMES[name], "before": before, "after": after, "95 % of change": bounds, "shown": shown}
        )
    show_rows(rows, "")
