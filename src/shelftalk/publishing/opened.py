"""The file of products that texts are written back to: how it is read, and which shop's export it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from shelftalk.catalogue.columns import Columns, choose_columns, choose_title_columns, usual_columns
from shelftalk.catalogue.delimited import Delimited
from shelftalk.catalogue.dialect import Dialect
from shelftalk.catalogue.file_names import Kind, suffix_of
from shelftalk.catalogue.files import opened
from shelftalk.catalogue.read import Reader, reader_of, reading, sample_of
from shelftalk.catalogue.rows import Row
from shelftalk.catalogue.settings import FileSettings, PrepareSettings
from shelftalk.catalogue.usual_names import normalised
from shelftalk.errors import UnreadableInput, UserError
from shelftalk.publishing.settings import PublishSettings

TABLES = ("csv", "tsv", "sheet")
SHOPIFY = ("body (html)", {"handle", "title", "body (html)"}), ("description", {"url handle", "title", "description"})
GOOGLE = {"id", "title", "link", "availability"}  # of a table
GOOGLE_XML = {"id", "title", "price"}
WANTED = {
    "shopify": "has no columns Handle, Title and Body (HTML), or URL handle, Title and Description, as Shopify exports",
    "woocommerce": "is no export of WooCommerce with its columns ID and Description",
    "google": "has no column of ids",
}


@dataclass(frozen=True)
class Input:
    """A file of products; `settings` are those with which it is read again, `suffix` is that of its unpacked name.

    `dialect` is that of a table.
    """

    source: Path
    settings: FileSettings
    kind: Kind
    suffix: str
    encoding: str
    names: tuple[str, ...]
    columns: Columns
    dialect: Dialect | None

    @property
    def is_html(self) -> bool:
        """Whether the shop takes descriptions as HTML."""
        return self.columns.escaped or self.is_shopify

    @property
    def is_shopify(self) -> bool:
        """Whether it has the columns of Shopify's exports, and the descriptions are theirs."""
        names, texts = set(map(str.lower, self.names)), [one.lower() for one in self.columns.description]
        return self.kind in TABLES and any(marks <= names and texts == [body] for body, marks in SHOPIFY)

    @property
    def place(self) -> int:
        """The position, among the columns of the description, of the one that is written.

        Of WooCommerce's that is the last, behind the short description.
        """
        return len(self.columns.description) - 1 if self.columns.escaped else 0

    @property
    def column(self) -> str:
        """The column that is written."""
        return self.columns.description[self.place]

    def text_of(self, row: Row) -> Any:
        """Return the unprocessed description of a row; None where the file has no such column."""
        return row.description[self.place] if row.description else None

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Open the file with the reader of its kind, whose columns are known."""
        with reading(self.source, self.settings) as reader:
            yield reader

    @contextmanager
    def table(self) -> Iterator[Delimited]:
        """Open a table, behind the names of its columns."""
        with self.reader() as reader:
            if not isinstance(reader, Delimited):
                raise UnreadableInput(f"{self.source} is no table; give the export of the shop as CSV.")
            reader.columns()
            yield reader

    @contextmanager
    def stream(self) -> Iterator[io.BufferedReader[Any]]:
        """Open the file as a stream of UTF-8 without a mark."""
        with opened(self.source, self.settings) as file:
            yield file.stream


def open_input(source: Path, settings: PublishSettings) -> Input:
    """Find how a file is read, and its columns.

    Raises:
        NotFound, UnreadableInput: it cannot be read, or lacks a column; see `files.opened` and `choose_columns`.
    """
    with opened(source, settings) as file:
        reader = reader_of(file, settings)
        names = reader.columns()
        if not names:
            raise UnreadableInput(f"{source} has no row that can be read; give the file that the texts were made for.")
        columns = _columns(source, names, settings, sample_of(reader))
        again = replace(FileSettings(**_of_reading(settings)), encoding=file.encoding or None)
        dialect = reader.dialect if isinstance(reader, Delimited) else None
        return Input(source, again, file.kind, suffix_of(file.name), file.encoding, tuple(names), columns, dialect)


def _of_reading(settings: FileSettings) -> dict[str, Any]:
    """Return the settings of how a file is read, by their names."""
    return {one.name: getattr(settings, one.name) for one in fields(FileSettings)}


def _columns(source: Path, names: list[str], settings: PublishSettings, sample: Any) -> Columns:
    if settings.format == "google" and not settings.description_field and not usual_columns(names, sample).description:
        return choose_title_columns(source, names, settings, sample=sample)
    wanted = PrepareSettings(**_of_reading(settings), description_field=settings.description_field, attributes="none")
    return choose_columns(source, names, wanted, sample)


def format_of(found: Input, settings: PublishSettings) -> str:
    """Return the format to write, one of FORMATS: the given one, or else that of the shop that made the file.

    Raises:
        UserError: the file does not have what the given format needs, or no format suits it.
    """
    wanted = settings.format
    is_woocommerce = found.columns.escaped and found.columns.uid is not None
    marks = GOOGLE_XML if found.kind == "xml" else GOOGLE
    is_google = found.columns.uid is not None and set(map(normalised, found.names)) >= marks
    if wanted == "automatic":
        if found.is_shopify:
            return "shopify"
        wanted = "woocommerce" if is_woocommerce else "google" if is_google else "plain"
    suits = {
        "shopify": found.is_shopify,
        "woocommerce": is_woocommerce and found.kind in TABLES,
        "google": found.columns.uid is not None,
        "plain": True,
    }
    if not suits[wanted]:
        raise UserError(f"{found.source} {WANTED[wanted]}; choose another --format.")
    if wanted == "plain":
        _check_plain(found)
    return wanted


def _check_plain(found: Input) -> None:
    """Require that single cells of the file can be replaced.

    Raises:
        UserError: they cannot.
    """
    what = {"xml": "a feed in XML", "sheet": "a spreadsheet"}.get(found.kind)
    if what:
        cure = "give --format google, or save it as CSV, and give that to generate and publish"
        raise UserError(f"{found.source} is {what}, in which no single cell is replaced; {cure}.")
    if found.columns.language:
        raise UserError(
            f"{found.source} holds texts in several languages in one cell, which is not replaced; write one file for "
            f"each language and publish to that."
        )
