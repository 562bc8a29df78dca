"""Read the rows of a file of titles, each with title and attributes for the model, or the reason why it has none.

Invalid rows are counted and kept. The reasons are those of `catalogue.prepare` for a row and its title (invalid_json,
not_an_object, invalid_csv, invalid_xml, invalid_utf8, line_too_long, variant, store_view,
other_language, missing_title, title_not_text) and

    title_too_long    more than 1,000 characters in the file, before cleaning
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shelftalk.catalogue.attributes import keep_attributes
from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.columns import Columns, choose_title_columns
from shelftalk.catalogue.known_attributes import NOTHING_KNOWN, KnownAttributes
from shelftalk.catalogue.read import SURROGATE, reading, sample_of
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.settings import FOUND, FileSettings
from shelftalk.catalogue.values import title_of, uid_of
from shelftalk.prompts import request_for
from shelftalk.records import Attributes

MOST_CHARACTERS = 1000  # the longest of AmazonTitles have some 500; far longer prompts are unlike the training data


@dataclass(frozen=True, slots=True)
class TitleRow:
    """One row: `number` counts rows from 0, `line` is its line in the file, `title` is unchanged.

    `query` is the title cleaned as for training; it is empty if the row is invalid, for which `fault` and `detail`
    give the reason. `attributes` are cleaned, and spelt and ordered as the run knows them.
    """

    number: int
    line: int
    uid: str
    title: str
    query: str
    fault: str = ""
    detail: str = ""
    attributes: Attributes = ()

    @property
    def request(self) -> str:
        """The request for the model: title and attributes."""
        return request_for(self.query, self.attributes)


def find_columns(
    source: Path,
    file: FileSettings = FOUND,
    known: KnownAttributes = NOTHING_KNOWN,
) -> Columns:
    """Choose the columns of title and id, and those of attributes, if a run knows any.

    These are the ones that `prepare` would choose, those with a name that the run knows, and the columns that its own
    were read from.

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
        return choose_title_columns(source, names, file, sample=sample)
    usual = choose_title_columns(source, names, file, "automatic", sample).attributes
    possible = choose_title_columns(source, names, file, "all", sample)
    chosen = (one for one in possible.attributes if one in usual or one.name in known or one.column in known.columns)
    return possible._replace(attributes=tuple(chosen))


def read_titles(
    source: Path, columns: Columns, file: FileSettings = FOUND, known: KnownAttributes = NOTHING_KNOWN
) -> Iterator[TitleRow]:
    """Yield every row that is not blank, in the order of the file, with its attributes as a run knows them.

    Raises:
        UnreadableInput: the file is truncated or corrupt.
    """
    with reading(source, file) as reader:
        for number, (line, row) in enumerate(reader.rows(columns)):
            yield _title_row(number, line, row, known)


def _title_row(number: int, line: int, row: Row | Unusable, known: KnownAttributes) -> TitleRow:
    uid = title = ""
    try:
        if isinstance(row, Unusable):
            raise row
        uid = uid_of(row.uid)
        title = _unicode(title_of(row.title))
        return TitleRow(number, line, uid, title, _query(title), attributes=_attributes(row, known))
    except Unusable as fault:
        return TitleRow(number, line, uid, title, "", fault.reason, _unicode(fault.detail))


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
