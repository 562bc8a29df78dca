"""Turn files of products into a prepared catalogue: cleaned, without duplicates, sampled and split.

There are two passes over blocks of the files, both in bounded memory and in as many processes or on as many machines as
`mapped` uses. The first pass cleans the rows of each block into a draft and keeps fixed-size fingerprints; then `split`
decides from all fingerprints; the second pass writes the rows that are kept to products.parquet.

    folder/
      products.parquet   uid, title, description, split, line, attributes (a map of texts); in the files' order
      rejects.jsonl      {"file", "line", "reason", "detail"} for every row left out, in the files' order
      catalogue.json     counts, hashes, settings and versions
      manifest.json      SHA-256 of the three

The reasons for which a row is left out:

    invalid_json            not JSON, or nested too deep
    not_an_object           JSON, but a list, a text or a number
    invalid_csv             quotes that do not match, or more fields than the header has
    invalid_xml             malformed XML in a feed's item or between two items
    invalid_utf8            bytes that are not UTF-8
    line_too_long           a row of more than 16 MiB
    variant                 a row of a shop's export for a variant (or an image) of a product in another row
    store_view              a row of a shop's export with another row's product, in another language or for another shop
    other_language          a product without a title in the language that is read, of a file with several
    missing_title           no title, or the title is empty after cleaning
    missing_description     the same for the description, also where it is "N/A", "NULL", "-" or the like
    title_not_text          a title that is not a string
    description_not_text    a description that is neither a string nor a list of strings, which are joined
    duplicate_product       the same title and description as an earlier product, ignoring case and punctuation
    duplicate_id            the id of an earlier product
    near_duplicate          a description similar to that of an earlier product; only with near_duplicates=drop
    not_sampled             left out by max_products

`line` is a physical line, from 1: in CSV and TSV where the record begins, in XML where the item begins; in Parquet it
is the row's number. Blank lines are neither rows nor rejects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shelftalk import __version__
from shelftalk.catalogue.catalogue import FORMAT, Catalogue
from shelftalk.catalogue.draft import DecidedBlock, blocks, clean_block, finish_block, shortened
from shelftalk.catalogue.languages import code_of, main_language
from shelftalk.catalogue.near_duplicates import Signatures, near_groups, signatures
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.catalogue.sources import Source, Sources, find_sources
from shelftalk.catalogue.split import (
    SPLITS,
    Fingerprints,
    assign,
    choose,
    clashing_ids,
    duplicates,
    groups,
    near_repeats,
)
from shelftalk.catalogue.table import PRODUCTS, TableWriter
from shelftalk.errors import Damaged, InvalidSettings, TooFewProducts, UnreadableInput
from shelftalk.format_numbers import require_known
from shelftalk.records import Map, Progress, Reject, no_progress
from shelftalk.workspace import lock, read_json, staged_folder, write_json

FEWEST_PRODUCTS = 10
MOST_CLASHING = 0.05  # share of the rows with an id that another title has; of more, the column holds no ids
MOST_NAMES = 1_000  # of attributes that are listed in the summary
COUNTED_NAMES = 20_000
LANGUAGE_SAMPLE = 1_000  # products
DRAFT = "draft"


def prepare(
    given: Path | Sequence[Path],
    folder: Path,
    settings: PrepareSettings,
    progress: Progress = no_progress,
    accept: Callable[[str], None] = lambda data_hash: None,
    mapped: Map = map,
) -> dict[str, Any]:
    """Prepare the given files, and those in given folders, in `folder`, which is replaced atomically or left as it was.

    The same files and settings give the same bytes in products.parquet and rejects.jsonl. `progress` gets the bytes of
    the files read, and their size. `accept` is called with the data hash before anything is replaced; an exception from
    it aborts the call. `mapped` applies the work to the blocks; the bytes do not depend on it.

    Returns:
        The content of catalogue.json: `read`, `kept`, `rejected` by reason (read is the sum of both), `split`,
        `data_hash`, `source` (with how it is read, see `form.Form`; of several files their number, size and `files`,
        each with its counts, and `left_out`, the files of a folder that cannot be read),
        `columns` (see `Sources.columns`; the description's as a list where it is joined from several; with the
        `language` that is read of texts in several), `raw` (the first
        records of the file, unparsed), `no_id` (a `column` that seemed to hold ids, which repeat on different titles in
        so many `rows`: the rows are numbered), `attributes` (how many products have each, the commonest 1,000 first),
        `attributes_cut` (numbers of what was cut or left out because it was too long or too much), `language` (see
        `Catalogue.language`; '' where none was found in the texts), `settings` and the version of shelftalk.
        `data_hash` is the SHA-256 of one line for each product in order: the compact JSON array [uid, title,
        description, split] in UTF-8, and a newline; a product with attributes has the array of their [name, value]
        behind its split.

    Raises:
        NotFound: there is no such file.
        InvalidSettings: `language` is no code of a language, of a file whose texts are in one.
        NewerFormat: a newer version of shelftalk wrote the catalogue in `folder`.
        UnreadableInput: the file as a whole cannot be read, lacks the columns, or has no usable row.
        TooFewProducts: fewer than 10 products are left, or all share one title or description.
        Busy: another process prepares this catalogue.
        NotWritable: the folder cannot be written.
    """
    sources = find_sources([given] if isinstance(given, Path) else given, settings)
    given_language = _given_language(sources, settings)
    with lock(folder, "prepare"), staged_folder(folder) as staging:
        with suppress(Damaged):  # which is replaced
            require_known(read_json(folder / "catalogue.json"), FORMAT, folder / "catalogue.json")
        draft = _write_draft(sources.files, settings, staging / DRAFT, progress, mapped)
        no_id: dict[str, Any] = {}
        uid = next((one.columns.uid for one in sources.files if one.columns.uid), None)
        clashing = clashing_ids(draft.titles, draft.uids) if uid and settings.id_field is None else 0
        if clashing > MOST_CLASHING * len(draft.lines):
            no_id = {"column": uid, "rows": clashing}
            sources = sources.without_ids()
            rmtree(draft.folder)
            draft = _write_draft(sources.files, settings, staging / DRAFT, progress, mapped)
        choices = _choose(sources, draft, settings)
        data_hash, rejected, attributes = _write_products(draft, choices, staging, mapped)
        accept(data_hash)
        summary = {
            "format": FORMAT,
            "read": len(draft.lines) + draft.rejected.total(),
            "kept": int((choices.splits >= 0).sum()),
            "rejected": dict(sorted(rejected.items())),
            "split": {name: int((choices.splits == index).sum()) for index, name in enumerate(SPLITS)},
            "data_hash": data_hash,
            "source": _describe_sources(sources, draft, choices),
            "columns": sources.columns(),
            "no_id": no_id,
            "attributes": dict(attributes.most_common(MOST_NAMES)),
            "attributes_cut": dict(sorted(draft.cut.items())),
            "raw": [{"line": line, "text": text} for line, text in sources.files[0].beginning.records],
            "settings": settings.as_mapping(),
            "shelftalk": __version__,
        }
        texts = [one.description for one in Catalogue(staging, summary).neighbours(LANGUAGE_SAMPLE)]
        summary["language"] = given_language or main_language(texts)
        write_json(staging / "catalogue.json", summary)
    return summary


def _given_language(sources: Sources, settings: PrepareSettings) -> str:
    """Return the language that the settings name, or the one that is read of texts in several; '' for one to be found.

    Raises:
        InvalidSettings: the settings name none.
    """
    of_several = sources.columns().get("language", "")
    if settings.language and not of_several and not code_of(settings.language):
        raise InvalidSettings(f"language must be a code such as en or pt-BR, got {settings.language!r}.")
    return code_of(settings.language or of_several)


@dataclass(frozen=True, slots=True)
class _Draft:
    """The result of the first pass in memory; the rows themselves are in `folder`, in blocks.

    A usable row takes 32 bytes, and 128 more for its signature when near-duplicates are searched.

    `ends` are the cumulative numbers of usable rows at the end of each block, `file_ends` at the end of each file, and
    `files` the names of the files, as in rejects; `read` counts the rows of each.
    """

    folder: Path
    files: list[str]
    read: list[int]
    file_ends: NDArray[np.int64]
    titles: Fingerprints
    descriptions: Fingerprints
    uids: Fingerprints
    lines: NDArray[np.int64]
    signatures: Signatures
    ends: NDArray[np.int64]
    rejected: Counter[str]
    first_reject: dict[str, Reject]
    cut: Counter[str]

    def file_of(self, row: int) -> int:
        """Return the number of the file that a row is of."""
        return min(int(np.searchsorted(self.file_ends, row, side="right")), len(self.files) - 1)

    def place(self, row: int, file: int) -> str:
        """Return the place of a row, with its file where that is another one than `file`."""
        own = self.file_of(row)
        return f"{'' if own == file else f'{self.files[own]}, '}line {self.lines[row]}"


@dataclass(frozen=True, slots=True)
class _Choices:
    """The decision on each row of the draft: `splits` has an index of SPLITS for each row kept, -1 for the others."""

    splits: NDArray[np.int8]
    repeats: dict[int, tuple[str, int]]


def _write_draft(
    sources: list[Source], settings: PrepareSettings, folder: Path, progress: Progress, mapped: Map
) -> _Draft:
    """Read and clean the whole files into blocks in `folder`."""
    cleaned = partial(clean_block, with_signatures=settings.near_duplicates != "off")
    folder.mkdir()
    size, before = max(sum(one.path.stat().st_size for one in sources), 1), 0
    files: list[str] = []
    read: list[int] = []
    rows: list[int] = []
    found: list[tuple[Fingerprints, Fingerprints, Fingerprints, NDArray[np.int64], Signatures]] = []
    rejected: Counter[str] = Counter()
    first_reject: dict[str, Reject] = {}
    cut: Counter[str] = Counter()
    for source in sources:
        known = replace(settings, encoding=source.beginning.form.encoding or None)  # which is not searched again
        files.append(source.name)
        read.append(0)
        rows.append(0)
        with reading(source.path, known, source.part) as reader:
            files[-1] += reader.name.removeprefix(source.path.name)  # the file in a zip
            for block in mapped(cleaned, blocks(reader, source.columns, files[-1], source.part)):
                (folder / f"{len(found)}.products").write_bytes(block.products)
                (folder / f"{len(found)}.rejects").write_bytes(block.rejects)
                found.append((block.titles, block.descriptions, block.uids, block.lines, block.signatures))
                rows[-1] += len(block.lines)
                read[-1] += len(block.lines)
                for reason, (count, first) in block.rejected.items():
                    rejected[reason] += count
                    read[-1] += count
                    first_reject.setdefault(reason, first)
                cut.update(block.cut)
                progress(min(before + reader.position(), size), size)
        before += source.path.stat().st_size
    progress(size, size)
    none = np.empty(0, dtype=np.uint64)
    nothing = (none, none, none, none.astype(np.int64), signatures([]))
    titles, descriptions, uids, lines, signed = (np.concatenate(parts) for parts in zip(nothing, *found, strict=True))
    ends = np.cumsum([len(one[0]) for one in found], dtype=np.int64)
    texts = (titles, descriptions, uids, lines, signed, ends)
    return _Draft(folder, files, read, np.cumsum(rows, dtype=np.int64), *texts, rejected, first_reject, cut)


def _choose(sources: Sources, draft: _Draft, settings: PrepareSettings) -> _Choices:
    """Decide for each row of the draft whether it is kept, and in which split.

    Raises:
        UnreadableInput: there is no row, or no usable row.
        TooFewProducts: see `prepare`.
    """
    if not len(draft.lines):
        raise UnreadableInput(_nothing_usable(sources, draft))
    repeats = duplicates(draft.titles, draft.descriptions, draft.uids)
    stays = np.ones(len(draft.lines), dtype=bool)
    stays[list(repeats)] = False
    near = None if settings.near_duplicates == "off" else near_groups(draft.signatures)
    if near is not None and settings.near_duplicates == "drop":
        repeats |= near_repeats(near, stays)
        stays[list(repeats)] = False
    linked = groups(draft.titles, draft.descriptions, near)
    if settings.max_products is not None:
        left = np.flatnonzero(stays)
        stays[left[~choose(_row_keys(draft)[left], settings.max_products, settings.seed)]] = False
    if stays.sum() < FEWEST_PRODUCTS:
        raise TooFewProducts(_too_few(sources.title, draft, int(stays.sum()), len(repeats), settings))
    splits = np.full(len(draft.lines), -1, dtype=np.int8)
    splits[stays] = assign(linked[stays], settings.validation_share, settings.test_share, settings.seed)
    return _Choices(splits, repeats)


def _row_keys(draft: _Draft) -> NDArray[np.int64]:
    """Return a unique number for each row: its line, with its rank in the line where a feed has many items in one.

    The rows of a second file and further ones have negative numbers.
    """
    lines = draft.lines[: draft.file_ends[0]]
    rank = np.arange(len(lines)) - np.searchsorted(lines, lines)
    others = np.arange(len(lines), len(draft.lines))
    return np.concatenate([lines + (rank << 40), -others])


def _nothing_usable(source: Sources, draft: _Draft) -> str:
    if not draft.rejected:
        return f"{source.title} holds no rows; give a file that holds products."
    [(reason, count)] = draft.rejected.most_common(1)
    first = draft.first_reject[reason]
    detail = f": {shortened(first.detail, 80)}" if first.detail else ""
    where = f" of {first.file}" if len(draft.files) > 1 else ""
    total = draft.rejected.total()
    place = f"line {first.line}{where}{detail}"
    cure = "a table with --title-field and --description-field, JSON Lines, or an RSS or Atom feed is expected"
    role = reason.removeprefix("missing_").removesuffix("_not_text")
    if role in ("title", "description"):
        columns = source.columns()[role]
        read = " and ".join(map(repr, [columns] if isinstance(columns, str) else columns))
        cure = f"the {role} was read from {read}, and --{role}-field names another column"
    return f"No row of {source.title} can be used: {count} of {total} have {reason}, the first in {place}; {cure}."


def _too_few(source: str, draft: _Draft, kept: int, repeated: int, settings: PrepareSettings) -> str:
    counts = Counter(draft.rejected) + Counter({"duplicates": repeated})
    left_out = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    if kept == settings.max_products:
        return f"--max-products must be at least {FEWEST_PRODUCTS}, since some are held out; got {kept}."
    needed = f"{source} gives {kept} usable products and at least {FEWEST_PRODUCTS} are needed, since some are held out"
    if not counts:
        return f"{needed}; give a larger file."
    [(reason, count)] = counts.most_common(1)
    if reason == "duplicates":
        return f"{needed}: {count} rows repeat others (left out: {left_out}); give a file of different products."
    first = draft.first_reject[reason]
    example = f"the first in line {first.line}: {shortened(first.detail, 80)}"
    return f"{needed}: {count} rows have {reason}, {example} (left out: {left_out}); correct these rows."


def _write_products(
    draft: _Draft, choices: _Choices, staging: Path, mapped: Map
) -> tuple[str, Counter[str], Counter[str]]:
    """Write the products that are kept and all rejects, in line order.

    Return the data hash, the number of rejects by reason and the number of products by the name of an attribute.
    """
    rejected, digest = Counter(draft.rejected), sha256()
    attributes: Counter[str] = Counter()
    with (
        (staging / "rejects.jsonl").open("wb") as rejects,
        TableWriter(staging / "products.parquet", PRODUCTS) as products,
    ):
        for block in mapped(finish_block, _decided_blocks(draft, choices)):
            digest.update(block.hashed)
            rejects.write(block.rejects)
            rejected.update(block.rejected)
            attributes.update(block.attributes)
            if len(attributes) > COUNTED_NAMES:  # a file may give each product names of its own
                attributes = Counter(dict(attributes.most_common(COUNTED_NAMES // 2)))
            products.extend(pa.ipc.open_stream(block.products).read_all())
    rmtree(draft.folder)
    return digest.hexdigest(), rejected, attributes


def _describe_sources(sources: Sources, draft: _Draft, choices: _Choices) -> dict[str, Any]:
    """Return the file, or the files with the counts of each; see `prepare`."""
    files = [one.describe() for one in sources.files]
    if len(files) == 1 and not sources.left_out:
        return files[0]
    kept = [int((one >= 0).sum()) for one in np.split(choices.splits, draft.file_ends[:-1])]
    counted = [
        {**one, "read": read, "kept": stays, "rejected": read - stays}
        for one, read, stays in zip(files, draft.read, kept, strict=True)
    ]
    left_out = [{"name": name, "why": why} for name, why in sources.left_out]
    size = sum(one["bytes"] for one in files)
    return {"name": sources.title, "bytes": size, "encoding": "", "files": counted, "left_out": left_out}


def _decided_blocks(draft: _Draft, choices: _Choices) -> Iterator[DecidedBlock]:
    """Yield each block of the draft with the decisions on its rows."""
    start = 0
    for number, end in enumerate(draft.ends.tolist()):
        file = draft.file_of(end - 1)
        repeats = {
            row: (reason, draft.place(first, file))
            for row in np.flatnonzero(choices.splits[start:end] < 0).tolist()
            if (found := choices.repeats.get(row + start))
            for reason, first in [found]
        }
        products, rejects = ((draft.folder / f"{number}.{kind}").read_bytes() for kind in ("products", "rejects"))
        yield DecidedBlock(draft.files[file], products, rejects, choices.splits[start:end], repeats)
        start = end
