"""`shelftalk generate`: describe a whole file of titles, and summarise the result of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shelftalk.catalogue.settings import FileSettings
from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    ClusterOption,
    EngineOption,
    GroundedOption,
    JsonOption,
    RunArgument,
    WithReferencesOption,
    WorkspaceOption,
    with_settings,
)
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace

MEANINGS = {
    "empty": "without words",
    "repetitive": "repeating themselves",
    "cut": "cut off at the longest length",
}
FAULTS = {
    "unsupported": "with claims that nothing supports",
    "contradicted": "with claims that an attribute contradicts",
    "untold": "without some of their attributes",
    "broken_rules": "that break house rules",
}


@with_settings(DecodingSettings)
@with_settings(FileSettings, "file")
def generate(
    run: RunArgument,
    source: Annotated[
        Path, typer.Option("--input", help="File of titles: CSV, TSV, JSON Lines (each also .gz) or Parquet.")
    ],
    output: Annotated[Path, typer.Option("--output", help="File to write: .csv, .tsv, .jsonl or .parquet.")],
    file: FileSettings,
    settings: DecodingSettings,
    references: Annotated[
        int, typer.Option("--references", min=0, max=100, help="How many references for each row; 0 for none.")
    ] = 3,
    grounded: GroundedOption = False,
    with_references: WithReferencesOption = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an output that this run wrote, of another input or settings.")
    ] = False,
    engine: EngineOption = "automatic",
    cluster: ClusterOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Describe every title of a file; after an interruption the same command resumes.

    The output has a row for each input row, in the same order: all columns of the input, then description, words, the
    numbers of unsupported and contradicted claims, untold attributes, broken house rules, references, flag (empty,
    repetitive or cut; or why the row could not be described), detail, line, raw. It is written when the last row is
    done.
    """
    from shelftalk.runs.run import Run

    opened = Run.open(Workspace(workspace), run)  # before the slow import: a wrong name fails at once
    from shelftalk.cli import output as screen
    from shelftalk.pipeline import write_catalogue

    with screen.step(f"Describing {source.name}") as progress:
        summary = write_catalogue(
            opened,
            source,
            output,
            settings,
            references,
            file,
            progress,
            screen.say,
            engine,
            grounded,
            cluster,
            with_references,
            replace,
        )
    if as_json:
        screen.print_json(summary)
    else:
        _show(summary)


def _show(summary: dict[str, Any]) -> None:
    from shelftalk.cli.output import duration, out
    from shelftalk.evidence.unchecked import not_checked
    from shelftalk.generation.survey import unusable

    if summary["rows_per_second"] is None:
        took = "as an earlier call left it"
    else:
        took = f"{duration(summary['seconds'])}, {summary['rows_per_second']:.2f} rows a second"
    lines = [f"{summary['described']:,} of {summary['rows']:,} rows described in {summary['output']} ({took})."]
    lines += [f"  {count:,} {MEANINGS[name]} (flag {name})" for name, count in summary["flags"].items() if count]
    lines += [f"  {count:,} {FAULTS[name]} (column {name})" for name, count in summary["faults"].items() if count]
    if unchecked := not_checked(summary["language"]):
        lines.append(f"  {unchecked} The columns unsupported and contradicted are empty.")
    for rule, count in summary["rules"].items():
        meant = ": is that rule meant so?" if count == summary["described"] else ""
        lines.append(f"    {count:,} the rule {rule}{meant}")
    lines += [f"  {unusable(reason, **found)}" for reason, found in summary["bad_rows"].items()]
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
