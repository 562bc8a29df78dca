"""Describe a whole file of titles; after a kill, the same command resumes with the missing rows.

    titles.csv -> rows -> the tuned model, a window of rows at a time -> journal -> descriptions.csv, atomically

While the output is being written, its folder holds `descriptions.csv.journal` and a lock; both are removed at the end.
The job's record, in another folder, later identifies an output as written by this job; beside it are the texts for
review, write-back and training (`texts.py`).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.form import unusual_form
from shelftalk.catalogue.known_attributes import NOTHING_KNOWN, KnownAttributes
from shelftalk.catalogue.read import form_of_file
from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.claims.find import is_checked
from shelftalk.errors import Damaged, Failure, NotFound, NotWritable, UserError
from shelftalk.format_numbers import require_known
from shelftalk.generation.earlier import NO_TEXTS, check_rows, complete_job
from shelftalk.generation.engine import Engine
from shelftalk.generation.entries import Entry, described_row, entry_of
from shelftalk.generation.faults import check_text, identify_rules
from shelftalk.generation.grounded import check_references, write_grounded, write_with_references
from shelftalk.generation.journal import Journal
from shelftalk.generation.survey import Survey, survey_titles
from shelftalk.generation.tables import OWN, SUFFIXES, table
from shelftalk.generation.texts import FORMAT, TextsWriter, next_number, recorded_paths
from shelftalk.generation.titles import OF_THE_SHOP, TitleRow, column_names, find_columns, read_titles
from shelftalk.locks import lock_file
from shelftalk.mounts import refuse_mounted_file
from shelftalk.prompts import PromptTemplate
from shelftalk.records import Description, Progress, Reference, no_progress
from shelftalk.rules.house_rules import NO_RULES, HouseRules
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import lock, read_json, sha256, staged_file, write_json

if TYPE_CHECKING:
    from shelftalk.retrieval.search import Index  # whose module loads Chroma

WINDOW = 256  # rows passed to the engine at once: enough to sort by length and to keep it busy

Keep = Callable[[int, Entry], None]  # called with a row's number and its entry


@dataclass(frozen=True)
class Job:
    """One output to be written.

    `model` identifies the model in plain JSON values; together with the input file and the settings it identifies the
    job. `record` is the file with the job's result, `texts` that with what was written. `template` has the
    words of the prompts. `file` says how to read the input. `known` are the attributes that the model was trained on;
    without any, the input's are not used either. For `grounded` and `with_references` see `generation.grounded`.
    `rules` are the house rules that each text is checked against, and `language` is that of the texts, for their
    claims. With `replace` the output of another job, unchanged since, is replaced when this one is complete.
    """

    source: Path
    output: Path
    settings: DecodingSettings
    model: dict[str, str]
    record: Path
    template: PromptTemplate
    references: int = 3
    file: FileSettings = FOUND
    known: KnownAttributes = NOTHING_KNOWN
    grounded: bool = False
    with_references: bool = False
    rules: HouseRules = NO_RULES
    language: str = "en"
    replace: bool = False

    @property
    def journal(self) -> Path:
        """The file that holds the finished rows until the output exists."""
        return self.output.with_name(f"{self.output.name}.journal")

    @property
    def texts(self) -> Path:
        """The file of texts, beside the record."""
        return self.record.with_suffix(".parquet")

    def check(self) -> None:
        """Check that the output can be written.

        Raises:
            UserError: an unknown suffix, an output that is the input, a folder or a mount point, grounding without
                references and attributes, or see `grounded.check_references`.
            NotFound: the output's folder does not exist.
            NotWritable: that folder is not writable.
        """
        folder = self.output.parent
        if self.output.suffix.lower() not in SUFFIXES:
            raise UserError(f"--output must end in {', '.join(SUFFIXES)}, got {self.output.name!r}.")
        if self.grounded and not self.references and not self.known:
            raise UserError("--grounded needs --references of at least 1 where the run knows no attributes, got 0.")
        check_references(self.with_references, self.references, self.grounded)
        if not folder.is_dir():
            raise NotFound(f"There is no folder {folder} for --output; make it with: mkdir -p {folder}")
        if self.output.is_dir():
            raise UserError(f"--output {self.output} is a folder; give a file in it.")
        refuse_mounted_file(self.output, "--output")
        if self.output.exists() and self.source.exists() and self.output.samefile(self.source):
            raise UserError(f"--output {self.output} is the --input; choose another file, it would be overwritten.")
        if not os.access(folder, os.W_OK):
            raise NotWritable(f"Cannot write into {folder}: permission denied; choose another --output.")

    def describe(self, columns: Columns) -> dict[str, Any]:
        """Return everything that determines the output, in plain JSON values."""
        return {
            **self.model,
            "input_sha256": sha256(self.source),
            **self.file.as_mapping(),
            "title_field": columns.title,
            "id_field": columns.uid,
            "references": self.references,
            "grounded": self.grounded,
            "with_references": self.with_references,
            "rules": identify_rules(self.rules),
            "attributes": [one.column for one in columns.attributes],
            "attribute_names": list(self.known.names),
            "attribute_order": list(self.known.order),
            "output_columns": list(OWN),  # a version with others does not resume this one's job
            **self.settings.as_mapping(),
        }


@dataclass(frozen=True)
class Window:
    """At most WINDOW rows that can be described, and the numbers of those that are not done yet."""

    rows: list[TitleRow]
    missing: set[int]


# Writes windows on other machines, and yields the entries of each window's missing rows, in the order of the windows.
RemoteWriter = Callable[[Iterable[Window]], Iterator[dict[int, Entry]]]


def describe_titles(
    job: Job,
    load_engine: Callable[[], Engine],
    load_index: Callable[[], Index],
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
    remote: RemoteWriter | None = None,
) -> dict[str, Any]:
    """Write the job's output with the tuned model, resuming where an earlier call was interrupted.

    Engine and index are loaded only if a row is missing. With a `remote` writer, which opens engine and index itself,
    `load_index` ensures that the index exists, and a window is stored only when all its rows are done. A finished
    output of this job is left unchanged.
    `progress` counts rows to describe. Its first call comes when a row is done: engines write several rows at once,
    and with an earlier start the remaining time would be estimated far too long.

    Returns:
        `output`, `rows` (of the file), `described`, `flags` (numbers of empty, repetitive and cut texts), `faults`
        (numbers of texts with claims that are unsupported or contradicted, both None in a language whose claims are not
        checked, attributes untold, and rules broken), `language` (of the texts),
        `rules` (numbers of texts that break each house rule, the commonest first), `notices` (what was said of the
        input),
        `bad_rows` (for each reason the `count` of rows without a text and the first `lines`), `before` (rows finished
        by earlier calls), `seconds` of writing in this call, without loading, and `rows_per_second`, None if it wrote
        none.

    Raises:
        UserError: see `Job.check`; also where the output exists and is not this job's.
        InvalidSettings: the journal there is of another job.
        NotFound: there is no input.
        UnreadableInput: the input as a whole cannot be read, or has no title column.
        Busy: another process writes this output.
        NotWritable: a full disk, or a folder that cannot be written to.
        Failure: the input changed while it was read.
    """
    job.check()
    columns = find_columns(job.source, job.file, job.known)
    described = job.describe(columns)
    if found := _finished(job, described, say):
        return found
    form = form_of_file(job.source, job.file)
    job = replace(job, file=replace(job.file, encoding=form.encoding or None))  # which is not searched at each reading
    if unusual := unusual_form(form):
        say(f"{job.source.name} is read with {unusual}.")
    names = column_names(job.source, job.file)
    used = {one.column for one in columns.attributes}
    notices: list[str] = []

    def notice(line: str) -> None:
        notices.append(line)
        say(line)

    if left := [name for name in names if name.casefold() in OF_THE_SHOP and name not in used] if job.known else []:
        notice(f"Not used, since the run was not trained to tell such things: {', '.join(left)}.")
    # The whole file is read once before, so that a fault in its middle is found before the long part of the job.
    titles = read_titles(job.source, columns._replace(carry=True), job.file, job.known)
    survey = survey_titles(titles, job.known, notice, names)
    with lock(job.output, "writing descriptions"):
        if found := _finished(job, described, say):
            return found
        with Journal.open(job.journal, described, complete_job) as journal:
            before, seconds = len(journal), 0.0
            if before:
                say(f"Going on: {before:,} of {survey.usable:,} rows were done before.")
            index = load_index() if job.references and (before < survey.usable or journal.is_earlier) else None
            if journal.is_earlier:
                nearest = partial(_nearest, index, count=job.references)
                check_rows(journal, _windows(job, columns), nearest, job.rules, job.language)
            if before < survey.usable:

                def keep(number: int, entry: Entry) -> None:
                    journal.append(number, entry)
                    progress(len(journal), survey.usable)

                missing = _missing(job, columns, journal)
                if remote:
                    seconds = _keep_all(remote(missing), keep)
                else:
                    seconds = _write_missing(job, missing, load_engine, index, keep)
            if sha256(job.source) != described["input_sha256"]:
                raise Failure(f"{job.source} changed while it was read; put the earlier file back and run again.")
            summary = {
                "output": str(job.output),
                **_publish(job, columns, described, journal, survey, notices),
                "before": before,
                "seconds": round(seconds, 1),
                "rows_per_second": round((survey.usable - before) / seconds, 2) if seconds else None,
            }
        _remove_temporary_files(job)
    return summary


def _finished(job: Job, described: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the summary of an existing output of this job, or None if there is no output, or one to replace.

    Raises:
        UserError: the output is another file.
        NewerFormat: a newer version of shelftalk recorded it.
    """
    if not job.output.exists():
        return None
    whole = True  # with texts, which version 0.1 did not write
    try:
        record = read_json(job.record)
        require_known(record, FORMAT, job.record)
        content, whole = sha256(job.output), "output" in record
        same = content == record["output_sha256"] and complete_job(record["job"]) == described
        same &= job.texts.is_file() or not whole
        unchanged = content in (record["output_sha256"], record.get("replaces"))
    except (Damaged, LookupError, TypeError):
        unchanged = same = False
    if unchanged and job.replace and not (same and whole):
        return None
    if not same:
        raise UserError(f"{job.output} exists and is not this job's output; remove it or choose another --output.")
    _remove_temporary_files(job)  # an earlier call may have been killed just before this step
    if not whole:
        say(f"{job.output} {NO_TEXTS}")
    held = {
        "faults": {},
        "rules": {},
        "notices": [],
        "language": job.language,
        **record["summary"],
        "seconds": 0.0,
        "rows_per_second": None,
    }
    return {"output": str(job.output), **held, "before": held["described"]}


def _remove_temporary_files(job: Job) -> None:
    """Remove journal and lock of a finished output; a process that waits for the lock will find that output."""
    job.journal.unlink(missing_ok=True)
    lock_file(job.output).unlink(missing_ok=True)


def _write_missing(
    job: Job, windows: Iterable[Window], load_engine: Callable[[], Engine], index: Index | None, keep: Keep
) -> float:
    """Describe the missing rows in this process, window by window, and return the seconds without loading."""
    with closing(load_engine()) as engine:
        started = time.monotonic()
        for window in windows:
            write_window(job, window, engine, index, keep)
        return time.monotonic() - started


def _keep_all(written: Iterable[dict[int, Entry]], keep: Keep) -> float:
    """Store the entries of a remote writer, and return the seconds that it took, with loading."""
    started = time.monotonic()
    for entries in written:
        for number, entry in entries.items():
            keep(number, entry)
    return time.monotonic() - started


def write_window(job: Job, window: Window, engine: Engine, index: Index | None, keep: Keep) -> None:
    """Describe a window's missing rows, and call `keep` with each as soon as it is done."""
    nearest = _nearest(index, window.rows, job.references)
    missing = [row for row in window.rows if row.number in window.missing]

    def on_description(index: int, description: Description) -> None:
        row = missing[index]
        found = nearest.get(row.number, [])
        # Checked here and not when the output is written: only here are the references' descriptions known.
        faults = check_text(description.text, row.request, found, job.rules, language=job.language)
        keep(row.number, entry_of(description, faults, found))

    requests, settings = [row.request for row in missing], job.settings
    arguments = (engine, job.template, requests, [nearest.get(row.number, []) for row in missing])
    if job.grounded:
        write_grounded(
            *arguments, settings=settings, rules=job.rules, language=job.language, on_description=on_description
        )
    elif job.with_references:
        write_with_references(*arguments, tuned=True, settings=settings, on_description=on_description)
    else:
        prompts = list(map(job.template.prompt_for, requests))
        engine.complete_all(prompts, tuned=True, settings=settings, on_description=on_description)


def _missing(job: Job, columns: Columns, journal: Journal) -> Iterator[Window]:
    """Yield the windows with at least one row that is not in the journal."""
    for rows in _windows(job, columns):
        if missing := {row.number for row in rows if row.number not in journal}:
            yield Window(rows, missing)


def _windows(job: Job, columns: Columns) -> Iterator[list[TitleRow]]:
    """Yield the rows that can be described, WINDOW at a time."""
    rows = (row for row in read_titles(job.source, columns, job.file, job.known) if not row.fault)
    while window := list(islice(rows, WINDOW)):
        yield window


def _nearest(index: Index | None, window: list[TitleRow], count: int) -> dict[int, list[Reference]]:
    """Return the references of each row by its number.

    All rows of a window are embedded, even those that are done: the composition of a batch may change the last digit
    of a similarity, and the output must not depend on where an earlier call was interrupted.
    """
    if index is None:
        return {}
    found = index.search_all([row.query for row in window], count)
    return {row.number: references for row, references in zip(window, found, strict=True)}


def _publish(
    job: Job, columns: Columns, described: dict[str, Any], journal: Journal, survey: Survey, notices: list[str]
) -> dict[str, Any]:
    """Write the output atomically, and return its summary; the job's texts and record are written just before."""
    flags = {"empty": 0, "repetitive": 0, "cut": 0}
    names = ("unsupported", "contradicted", "untold", "broken_rules")
    faults = dict.fromkeys(names if is_checked(job.language) else names[2:], 0)
    rules: Counter[str] = Counter()
    with staged_file(job.output) as temporary, staged_file(job.texts) as texts:
        suffix = job.output.suffix.lower()
        with table(temporary, suffix, job.references, list(survey.columns)) as append, TextsWriter(texts) as kept:
            for row in read_titles(job.source, columns._replace(carry=True), job.file, job.known):
                one = described_row(row, {} if row.fault else journal[row.number])
                append(one)
                kept.append(one)
                if one.flag in flags:
                    flags[one.flag] += 1
                rules.update({broken.partition(":")[0] for broken in one.broken_rules})
                for name in faults:
                    faults[name] += bool(getattr(one, name))
        summary = {
            "rows": survey.rows,
            "described": survey.usable,
            "flags": flags,
            "faults": {name: faults.get(name) for name in names},
            "language": job.language,
            "rules": dict(rules.most_common()),
            "notices": notices,
            "bad_rows": {one: {"count": count, "lines": lines} for one, (count, lines) in survey.faults.items()},
        }
        paths = recorded_paths(job.record, job.source, job.output)
        replaced = sha256(job.output) if job.output.exists() else ""  # which a kill now would leave in its place
        held = {"format": FORMAT, "number": next_number(job.record.parent), "job": described, **paths}
        write_json(job.record, {**held, "output_sha256": sha256(temporary), "replaces": replaced, "summary": summary})
    return summary
