"""Clean a catalogue file block by block, and finish the blocks after the decision on each row.

A block is a few megabytes of the file. `clean_block` and `finish_block` depend only on their arguments, so blocks can
be cleaned and finished in any process and on any machine. Between the two passes a block is stored on disk as
compressed Arrow tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from shelftalk.catalogue.attributes import keep_attributes
from shelftalk.catalogue.clean import clean, clean_all, comparables, plain
from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.json_lines import JsonLines, rows_of_lines
from shelftalk.catalogue.near_duplicates import Signatures, signatures
from shelftalk.catalogue.read import Reader
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.split import SPLITS, Fingerprints, fingerprints
from shelftalk.catalogue.table import ATTRIBUTES, PRODUCTS
from shelftalk.catalogue.values import DETAIL_LENGTH, text_of, title_of, uid_of
from shelftalk.records import Attributes, Reject

ROWS_IN_BLOCK = 4_000  # of file kinds that only one process can read
CHARACTERS_IN_BLOCK = 8 << 20
# What programs and people write where there is no description.
PLACEHOLDERS = frozenset(
    (
        *("-", "--", "---", ".", "?", "n/a", "#n/a", "n.a.", "na", "nan", "none"),
        *("null", "(null)", "undefined", "tbd", "[]", "{}"),
    )
)
LONGEST_PLACEHOLDER = max(map(len, PLACEHOLDERS))
CHARACTERS_OF_PAIR = 200  # that take the memory of an attribute besides its texts

# `row` is the index in the block: many rows may share one line.
DRAFT = pa.schema(
    [
        ("uid", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("line", pa.int64()),
        ("row", pa.int32()),
        ("attributes", ATTRIBUTES),
    ]
)
REJECTS = pa.schema([("row", pa.int32()), ("entry", pa.binary())])
HASHED = ("uid", "title", "description", "split")  # of each product, for the catalogue's data hash
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class LineBlock(NamedTuple):
    """Complete, unparsed lines of a JSON Lines file; `first` is the number of the first line."""

    file: str
    part: str
    columns: Columns
    first: int
    lines: bytes

    def rows(self) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield the lines that are not blank."""
        return rows_of_lines(self.first, self.lines, self.columns)


class RowBlock(NamedTuple):
    """Parsed rows of a file of another kind, as its reader yields them."""

    file: str
    part: str
    read: list[tuple[int, Row | Unusable]]

    def rows(self) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield the rows."""
        return iter(self.read)


class _ReadRows(NamedTuple):
    """The texts of a block's usable rows, not cleaned but for the ids, which are '' where a row has none.

    `parts` has as many texts for each row as there are columns of descriptions. A list for each column, not a tuple for
    each row: tuples of texts are what Python's garbage collector would search again and again.
    """

    positions: list[int]
    lines: list[int]
    uids: list[str]
    titles: list[str]
    parts: list[str]
    attributes: list[tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class DraftBlock:
    """A cleaned block: its products and the JSON of its rejects, each an Arrow stream with the rows' indices.

    For each product it has the fingerprints, the line and, on request, the description's signature; `rejected` has the
    number of rejects and the first reject for each reason; `cut` counts what was cut of attributes.
    """

    file: str
    products: bytes
    rejects: bytes
    titles: Fingerprints
    descriptions: Fingerprints
    uids: Fingerprints
    lines: NDArray[np.int64]
    signatures: Signatures
    rejected: dict[str, tuple[int, Reject]]
    cut: Counter[str]


class DecidedBlock(NamedTuple):
    """A cleaned block with the decision on each product: `splits` has an index of SPLITS, or -1 to leave it out.

    `repeats` has, by row, the reason and the place of the earlier product for each product that repeats one.
    """

    file: str
    products: bytes
    rejects: bytes
    splits: NDArray[np.int8]
    repeats: dict[int, tuple[str, str]]


class FinishedBlock(NamedTuple):
    """The part of the catalogue from one block.

    `products` is an Arrow stream, `hashed` one line of JSON for each product, `rejects` one for each reject, in line
    order; `rejected` counts the rejects of the second pass, `attributes` the products that have an attribute, by name.
    """

    products: bytes
    hashed: bytes
    rejects: bytes
    rejected: Counter[str]
    attributes: Counter[str]


def blocks(reader: Reader, columns: Columns, file: str = "", part: str = "") -> Iterator[LineBlock | RowBlock]:
    """Split an open file into blocks, in order; the same file gives the same blocks.

    `file` is its name in rejects, if not the reader's; `part` stands in the ids that are made up for its rows.
    """
    file = file or reader.name
    if isinstance(reader, JsonLines):
        yield from (LineBlock(file, part, columns, first, lines) for first, lines in reader.line_blocks())
        return
    rows: list[tuple[int, Row | Unusable]] = []
    characters = 0
    for line, row in reader.rows(columns):
        rows.append((line, row))
        if isinstance(row, Row):
            characters += sum(map(_characters, (row.title, *row.description)))
            for name, value in row.attributes:
                characters += len(name) + len(value) + CHARACTERS_OF_PAIR
        if len(rows) == ROWS_IN_BLOCK or characters >= CHARACTERS_IN_BLOCK:
            yield RowBlock(file, part, rows)
            rows, characters = [], 0
    if rows:
        yield RowBlock(file, part, rows)


def _characters(value: Any) -> int:
    return len(value) if isinstance(value, str) else sum(map(_characters, value)) if isinstance(value, list) else 0


def clean_block(block: LineBlock | RowBlock, with_signatures: bool = False) -> DraftBlock:
    """Clean a block's rows into products, with signatures if requested, and turn unusable rows into rejects."""
    read, rejects = _read(block)
    cleaned = zip(clean_all(read.titles), _descriptions(read), clean_pairs(read.attributes), strict=True)
    uids: list[str] = []
    titles: list[str] = []
    descriptions: list[str] = []
    lines: list[int] = []
    positions: list[int] = []
    attributes: list[Attributes] = []
    cut: Counter[str] = Counter()
    rows = zip(read.positions, read.lines, read.uids, cleaned, strict=True)
    for position, line, uid, (title, description, pairs) in rows:
        if not title:
            known = "" if uid == f"row-{block.part}{line}" else uid
            detail = ": ".join(filter(None, (known, description)))
            rejects.append((position, Reject(block.file, line, "missing_title", detail)))
        elif not description:
            rejects.append((position, Reject(block.file, line, "missing_description", title)))
        elif len(description) <= LONGEST_PLACEHOLDER and description.casefold() in PLACEHOLDERS:
            rejects.append((position, Reject(block.file, line, "missing_description", f"{description}: {title}")))
        else:
            uids.append(uid or f"row-{block.part}{line}")
            titles.append(title)
            descriptions.append(description)
            lines.append(line)
            positions.append(position)
            attributes.append(())
            if pairs:
                attributes[-1], one_cut = keep_attributes(pairs, title, description)
                cut.update(one_cut)
    rejected: dict[str, tuple[int, Reject]] = {}
    for _, reject in rejects:
        count, first = rejected.get(reject.reason, (0, reject))
        rejected[reject.reason] = (count + 1, first)
    comparable_descriptions = comparables(descriptions)
    return DraftBlock(
        block.file,
        _stream(_table(DRAFT, [uids, titles, descriptions, lines, positions, attributes])),
        _stream(_table(REJECTS, [[position for position, _ in rejects], [_entry(one) for _, one in rejects]])),
        fingerprints("title", comparables(titles)),
        fingerprints("description", comparable_descriptions),
        fingerprints("uid", map(str.encode, uids)),
        np.array(lines, dtype=np.int64),
        signatures(comparable_descriptions if with_signatures else []),
        rejected,
        cut,
    )


def finish_block(block: DecidedBlock) -> FinishedBlock:
    """Separate the products of a block that are kept from those that are left out."""
    table, early = pa.ipc.open_stream(block.products).read_all(), pa.ipc.open_stream(block.rejects).read_all()
    stays = block.splits >= 0
    late = table.filter(pa.array(~stays))
    rejects = [
        _late_reject(block.file, row, product, block.repeats)
        for row, product in zip(np.flatnonzero(~stays).tolist(), late.to_pylist(), strict=True)
    ]
    entries = list(zip(early["row"].to_pylist(), early["entry"].to_pylist(), strict=True))
    entries += [(position, _entry(reject)) for position, reject in zip(late["row"].to_pylist(), rejects, strict=True)]
    splits = pa.array(np.array(SPLITS, dtype=object)[block.splits[stays]], pa.string())
    kept = table.filter(pa.array(stays)).append_column("split", splits).select(PRODUCTS.names)
    *texts, attributes = (kept[name].to_pylist() for name in (*HASHED, "attributes"))
    hashed = zip(*texts, attributes, strict=True)
    return FinishedBlock(
        _stream(kept, compressed=False),
        # Without attributes the line is that of catalogues from before there were any.
        b"".join(orjson.dumps(row if row[-1] else row[:-1], option=orjson.OPT_APPEND_NEWLINE) for row in hashed),
        b"".join(entry for _, entry in sorted(entries)),
        Counter(reject.reason for reject in rejects),
        Counter(name for pairs in attributes for name, _ in pairs),
    )


def _read(block: LineBlock | RowBlock) -> tuple[_ReadRows, list[tuple[int, Reject]]]:
    """Return the texts of a block's rows, and a reject, with its position, for each row that is unusable."""
    read = _ReadRows([], [], [], [], [], [])
    rejects: list[tuple[int, Reject]] = []
    for position, (line, row) in enumerate(block.rows()):
        try:
            if isinstance(row, Unusable):
                raise row
            title = title_of(row.title)
            uid = uid_of(row.uid)
            description = [joined(value) for value in row.description]
        except Unusable as fault:
            rejects.append((position, Reject(block.file, line, fault.reason, fault.detail)))
        else:
            read.positions.append(position)
            read.lines.append(line)
            read.uids.append(uid)
            read.titles.append(title)
            read.parts.extend(description)
            read.attributes.append(row.attributes)
    return read, rejects


def clean_pairs(rows: Sequence[Sequence[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """Return each row's names and values, cleaned."""
    cleaned = iter(clean_all([text for pairs in rows if pairs for pair in pairs for text in pair]))
    none: list[tuple[str, str]] = []
    return [[(next(cleaned), next(cleaned)) for _ in pairs] if pairs else none for pairs in rows]


def _descriptions(read: _ReadRows) -> list[str]:
    """Return each row's cleaned description, joined from the parts in its columns."""
    cleaned = clean_all(read.parts)
    if len(cleaned) == len(read.titles):
        return cleaned
    width = len(cleaned) // max(len(read.titles), 1)
    return [described(cleaned[width * row : width * (row + 1)]) for row in range(len(read.titles))]


def described(parts: list[str]) -> str:
    """Join a description's cleaned parts into one text; a part contained in another part is left out."""
    if len(parts) == 1:
        return parts[0]
    parts = list(dict.fromkeys(parts))
    return clean(" ".join(part for part in parts if not any(part in other for other in parts if other != part)))


def joined(value: Any) -> str:
    """Return the text of a description's cell, which may be a list of texts.

    Raises:
        Unusable: it is not a text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    return text_of(value, "description_not_text")


def _late_reject(file: str, row: int, product: dict[str, Any], repeats: dict[int, tuple[str, str]]) -> Reject:
    if row not in repeats:
        return Reject(file, product["line"], "not_sampled", product["title"])
    reason, first = repeats[row]
    same = f"id {product['uid']!r}" if reason == "duplicate_id" else product["title"]
    return Reject(file, product["line"], reason, f"{first}: {same}")


def _entry(reject: Reject) -> bytes:
    """Return the reject as a line of rejects.jsonl."""
    detail = shortened(reject.detail, DETAIL_LENGTH)
    entry = {"file": reject.file, "line": reject.line, "reason": reject.reason, "detail": detail}
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def shortened(text: str, length: int) -> str:
    """Return a plain text of at most `length` characters; a truncated text ends in an ellipsis."""
    text = plain(text[: 2 * length])
    return text if len(text) <= length else text[: length - 1] + "…"


def _table(schema: Any, columns: list[Any]) -> Any:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _stream(table: Any, compressed: bool = True) -> bytes:
    """Return an Arrow stream of one table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=COMPRESSED if compressed else None) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
