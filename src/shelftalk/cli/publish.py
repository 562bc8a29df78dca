"""`shelftalk publish`: write accepted texts into the file that a shop's importer takes, and print what was done."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from shelftalk.catalogue.settings import FileSettings
from shelftalk.cli.options import DEFAULT_WORKSPACE, JsonOption, RunArgument, WorkspaceOption, open_run, with_settings
from shelftalk.errors import UserError
from shelftalk.publishing.settings import PublishSettings

NAMES_SHOWN = 10
# What is said of the texts that are left out, by the reasons of `publishing.plan`.
REASONS = {
    "empty": "without a word",
    "too_long": "longer than the format takes",
    "unwritable": "with characters that the file cannot hold",
    "formula": "that would begin as a formula of a spreadsheet; edit their beginning",
    "without_id": "for products without an id, by which the importer would find them",
    "not_found": "for rows that the input does not have",
    "changed": "for rows that have another title or id now",
    "duplicate": "for ids that several products have; give each its own",
}
STRUCTURED = "Google asks for structured_description where generative AI wrote a text; this feed has description."


@with_settings(PublishSettings)
def publish(
    run: RunArgument,
    texts: Annotated[Path, typer.Option("--texts", help="An output of generate, whose texts were reviewed.")],
    source: Annotated[Path, typer.Option("--input", help="The shop's file that generate read.")],
    target: Annotated[Path, typer.Option("--to", help="File to write, for the shop's importer.")],
    settings: PublishSettings,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="Required: only texts that a person accepted are ever written.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also replace descriptions that are there.")] = False,
    by_id: Annotated[
        bool, typer.Option("--by-id", help="Find products by id, in another file than the texts were made for.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show counts and ten examples, and write nothing.")
    ] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Write accepted texts back into the file that the shop's own importer takes; no other column is touched.

    The old texts go to a restore file beside it, which the same importer takes back. A row that has a description keeps
    it, unless --overwrite is given.
    """
    if not accepted:
        raise UserError("--accepted is missing: only texts that a person accepted are written; give it to say so.")
    opened = open_run(workspace, run)
    from shelftalk.cli import output as screen
    from shelftalk.publishing.publish import publish as publish_texts
    from shelftalk.review.accepted import accepted_texts
    from shelftalk.review.outputs import find_output

    output = find_output(opened, texts)
    chosen = accepted_texts(output)
    if not chosen:
        raise UserError(f"No text of {texts} is accepted; accept some with: shelftalk review {run} --texts {texts}")
    if not by_id:
        settings = _as_generated(settings, output.job)
    with screen.step(f"Publishing {texts.name}") as progress:
        summary = publish_texts(
            source,
            target,
            chosen,
            settings,
            output.input_sha256,
            overwrite=overwrite,
            by_id=by_id,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        screen.print_json(summary)
    else:
        _show(summary, source)


def _as_generated(settings: PublishSettings, job: dict[str, Any]) -> PublishSettings:
    """Return the settings with how `generate` read the file, where nothing else is given."""
    names = [one.name for one in fields(FileSettings)]
    known = {name: job[name] for name in names if job.get(name) is not None and getattr(settings, name) is None}
    return replace(settings, **known)


def _show(summary: dict[str, Any], source: Path) -> None:
    from shelftalk.cli.output import out, plain, show_rows

    written = summary["written"]
    if summary["dry_run"]:
        lines = [f"{written:,} texts would be written ({summary['format']}); nothing was."]
    elif written:
        lines = [f"{written:,} texts written to {summary['target']} ({summary['format']}, {_encoding(summary)})."]
        lines.append(f"The old texts are in {summary['restore']}, which the same importer takes back.")
    else:
        lines = ["Nothing to write."]
    if summary["converted_from"]:
        lines.append(f"  {source.name} is in {summary['converted_from']}, which lacks a character of a text.")
    if summary["kept"]:
        lines.append(f"  {summary['kept']:,} not written: their rows have a text, which --overwrite would replace")
    for reason, names in summary["left_out"].items():
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        lines.append(f"  {len(names):,} not written {REASONS[reason]}: {', '.join(names[:NAMES_SHOWN])}{more}")
    if summary["format"] == "google":
        lines.append(STRUCTURED)
    for line in lines:
        out.print(plain(line), markup=False, soft_wrap=True)
    if summary["dry_run"] and summary["examples"]:
        show_rows(summary["examples"], "")


def _encoding(summary: dict[str, Any]) -> str:
    return summary["encoding"] or "Parquet"
