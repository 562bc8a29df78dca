"""Read the rows of a file of titles, each with title and attributes for the model, or the reason why it has none.

Invalid rows are counted and kept. The reasons are those of `catalogue.prepare` for a row and its title (invalid_json,
not_an_object, invalid_csv, invalid_xml, invalid_utf8, line_too_long, variant, store_view,
other_language, missing_title, title_not_text) and

    title_too_long    more than 1,000 characters in the file, before cleaning

With `Columns.carry` a row keeps all that it has in the file: see `TitleRow`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelftalk.catalogue.attributes import keep_attributes
from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.columns import Columns, choose_title_columns, description_columns, distinct_names
from shelftalk.catalogue.draft import described, joined
from shelftalk.catalogue.files import opened, physical_lines
from shelftalk.catalogue.known_attributes import NOTHING_KNOWN, KnownAttributes
from shelftalk.catalogue.read import SURROGATE, reading, sample_of
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.catalogue.values import title_of, uid_of
from shelftalk.prompts import request_for
from shelftalk.records import Attributes
from shelftalk.rules.check import BRAND_NAMES

# Names of attributes that say who makes a product, or where a shop puts it.
OF_THE_SHOP = frozenset(
    (
        *("tags", "tag", "keywords", "category", "categories", "product category", "product categories"),
        *("google product category", "collection", "collections", "department", "etiquetas", "categoria", "categorias"),
        *(*BRAND_NAMES, "brand name", "brands", "product brand", "supplier", "seller"),
        *("marca", "marcas", "marka", "marke", "marken", "marque", "marques", "merk", "hersteller", "fabricante"),
    )
)
MOST_CHARACTERS = 1000  # the longest of AmazonTitles have some 500; far longer prompts are unlike the training data


@dataclass(frozen=True, slots=True)
class TitleRow:
    """One row: `number` counts rows from 0, `line` is its line in the file, `title` is unchanged.

    `query` is the title cleaned as for training; it is empty if the row is invalid, for which `fault` and `detail`
    give the reason. `attributes` are cleaned, and spelt and ordered as the run knows them.

    With `Columns.carry`, `carried` has all values of the row by the names of its columns, None where it could not be
    read; then `raw` is its text, if it has lines of its own. `description` are the cells of its description.
    """

    number: int
    line: int
    uid: str
    title: str
    query: str
    fault: str = ""
    detail: str = ""
    attributes: Attributes = ()
    description: tuple[Any, ...] = ()
    carried: dict[str, Any] | None = None
    raw: str = ""

    @property
    def request(self) -> str:
        """The request for the model: title and attributes."""
        return request_for(self.query, self.attributes)

    @property
    def old(self) -> str:
        """The description that the row has, cleaned as for training; '' where it has none, or no text."""
        try:
            parts = [clean(_unicode(joined(value))) for value in self.description]
        except Unusable:
            return ""
        return described(parts) if parts else ""


def find_columns(
    source: Path,
    file: FileSettings = FOUND,
    known: KnownAttributes = NOTHING_KNOWN,
) -> Columns:
    """Choose the columns of title and id, those of attributes, if a run knows any, and of descriptions, if there are.

    Those of attributes are the ones that `prepare` would choose, those with a name that the run knows, and the columns
    that its own were read from. Who makes a product, and where a shop puts it, is left out where the run knows no such
    name: a model that never learned to tell it writes that the product "has a vendor" and "comes with 4 tags".

    Raises:
        NotFound: there is no such file.
        UnreadableInput: the file as a whole cannot be read, or has no such column.
    """
    with reading(source, file) as reader:
        names, sample = reader.columns(), sample_of(reader)
    # Without columns no row can be read, and each row gets its reason.
    if not names:
        return Columns("title")
    if not known:
        columns = choose_title_columns(source, names, file, sample=sample)
    else:
        automatic = choose_title_columns(source, names, file, "automatic", sample).attributes
        usual = [one for one in automatic if one.name.casefold() not in OF_THE_SHOP]
        possible = choose_title_columns(source, names, file, "all", sample)
        chosen = (
            one for one in possible.attributes if one in usual or one.name in known or one.column in known.columns
        )
        columns = possible._replace(attributes=tuple(chosen))
    return columns._replace(description=description_columns(columns, names, sample))


def column_names(source: Path, file: FileSettings = FOUND) -> list[str]:
    """Return the distinct names of a file's columns; of JSON and feeds those of the first products.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: the file as a whole cannot be read.
    """
    with reading(source, file) as reader:
        return distinct_names(reader.columns())


def read_titles(
    source: Path, columns: Columns, file: FileSettings = FOUND, known: KnownAttributes = NOTHING_KNOWN
) -> Iterator[TitleRow]:
    """Yield every row that is not blank, in the order of the file, with its attributes as a run knows them.

    Raises:
        UnreadableInput: the file is truncated or corrupt.
    """
    with reading(source, file) as reader:
        rows = reader.rows(columns)
        texts = _with_raw_texts(source, file, rows) if columns.carry else ((*one, "") for one in rows)
        for number, (line, row, raw) in enumerate(texts):
            yield _title_row(number, line, row, known, raw)


def _with_raw_texts(
    source: Path, file: FileSettings, rows: Iterator[tuple[int, Row | Unusable]]
) -> Iterator[tuple[int, Row | Unusable, str]]:
    """Yield each row with the text of its lines where it could not be read; '' where others share its line.

    They are read from the file once more.
    """
    with ExitStack() as stack:
        lines: Iterator[tuple[int, bytes | None]] | None = None
        held: tuple[int, Unusable] | None = None  # until it is known where the next row begins
        before = 0
        for line, row in rows:
            if held:
                yield *held, _text_of(lines, held[0], line) if lines and before < held[0] < line else ""
                before, held = held[0], None
            if isinstance(row, Unusable) and row.carried is None:
                lines = lines or physical_lines(stack.enter_context(opened(source, file)).stream)
                held = line, row
            else:
                yield line, row, ""
                before = line
        if held:
            yield *held, _text_of(lines, held[0], None) if lines and before < held[0] else ""


def _text_of(lines: Iterator[tuple[int, bytes | None]], first: int, after: int | None) -> str:
    """Return the text of the lines from `first` up to `after`, or to the end, without white space around it."""
    found = []
    for number, line in lines:
        if number >= first and line is not None:
            found.append(line)
        if after is not None and number + 1 >= after:
            break
    return b"".join(found).decode(errors="replace").strip()


def _title_row(number: int, line: int, row: Row | Unusable, known: KnownAttributes, raw: str) -> TitleRow:
    uid = title = ""
    description: tuple[Any, ...] = ()
    try:
        if isinstance(row, Unusable):
            raise row
        uid = uid_of(row.uid)
        title = _unicode(title_of(row.title))
        description = row.description
        query, attributes = _query(title), _attributes(row, known)
        return TitleRow(number, line, uid, title, query, "", "", attributes, description, row.carried)
    except Unusable as fault:
        carried = row.carried  # of a row, or of the fault that stands in its place
        return TitleRow(
            number, line, uid, title, "", fault.reason, _unicode(fault.detail), (), description, carried, raw
        )


def _attributes(row: Row, known: KnownAttributes) -> Attributes:
    cleaned = ((clean(_unicode(name)), clean(_unicode(value))) for name, value in row.attributes)
    kept, _ = keep_attributes(cleaned)
    return known.arrange(kept)


def _query(title: str) -> str:
    """Clean the title as for training.

    Raises:
        Unusable: it is too long, or empty after cleaning.
    """
    if len(title) > MOST_CHARACTERS:
        raise Unusable("title_too_long", f"{len(title):,} characters; at most {MOST_CHARACTERS:,} are described")
    if not (query := clean(title)):
        raise Unusable("missing_title")
    return query


def _unicode(text: str) -> str:
    """Replace every lone surrogate, which UTF-8 cannot encode, with U+FFFD."""
    return SURROGATE.sub("\ufffd", text)
