"""Write accepted texts back into the file that the shop's own importer takes.

    accepted texts + the shop's export -> a plan (first pass) -> products.csv, products.restore.csv (second pass)

The restore file has the old texts of exactly the rows that are written, in the same format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from shelftalk.errors import Failure, UserError
from shelftalk.publishing.files import both_files, check_target, restore_path, suffix_of_target
from shelftalk.publishing.opened import Input, format_of, open_input
from shelftalk.publishing.plain import cell_of, encoding_for, write_plain
from shelftalk.publishing.plan import Plan, make_plan
from shelftalk.publishing.settings import PublishSettings
from shelftalk.publishing.shops import write_google_feed, write_google_table, write_shopify, write_woocommerce
from shelftalk.publishing.texts import MOST_OF_GOOGLE, fault_of
from shelftalk.records import LONGEST_TEXT, AcceptedText, Progress, no_progress
from shelftalk.workspace import sha256

Write = Callable[[IO[bytes], IO[bytes]], None]

SHOP_SUFFIXES = (".csv",)
GOOGLE_SUFFIXES = (".tsv", ".txt", ".xml")
WITH_IDS = ("shopify", "woocommerce", "google")


def publish(
    source: Path,
    target: Path,
    accepted: Sequence[AcceptedText],
    settings: PublishSettings = PublishSettings(),  # noqa: B008
    expected_sha256: str | None = None,
    *,
    overwrite: bool = False,
    by_id: bool = False,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write the texts of accepted products to `target`, and the old texts beside it; nothing is written if none remain.

    Rows are found by line, id and title; with `by_id` by id, or by title where the file has no ids. Without `overwrite`
    a row that has a description keeps it. With `dry_run` nothing is written. `progress` counts bytes of the input,
    which is read twice.

    Returns:
        `format`, `written` (with `dry_run` what would be), `kept` (rows with a text of their own), `left_out` (for each
        reason of `plan` the products), `encoding`, `target` and `restore` (None where nothing is written), `dry_run`,
        and `examples`: id, and the beginnings of old and new text, of at most ten rows.

    Raises:
        NotFound: there is no input, or no folder for the target.
        UnreadableInput: the input cannot be read, or not be copied without other changes.
        UserError: the input is not the file of `expected_sha256`, it does not suit the format, the target's name does
            not, or another file is there.
        NotWritable: see `workspace.writing`.
        Failure: the input changed while it was read.
    """
    found = open_input(source, settings)
    format = format_of(found, settings)
    _check_target(found, target, format)
    digest = sha256(source)
    if expected_sha256 is not None and digest != expected_sha256 and not by_id:
        raise UserError(
            f"{source} is not the file that the texts were written for (its SHA-256 is {digest[:12]}, not "
            f"{expected_sha256[:12]}); give that file, or --by-id to find its products by their ids."
        )
    fault = partial(_fault, found, format, target)
    unique = format in WITH_IDS
    plan = make_plan(found, accepted, fault, overwrite=overwrite, by_id=by_id, unique=unique, progress=progress)
    encoding = encoding_for(found, plan) if format == "plain" else "utf-8"
    if plan.texts and not dry_run:
        with both_files(target) as (texts, old):
            _writer(found, plan, format, target, encoding)(texts, old)
            if sha256(source) != digest:
                raise Failure(f"{source} changed while it was read; run the same command again.")
    is_written = bool(plan.texts) and not dry_run
    return {
        "format": format,
        "written": len(plan.texts),
        "kept": plan.kept,
        "left_out": {reason: names for reason, names in plan.left_out.items() if names},
        "encoding": encoding,
        "converted_from": found.encoding if format == "plain" and encoding != found.encoding else None,
        "target": str(target) if is_written else None,
        "restore": str(restore_path(target)) if is_written else None,
        "dry_run": dry_run,
        "examples": [one._asdict() for one in plan.examples],
    }


def _check_target(found: Input, target: Path, format: str) -> None:
    suffixes = {"shopify": SHOP_SUFFIXES, "woocommerce": SHOP_SUFFIXES, "google": GOOGLE_SUFFIXES}
    may_be_packed = format == "google" or (format == "plain" and found.kind != "parquet")
    what = "the plain input" if format == "plain" else f"the format {format}"
    check_target(target, found.source, suffixes.get(format, (found.suffix,)), may_be_packed, what)


def _fault(found: Input, format: str, target: Path, one: AcceptedText) -> str | None:
    """Return why a text cannot be written in a format, one of the reasons of `plan`; None where it can."""
    if format in WITH_IDS and not one.uid:
        return "without_id"
    is_google = format == "google"
    is_text_cell = (is_google and suffix_of_target(target) != ".xml") or (
        format == "plain" and found.dialect is not None
    )
    formulas = is_text_cell and (is_google or not found.is_html)
    if reason := fault_of(one.text, MOST_OF_GOOGLE if is_google else LONGEST_TEXT, formulas):
        return reason
    if format != "plain" or found.dialect is None or found.dialect.quoting not in ("none", "escaped"):
        return None
    cell = cell_of(found, one.text)
    unheld = "\n" in cell or (found.dialect.quoting == "none" and found.dialect.delimiter in cell)
    return "unwritable" if unheld else None


def _writer(found: Input, plan: Plan, format: str, target: Path, encoding: str) -> Write:
    if format == "plain":
        return partial(write_plain, found, plan, encoding)
    feed = write_google_feed if suffix_of_target(target) == ".xml" else write_google_table
    return partial({"shopify": write_shopify, "woocommerce": write_woocommerce, "google": feed}[format], found, plan)
