"""`shelftalk review`: decide on generated texts without a page, and count what is decided."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from shelftalk.cli.options import DEFAULT_WORKSPACE, JsonOption, RunArgument, WorkspaceOption, open_run
from shelftalk.errors import UserError

TextsOption = Annotated[Path, typer.Option("--texts", help="An output of generate.")]


def review(
    run: RunArgument,
    texts: TextsOption,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="clean|all|IDS",
            help="Accept undecided texts: clean ones (no flag, no claim without support, no rule broken), all, or "
            "those of these products, also decided ones: ids separated by commas.",
        ),
    ] = None,
    reject: Annotated[
        str | None, typer.Option("--reject", metavar="IDS", help="Reject the texts of these products.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides. [default: the user]")] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Accept or reject the texts of a file that generate wrote, or count what is decided.

    Each decision is a line of TEXTS.decisions.jsonl: who, when, and the text before and after. The studio's page Review
    reads and writes the same file, and also edits texts.
    """
    opened = open_run(workspace, run)
    from shelftalk.claims.find import is_checked
    from shelftalk.cli.output import print_json, say
    from shelftalk.evidence.unchecked import not_checked
    from shelftalk.review.decisions import this_user
    from shelftalk.review.outputs import find_output
    from shelftalk.review.review import Review

    found = Review(find_output(opened, texts), opened.house_rules())
    who = by or this_user()
    decided = {"accepted_now": 0, "rejected_now": 0}
    if accept is not None:
        if accept in ("clean", "all"):
            chosen = found.select(["undecided"], clean=True if accept == "clean" else None)
        else:
            chosen = found.find(_ids(accept, "--accept"))
        numbers = [number for number in chosen if found.state(number).text.strip()]
        if blank := len(chosen) - len(numbers):
            say(f"{blank:,} texts are empty and were not accepted.")
        found.accept(numbers, who)
        decided["accepted_now"] = len(numbers)
    if reject is not None:
        numbers = found.find(_ids(reject, "--reject"))
        found.reject(numbers, who)
        decided["rejected_now"] = len(numbers)
    summary = {**decided, **found.summary(), "claims_checked": is_checked(opened.language)}
    if as_json:
        print_json(summary)
    else:
        _show(summary)
        if unchecked := not_checked(opened.language):
            say(unchecked)


def _ids(given: str, option: str) -> list[str]:
    """Return the ids in a list with commas or ends of lines; one with a comma in it stands in double quotes.

    Raises:
        UserError: there is none.
    """
    rows = csv.reader(given.splitlines(keepends=True), skipinitialspace=True)
    ids = [one.strip() for row in rows for one in row if one.strip()]
    if not ids:
        raise UserError(f"{option} names no product; give ids separated by commas.")
    return ids


def _show(summary: dict[str, Any]) -> None:
    from shelftalk.cli.output import out

    counts = {name: f"{value:,}" for name, value in summary.items() if isinstance(value, int)}
    lines = [
        "{texts} texts: {accepted} accepted, {edited} edited, {rejected} rejected, {undecided} undecided "
        "({clean_undecided} of them without a found fault).".format(**counts)
    ]
    if summary["accepted_now"] or summary["rejected_now"]:
        lines.insert(0, "Now {accepted_now} accepted and {rejected_now} rejected.".format(**counts))
    lines.append(f"Decisions: {summary['decisions']}")
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
