"""Turn a catalogue file into a prepared catalogue: cleaned, without duplicates, sampled and split.

Two passes, both in bounded memory. The first cleans each row and writes it to a draft, keeping fixed-size fingerprints;
with all fingerprints at hand, `split` decides; the second pass copies what stays into products.parquet.

    folder/
      products.parquet   uid, title, description, split, line; in the file's order
      rejects.jsonl      {"file", "line", "reason", "detail"} for every row left out, in the file's order
      catalogue.json     counts, hashes and how it was made
      manifest.json      SHA-256 of the three

The reasons for which a row is left out:

    invalid_json            not JSON, or nested too deep
    not_an_object           JSON, but a list, a text or a number
    invalid_csv             quotes that do not match, or more fields than the header has
    invalid_xml             a feed's item, or what stands between two, that is not XML
    invalid_utf8            bytes that are not UTF-8
    line_too_long           a row of more than 16 MiB
    variant                 a row that a shop's export has for a variant (or an image) of a product in another row
    missing_title           no title, or nothing of it is left after cleaning
    missing_description     the same for the description
    title_not_text          a title that is not a string
    description_not_text    a description that is neither a string nor a list of strings, which are joined
    duplicate_product       the same title and description as an earlier product, but for case and punctuation
    duplicate_id            the id of an earlier product
    not_sampled             left out by max_products

`line` is a physical line from 1, in CSV and TSV the one where the record begins, in XML the one where the item begins,
in Parquet the row's number. Blank lines are neither rows nor rejects.
"""

from __future__ import annotations

import shutil
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shelftalk import __version__
from shelftalk.catalogue.clean import clean, comparable, plain
from shelftalk.catalogue.columns import Columns, choose_columns
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.split import SPLITS, assign, choose, duplicates, fingerprint, groups
from shelftalk.catalogue.table import DRAFT, PRODUCTS, TableWriter
from shelftalk.catalogue.values import DETAIL_LENGTH, text_of, uid_of
from shelftalk.errors import TooFewProducts, UnreadableInput
from shelftalk.records import Product, Progress, Reject, no_progress
from shelftalk.settings import PrepareSettings
from shelftalk.workspace import lock, staged_folder, write_json

FEWEST_PRODUCTS = 10
RAW_RECORDS = 2
SECONDS_BETWEEN_PROGRESS = 0.05
DRAFT_TABLE, DRAFT_REJECTS = "draft.parquet", "draft.jsonl"


def prepare(
    source: Path,
    folder: Path,
    settings: PrepareSettings,
    progress: Progress = no_progress,
    accept: Callable[[str], None] = lambda data_hash: None,
) -> dict[str, Any]:
    """Prepare the catalogue file `source` in `folder`, which is replaced whole or left as it was.

    The same file and settings give the same bytes in products.parquet and rejects.jsonl. `progress` gets bytes of the
    file read, and its size. `accept` is given the data hash before anything is replaced; what it raises ends the call.

    Returns:
        What stands in catalogue.json: `read`, `kept`, `rejected` by reason (read is the sum of both), `split`,
        `data_hash`, `source`, `columns` (the description's as a list where it is joined from several), `raw` (the first
        records as they stand in the file), `settings` and the version of shelftalk. `data_hash` is the SHA-256 of one
        line for each product in order: the compact JSON array [uid, title, description, split] in UTF-8, and a newline.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: the file as a whole cannot be read, has not the columns, or holds no usable row.
        TooFewProducts: fewer than 10 products are left, or all share one title or description.
        Busy: another process prepares this catalogue.
        NotWritable: the folder cannot be written.
    """
    with reading(source) as reader:
        names = reader.columns()
    # No columns at all: there is no row to be read, and the first pass will say what stands in their place.
    columns = choose_columns(source, names, settings) if names else Columns("title", ("description",))
    with lock(folder, "prepare"), staged_folder(folder) as staging:
        draft = _write_draft(source, columns, staging, progress)
        choices = _choose(source, draft, settings)
        data_hash, rejected = _write_products(draft, choices, staging)
        accept(data_hash)
        summary = {
            "read": len(draft.lines) + len(draft.rejected_lines),
            "kept": int((choices.splits >= 0).sum()),
            "rejected": dict(sorted(rejected.items())),
            "split": {name: int((choices.splits == index).sum()) for index, name in enumerate(SPLITS)},
            "data_hash": data_hash,
            "source": {"name": source.name, "bytes": source.stat().st_size},
            "columns": {
                "title": columns.title,
                "description": columns.description[0] if len(columns.description) == 1 else list(columns.description),
                "id": columns.uid,
            },
            "raw": [{"line": line, "text": text} for line, text in preview(source, RAW_RECORDS).records],
            "settings": settings.as_mapping(),
            "shelftalk": __version__,
        }
        write_json(staging / "catalogue.json", summary)
    return summary


@dataclass
class _Draft:
    """What the first pass leaves in memory: 32 bytes a usable row, 8 a reject."""

    file: str
    titles: array[int] = field(default_factory=lambda: array("Q"))
    descriptions: array[int] = field(default_factory=lambda: array("Q"))
    uids: array[int] = field(default_factory=lambda: array("Q"))
    lines: array[int] = field(default_factory=lambda: array("Q"))
    rejected_lines: array[int] = field(default_factory=lambda: array("Q"))
    rejected: Counter[str] = field(default_factory=Counter)
    first_reject: dict[str, Reject] = field(default_factory=dict)

    def add(self, product: Product, line: int) -> None:
        self.titles.append(fingerprint("title", comparable(product.title)))
        self.descriptions.append(fingerprint("description", comparable(product.description)))
        self.uids.append(fingerprint("uid", product.uid))
        self.lines.append(line)

    def reject(self, reject: Reject) -> None:
        self.rejected_lines.append(reject.line)
        self.rejected[reject.reason] += 1
        self.first_reject.setdefault(reject.reason, reject)


@dataclass
class _Choices:
    """What becomes of the draft's rows: `splits` holds an index of SPLITS for each that stays, -1 for the others."""

    splits: NDArray[np.int8]
    repeats: dict[int, tuple[str, int]]


def _write_draft(source: Path, columns: Columns, staging: Path, progress: Progress) -> _Draft:
    """Read and clean the whole file into draft.parquet, and its rejects into draft.jsonl."""
    size, due = max(source.stat().st_size, 1), 0.0
    with (
        reading(source) as reader,
        TableWriter(staging / DRAFT_TABLE, DRAFT) as table,
        (staging / DRAFT_REJECTS).open("wb") as rejects,
    ):
        draft = _Draft(reader.name)
        for line, row in reader.rows(columns):
            try:
                product = _product(line, row)
            except Unusable as fault:
                reject = Reject(reader.name, line, fault.reason, fault.detail)
                draft.reject(reject)
                _write_reject(rejects, reject)
            else:
                draft.add(product, line)
                table.append((product.uid, product.title, product.description, line))
            if time.monotonic() >= due:
                progress(reader.position(), size)
                due = time.monotonic() + SECONDS_BETWEEN_PROGRESS
    progress(size, size)
    return draft


def _product(line: int, row: Row | Unusable) -> Product:
    """Make a cleaned product of a row.

    Raises:
        Unusable: the row is, or cleaning left no title or no description.
    """
    if isinstance(row, Unusable):
        raise row
    title = clean(text_of(row.title, "title_not_text"))
    description = _described(row.description)
    if not title:
        raise Unusable("missing_title", description)
    if not description:
        raise Unusable("missing_description", title)
    return Product(uid_of(row.uid) or f"row-{line}", title, description)


def _described(values: tuple[Any, ...]) -> str:
    """Make one cleaned text of a description's columns; a part that another one holds already is left out.

    Raises:
        Unusable: one of them holds no text.
    """
    parts = [clean(_joined(value)) for value in values]
    if len(parts) == 1:
        return parts[0]
    parts = list(dict.fromkeys(parts))
    return clean(" ".join(part for part in parts if not any(part in other for other in parts if other != part)))


def _joined(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    return text_of(value, "description_not_text")


def _choose(source: Path, draft: _Draft, settings: PrepareSettings) -> _Choices:
    """Decide what becomes of each row of the draft.

    Raises:
        UnreadableInput: there is no row at all, or none can be used.
        TooFewProducts: see `prepare`.
    """
    if not draft.lines:
        raise UnreadableInput(_nothing_usable(source, draft))
    titles, descriptions, uids, lines = (
        np.frombuffer(column, dtype=np.uint64) for column in (draft.titles, draft.descriptions, draft.uids, draft.lines)
    )
    repeats = duplicates(titles, descriptions, uids)
    stays = np.ones(len(lines), dtype=bool)
    stays[list(repeats)] = False
    linked = groups(titles, descriptions)
    if settings.max_products is not None:
        left = np.flatnonzero(stays)
        stays[left[~choose(lines[left], settings.max_products, settings.seed)]] = False
    if stays.sum() < FEWEST_PRODUCTS:
        raise TooFewProducts(_too_few(source, draft, int(stays.sum()), len(repeats), settings))
    splits = np.full(len(lines), -1, dtype=np.int8)
    splits[stays] = assign(linked[stays], settings.validation_share, settings.test_share, settings.seed)
    return _Choices(splits, repeats)


def _nothing_usable(source: Path, draft: _Draft) -> str:
    if not draft.rejected:
        return f"{source} holds no rows; give a file that holds products."
    [(reason, count)] = draft.rejected.most_common(1)
    first = draft.first_reject[reason]
    detail = f": {_shortened(first.detail, 80)}" if first.detail else ""
    total = draft.rejected.total()
    return (
        f"No row of {source} can be used: {count} of {total} have {reason}, the first in line {first.line}{detail}; "
        "a table with --title-field and --description-field, one JSON object a line, or an RSS or Atom feed is wanted."
    )


def _too_few(source: Path, draft: _Draft, kept: int, repeated: int, settings: PrepareSettings) -> str:
    counts = Counter(draft.rejected) + Counter({"duplicates": repeated})
    left_out = ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "none"
    if kept == settings.max_products:
        return f"--max-products must be at least {FEWEST_PRODUCTS}, since some are held out; got {kept}."
    return (
        f"{source} gives {kept} usable products and at least {FEWEST_PRODUCTS} are needed, since some are held out "
        f"(left out: {left_out}); give a larger file."
    )


def _write_products(draft: _Draft, choices: _Choices, staging: Path) -> tuple[str, Counter[str]]:
    """Copy what stays of the draft, gather all rejects in line order, and remove the draft; return hash and rejects."""
    rejected, digest = Counter(draft.rejected), sha256()
    with (
        (staging / DRAFT_REJECTS).open("rb") as earlier,
        (staging / "rejects.jsonl").open("wb") as rejects,
        TableWriter(staging / "products.parquet", PRODUCTS) as table,
    ):
        copied = 0
        for row, (product, line) in enumerate(_draft_products(staging)):
            while copied < len(draft.rejected_lines) and draft.rejected_lines[copied] < line:
                rejects.write(earlier.readline())
                copied += 1
            if choices.splits[row] >= 0:
                split = SPLITS[choices.splits[row]]
                table.append((*product, split, line))
                digest.update(orjson.dumps([*product, split], option=orjson.OPT_APPEND_NEWLINE))
            else:
                reject = _late_reject(row, line, product, draft, choices)
                rejected[reject.reason] += 1
                _write_reject(rejects, reject)
        shutil.copyfileobj(earlier, rejects)
    (staging / DRAFT_TABLE).unlink()
    (staging / DRAFT_REJECTS).unlink()
    return digest.hexdigest(), rejected


def _draft_products(staging: Path) -> Iterator[tuple[tuple[str, str, str], int]]:
    with pq.ParquetFile(staging / DRAFT_TABLE) as table:
        for group in range(table.num_row_groups):
            columns = table.read_row_group(group).to_pydict()
            products = zip(columns["uid"], columns["title"], columns["description"], strict=True)
            yield from zip(products, columns["line"], strict=True)


def _late_reject(row: int, line: int, product: tuple[str, str, str], draft: _Draft, choices: _Choices) -> Reject:
    if row not in choices.repeats:
        return Reject(draft.file, line, "not_sampled", product[1])
    reason, first = choices.repeats[row]
    same = f"id {product[0]!r}" if reason == "duplicate_id" else product[1]
    return Reject(draft.file, line, reason, f"line {draft.lines[first]}: {same}")


def _write_reject(file: IO[bytes], reject: Reject) -> None:
    entry = {**asdict(reject), "detail": _shortened(reject.detail, DETAIL_LENGTH)}
    file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))


def _shortened(text: str, length: int) -> str:
    text = plain(text[: 2 * length])
    return text if len(text) <= length else text[: length - 1] + "…"
